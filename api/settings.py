"""What the operator set: `returns-ledger.toml`, the environment, and defaults. Anything unknown is refused with its key."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from adapters.erps.port import ErpSettings
from adapters.inbox.sealing import Seal, SealError
from adapters.proposals import Decisions
from domain.money import to_minor
from domain.policy import Duration, ErpTerms, GapKind, Policy

PREFIX = "RETURNS_LEDGER_"
FILE_NAME = "returns-ledger.toml"
DEMO_HOUSE = "demo"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the key and says what to do."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _read_secret(given: object) -> object:
    """A secret is text, or `{ env = "NAME" }`, or `{ file = "PATH" }`."""
    if not isinstance(given, dict):
        return given
    match given:
        case {"env": str(name), **rest} if not rest:
            if name not in os.environ:
                raise ValueError(f"the environment variable {name} is not set")
            return os.environ[name]
        case {"file": str(path), **rest} if not rest:
            try:
                return Path(path).read_text().strip()
            except OSError as failure:
                raise ValueError(f"the file {path} cannot be read: {failure.strerror}") from None
    raise ValueError('a secret is text, { env = "NAME" } or { file = "PATH" }')


Secret = Annotated[SecretStr, BeforeValidator(_read_secret)]
Poll = Annotated[Duration | Literal["off"], Field(union_mode="left_to_right")]
Rate = Annotated[str, Field(pattern=r"^[1-9]\d{0,5}/(s|min|h|d)$")]


class Database(_Table):
    url: Secret | None = None


class Inbox(_Table):
    """How raw webhooks are kept: encrypted with `key` (one or several, the newest first), and for how many days."""

    key: Secret | None = None
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30

    @field_validator("key")
    @classmethod
    def _fits(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            try:
                Seal(key.get_secret_value())
            except SealError as wrong:
                raise ValueError(str(wrong)) from None
        return key


class Posting(_Table):
    """Batched posting: at these times of day in this time zone."""

    at: Annotated[tuple[str, ...], Field(min_length=1)]
    timezone: str = "UTC"

    @field_validator("at")
    @classmethod
    def _are_times(cls, at: tuple[str, ...]) -> tuple[str, ...]:
        for one in at:
            try:
                fits = time.fromisoformat(one).tzinfo is None and len(one) == len("12:00")
            except ValueError:
                fits = False
            if not fits:
                raise ValueError(f'{one!r} is no time of day; write it as "18:00"')
        return at

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError(f'{timezone!r} is no time zone; write it as "Europe/London"') from None
        return timezone


class ConnectionPolicy(Policy):
    """The policy of a connection, and when its credit notes are posted."""

    credit_note_posting: Literal["immediate"] | Posting = "immediate"


class Sessions(_Table):
    """Visits to the console: how long one lasts, and how long without a page. `public_url` is what browsers call the house."""

    public_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+$")] | None = None
    lifetime: Annotated[Duration, Field(validate_default=True)] = "12h"  # type: ignore[assignment]  # read as "12h" is
    idle: Annotated[Duration, Field(validate_default=True)] = "2h"  # type: ignore[assignment]


class Oidc(_Table):
    """The identity provider. `roles` says which values of the claim `role_claim` give which role here."""

    issuer: Annotated[str, Field(pattern=r"^https?://\S+$")]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: Secret | None = None
    role_claim: str = "groups"
    roles: dict[Literal["finance", "auditor", "ops", "admin"], tuple[str, ...]]

    @field_validator("issuer")
    @classmethod
    def _is_private(cls, issuer: str) -> str:
        """Whoever listens in on the way to the provider could sign in as anybody."""
        if issuer.startswith("http://") and urlsplit(issuer).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("must begin with https://")
        return issuer


class Smtp(_Table):
    """The server that takes the house's mail."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Secret | None = None


class AlertChannel(_Table):
    """Where people are told: `to` for email, `url` for the others, `secret` (whsec_…) for webhook."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    kind: Literal["email", "slack", "teams", "webhook"]
    to: tuple[Annotated[str, Field(pattern=r"^[^\s@,]+@[^\s@,]+$")], ...] = ()
    url: Secret | None = None
    secret: Secret | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> AlertChannel:
        for name, needed in (("to", self.kind == "email"), ("url", self.kind != "email"), ("secret", self.kind == "webhook")):
            if needed != bool(getattr(self, name)):
                raise ValueError(f"{self.name}: {self.kind} {'needs' if needed else 'has no'} {name}")
        return self


class AlertRule(_Table):
    """Which gaps are told of, each once."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    kinds: tuple[GapKind, ...] = ()
    owners: tuple[str, ...] = ()
    older_than: Duration = timedelta()
    over: dict[str, str] = Field(default_factory=dict)

    @field_validator("over")
    @classmethod
    def _is_money(cls, over: dict[str, str]) -> dict[str, str]:
        for currency, amount in over.items():
            to_minor(amount, currency)
        return over


