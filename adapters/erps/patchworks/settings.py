"""What an operator may set of a Patchworks account beside its credentials, with defaults: the way in, and how long is waited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from adapters.erps.patchworks.client import Client
from adapters.erps.port import ErpSettings
from domain.money import CURRENCIES
from domain.policy import read_duration

Way = Literal["webhook", "start", "start_raw", "callback"]

_TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    # `by`: webhook, start, start_raw or callback; the first that the credentials allow.
    "commands": {"by": ""},
    # `settle`: how long a run may take to be listed, where nobody answered the trigger; `settle_answered`: where it was answered.
    # `within`: how long an acknowledgement is waited for before a person has to look. `sendings`: how often a failed run is begun anew.
    "acknowledgement": {"settle": "30s", "settle_answered": "15m", "within": "24h", "sendings": "3"},
    # How long Patchworks keeps flow runs.
    "retention": {"runs": "7d"},
    # `currency` stands in orders that no flow reads; nothing is computed with it.
    "orders": {"currency": "GBP"},
    # Does the flow for credit notes bring their goods into stock?
    "notes": {"goods_in": "no"},
}


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one account. `acknowledges`: may its flow post what it made of a command?"""

    way: Way
    acknowledges: bool
    settle: timedelta
    settle_answered: timedelta
    within: timedelta
    most_sendings: int
    runs_kept: timedelta
    currency: str
    goods_in_with_note: bool


def terms_of(settings: ErpSettings, client: Client) -> Terms:
    """Raises ValueError with the key for what is not known or cannot be."""
    place = f"erps.{settings.name}.mappings"
    for table, words in settings.mappings.items():
        if table not in _TABLES:
            raise ValueError(f"{place}.{table}: Patchworks has no such table; it has {', '.join(sorted(_TABLES))}")
        for word in words:
            if word not in _TABLES[table]:
                raise ValueError(f"{place}.{table}.{word}: is not known; {table} has {', '.join(sorted(_TABLES[table]))}")

    def said(table: str, word: str) -> str:
        return settings.mappings.get(table, {}).get(word, _TABLES[table][word])

    def duration(table: str, word: str) -> timedelta:
        try:
            return read_duration(said(table, word))
        except ValueError as wrong:
            raise ValueError(f"{place}.{table}.{word}: {wrong}") from None

    sendings, currency = said("acknowledgement", "sendings"), said("orders", "currency")
    if not sendings.isascii() or not sendings.isdigit() or not 1 <= int(sendings) <= 100:
        raise ValueError(f"{place}.acknowledgement.sendings: must be a whole number from 1 to 100, not {sendings!r}")
    if currency not in CURRENCIES:
        raise ValueError(f"{place}.orders.currency: {currency!r} is not a currency of ISO 4217")
    if said("notes", "goods_in") not in ("yes", "no"):
        raise ValueError(f"{place}.notes.goods_in: must be yes or no, not {said('notes', 'goods_in')!r}")
    return Terms(
        _way(said("commands", "by"), client, f"{place}.commands.by"),
        "ack_secret" in settings.credentials,
        duration("acknowledgement", "settle"),
        duration("acknowledgement", "settle_answered"),
        duration("acknowledgement", "within"),
        int(sendings),
        duration("retention", "runs"),
        currency,
        said("notes", "goods_in") == "yes",
    )


def _way(said: str, client: Client, place: str) -> Way:
    open_ways: dict[Way, bool] = {
        "webhook": client.webhook_url is not None,
        "start": client.flow_id is not None,
        "start_raw": client.flow_id is not None,
        "callback": client.callback_url is not None,
    }
    for way, open_ in open_ways.items():
        if way == said or (not said and open_):
            if not open_:
                needed = {"webhook": "webhook_url", "callback": "callback_url"}.get(way, "flow_id")
                raise ValueError(f"{place}: {said} needs the credential {needed}")
            return way
    raise ValueError(f"{place}: {said!r} must be one of {', '.join(open_ways)}")