class AlertDigest(_Table):
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    at: time = time(8)
    owner: str | None = None


class Alerts(_Table):
    """Whom the house tells of gaps. In `quiet` hours (from, to) nobody is told; it comes afterwards."""

    timezone: Annotated[str, AfterValidator(Posting._is_known)] = "UTC"
    quiet: tuple[time, time] | None = None
    channels: tuple[AlertChannel, ...] = ()
    rules: tuple[AlertRule, ...] = ()
    digests: tuple[AlertDigest, ...] = ()

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Alerts:
        names = [channel.name for channel in self.channels]
        rules = [rule.name for rule in self.rules]
        for kind, given in (("channels", names), ("rules", rules)):
            if len(set(given)) < len(given):
                raise ValueError(f"two {kind} have the same name")
        for told in [*(rule.channels for rule in self.rules), *(digest.channels for digest in self.digests)]:
            if unknown := set(told) - set(names):
                raise ValueError(f"there is no channel with the name {sorted(unknown)[0]!r}")
        return self


class Connection(_Table):
    """A returns platform's account of one merchant."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
    merchant: Annotated[str, Field(min_length=1, max_length=120)]
    platform: Literal["happy_returns", "returngo", "reveni", "shopify"]
    base_url: str | None = None
    webhook_secret: Secret | None = None
    credentials: dict[str, Secret] = Field(default_factory=dict)
    poll: Poll = Field(default="5m", validate_default=True)
    rate: Rate | None = None
    erp: str | None = None
    refunds_from: str | None = None
    mappings: dict[str, dict[str, str]] = Field(default_factory=dict)
    policy: ConnectionPolicy = Field(default_factory=ConnectionPolicy)


class Erp(_Table):
    """An ERP's account."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
    kind: Literal["cin7_core", "linnworks", "patchworks", "tryton"]
    base_url: str | None = None
    credentials: dict[str, Secret] = Field(default_factory=dict)
    poll: Poll = Field(default="10m", validate_default=True)
    rate: Rate | None = None
    # How long what was written may not show in the ERP's lists; left out, as long as its kind's do at most.
    settle: Duration | None = None
    accounts: dict[str, str] = Field(default_factory=dict)
    mappings: dict[str, dict[str, str]] = Field(default_factory=dict)

    def told(self) -> ErpSettings:
        """As the adapters know it."""
        credentials = {name: secret.get_secret_value() for name, secret in self.credentials.items()}
        return ErpSettings(self.name, self.kind, self.base_url, credentials, self.accounts, self.mappings)


class Settings(_Table):
    """Everything that can be set. Scalars come from the environment too: RETURNS_LEDGER_DATA_DIR, _SCHEMA, _HOST, _PORT, _DEMO_ERP."""

    data_dir: Path = Path("data")
    # `_schema` would be the natural name; pydantic keeps that one for itself.
    schema_name: Annotated[str, Field(alias="schema", pattern=r"^[a-z_][a-z0-9_]{0,40}$")] = "returns_ledger"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    # The Tryton that the demo shows its returns against; left out, all its ERPs are simulated.
    demo_erp: str | None = None
    database: Database = Database()
    inbox: Inbox = Inbox()
    console: Sessions = Field(default_factory=Sessions)
    oidc: Oidc | None = None
    smtp: Smtp | None = None
    alerts: Alerts = Alerts()
    decisions: Decisions = Decisions()
    connections: tuple[Connection, ...] = ()
    erps: tuple[Erp, ...] = ()

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Settings:
        names = [connection.name for connection in self.connections]
        erps = [erp.name for erp in self.erps]
        for kind, given in (("connections", names), ("erps", erps)):
            twice = {name for name in given if given.count(name) > 1}
            if twice:
                raise ValueError(f"{kind}: the name {sorted(twice)[0]!r} stands twice")
        writers: set[tuple[str, str]] = set()
        for connection in self.connections:
            if connection.erp is not None and connection.erp not in erps:
                raise ValueError(f"connections.{connection.name}.erp: there is no [[erps]] with the name {connection.erp!r}")
            if connection.refunds_from is not None and connection.refunds_from not in names:
                raise ValueError(
                    f"connections.{connection.name}.refunds_from: there is no [[connections]] with the name {connection.refunds_from!r}"
                )
            shop = next((other for other in self.connections if other.name == connection.refunds_from), connection)
            if shop is not connection and (shop.platform != "shopify" or shop.merchant != connection.merchant):
                raise ValueError(
                    f"connections.{connection.name}.refunds_from: {shop.name!r} is {shop.merchant}'s {shop.platform}; "
                    f"it must be a shopify connection of {connection.merchant}"
                )
            of = (connection.merchant, connection.platform)
            if connection.erp is not None and of in writers:
                raise ValueError(
                    f"connections.{connection.name}.erp: another connection of {of[0]} on {of[1]} has an ERP already; only one may post"
                )
            if connection.erp is not None:
                writers.add(of)
        return self

    @property
    def database_url(self) -> str | None:
        return self.database.url.get_secret_value() if self.database.url else None

    def schema_of(self, house: str | None) -> str:
        """The schema a house lives in: `demo` has one of its own beside the real one."""
        return f"{self.schema_name}_{house}" if house else self.schema_name

    def policies(self) -> dict[tuple[str, str], Policy]:
        """Per merchant and platform; the connection that posts goes before one that only watches."""
        ranked = sorted(self.connections, key=lambda connection: connection.erp is not None)
        terms = {erp.name: self._terms(erp) for erp in self.erps if any(c.erp == erp.name for c in ranked)}
        return {(c.merchant, c.platform): _policy_of(c, terms.get(c.erp or "")) for c in ranked}

    def _terms(self, erp: Erp) -> ErpTerms:
        from adapters.erps.registry import brings_goods_in  # it brings all that is needed to ask a vendor

        return ErpTerms(name=erp.name, goods_in_with_note=brings_goods_in(erp.told()))


def _policy_of(connection: Connection, terms: ErpTerms | None) -> Policy:
    """As the domain knows it. Goods do not wait for a note that waits for its batch: they come in by themselves then."""
    if terms is not None and connection.policy.credit_note_posting != "immediate":
        terms = terms.model_copy(update={"goods_in_with_note": False})
    return Policy.model_validate({**connection.policy.model_dump(include=set(Policy.model_fields) - {"erp"}), "erp": terms})


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """`--config`, or RETURNS_LEDGER_CONFIG, or `returns-ledger.toml` in the working directory, or nothing. The environment goes before it.

    Raises SettingsError with the key.
    """
    environ = os.environ if environ is None else environ
    named = config or (Path(environ[f"{PREFIX}CONFIG"]) if environ.get(f"{PREFIX}CONFIG") else None)
    path = named or Path(FILE_NAME)
    given: dict[str, Any] = {}
    if named is not None or path.exists():
        try:
            given = tomllib.loads(path.read_text())
        except OSError as failure:
            raise SettingsError(f"{path}: cannot be read ({failure.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
            raise SettingsError(f"{path}: is not valid TOML: {failure}") from None
    for key in ("data_dir", "schema", "host", "port", "demo_erp"):
        value = environ.get(PREFIX + key.upper())
        if value:
            given[key] = int(value) if key == "port" and value.isdecimal() else value
    url = _secret_of(environ, "DATABASE_URL") or _secret_of(environ, f"{PREFIX}DATABASE_URL")
    if url:
        given["database"] = {"url": url}
    kept = {"key": _secret_of(environ, f"{PREFIX}INBOX_KEY"), "keep_days": environ.get(f"{PREFIX}INBOX_KEEP_DAYS")}
    for name, text in kept.items():
        if text and isinstance(given.setdefault("inbox", {}), dict):
            given["inbox"][name] = int(text) if name == "keep_days" and text.isdecimal() else text
    try:
        return Settings.model_validate(given)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        key = ".".join(_part(given, first["loc"], depth) for depth in range(len(first["loc"]))) or "settings"
        reason = (
            "is not a setting; check the spelling" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        )
        raise SettingsError(f"{path if path.exists() else 'environment'}: {key}: {reason}") from None


def _part(given: object, location: tuple[int | str, ...], depth: int) -> str:
    """Entries of a list are named by their name, where they have one."""
    part = location[depth]
    if not isinstance(part, int):
        return part
    try:
        for step in location[: depth + 1]:
            given = given[step]  # type: ignore[index]
        return str(given["name"])  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return str(part)


def _secret_of(environ: Mapping[str, str], name: str) -> str | None:
    path = environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as failure:
            raise SettingsError(f"{name}_FILE: {path} cannot be read ({failure.strerror})") from None
    return environ.get(name) or None
