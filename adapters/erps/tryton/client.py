"""Tryton's JSON-RPC: a session that is kept, values with their types, and what the program says no to in its own words."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import httpx

from adapters.erps.port import ErpSettings
from adapters.files.exact_json import Number, loads
from adapters.vendor.answers import VendorRefused, VendorTrouble
from adapters.vendor.http import retry_after

# Posting an invoice takes seconds; less patience would only make outcomes unknown.
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_MOST_READS: Final = 2
_MOST_WARNINGS: Final = 10
_SHOWN_CHARACTERS: Final = 300
# The request never left us.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
Row = Mapping[str, Any]


class SaidNo(Exception):
    """Tryton refused a call for good: its own words. Nothing of the call was done, as each call is one transaction."""


class Warned(SaidNo):
    """Tryton asks whether it is meant, with a question that nobody has agreed to beforehand."""


class No(Exception):
    """It will not be done: the port's word for it, why, and what a person can do."""

    def __init__(self, code: str, reason: str, what_to_do: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.what_to_do = code, reason, what_to_do


class Lost(Exception):
    """It was sent, and nobody knows what became of it."""


class TrytonClient:
    """Calls of one account. `wrote`: has anything been written, or may it have been, since it was last set to False?"""

    def __init__(self, settings: ErpSettings, http: httpx.Client, wait_turn: Callable[[str], None]) -> None:
        if settings.base_url is None:
            raise ValueError(f"erps.{settings.name}.base_url: is missing; say where Tryton answers, such as http://127.0.0.1:8000")
        base, database = settings.base_url.rstrip("/"), settings.credentials["database"]
        # Which of Tryton's databases it is, among all that this machine may know.
        self.database = f"{base}/{database}"
        self._url = f"{self.database}/rpc/"
        self._version_url = f"{base}/rpc/"
        self._user, self._password = settings.credentials["user"], settings.credentials["password"]
        self._http, self._wait_turn = http, wait_turn
        self._session: str | None = None
        self._context: dict[str, Any] = {}
        self.wrote = False

    @property
    def company(self) -> int:
        """The company that the user works for. Raises as `read` does."""
        self._let_in()
        company = self._context.get("company")
        if not isinstance(company, int):
            raise VendorRefused(f"the user {self._user} works for no company in Tryton: set one in its preferences")
        return company

    def let_in_again(self) -> None:
        """What the user is and may has changed: it is read anew with the next call."""
        self._session = None

    def version(self) -> str:
        """Raises VendorTrouble and VendorRefused."""
        try:
            return str(self._answer(self._post(self._version_url, "common.server.version", [], {}), "common.server.version"))
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise VendorTrouble(f"Tryton cannot be reached: {type(failure).__name__}") from failure
        except Lost as lost:
            raise VendorTrouble(str(lost)) from lost

    def read(self, method: str, *args: Any, context: Row | None = None) -> Any:
        """What a call that changes nothing gives, `method` as `sale.sale.read`. Asked once more in passing trouble.

        Raises VendorTrouble, VendorRefused, and SaidNo.
        """
        for left in range(_MOST_READS - 1, -1, -1):
            try:
                return self._call(method, args, context)
            except httpx.ConnectError as failure:
                raise VendorTrouble(f"Tryton cannot be reached: {type(failure).__name__}") from failure
            except (httpx.HTTPError, httpx.InvalidURL) as failure:
                if not left:
                    raise VendorTrouble(f"Tryton did not answer {method}: {type(failure).__name__}") from failure
            except Lost as lost:
                if not left:
                    raise VendorTrouble(str(lost)) from lost
        raise AssertionError("unreachable")

    def rows(self, model: str, domain: Sequence[Any], *fields: str, limit: int | None = None, order: str = "id") -> list[Row]:
        """The rows that fit, by `order`, with these fields."""
        told = self.read(f"{model}.search_read", list(domain), 0, limit, [[order, "ASC"]], list(fields))
        return [row for row in told if isinstance(row, Mapping)]

    def by_ids(self, model: str, ids: Iterable[int], *fields: str) -> dict[int, Row]:
        wanted = sorted(set(ids))
        return {row["id"]: row for row in self.read(f"{model}.read", wanted, list(fields))} if wanted else {}

    def write(self, method: str, *args: Any, agreed: Sequence[str] = (), context: Row | None = None) -> Any:
        """`agreed` names warnings that may be acknowledged, by what their keys end in; every other one stops it.

        Raises SaidNo where it was refused, Lost where nobody knows, VendorTrouble and VendorRefused where it certainly was not done.
        """
        skipped: set[str] = set()
        for _ in range(_MOST_WARNINGS):
            try:
                done = self._call(method, args, context)
            except _NOT_SENT as failure:
                raise VendorTrouble(f"Tryton cannot be reached for {method}: {type(failure).__name__}") from failure
            except (httpx.HTTPError, httpx.InvalidURL) as failure:
                self.wrote = True
                raise Lost(f"Tryton did not answer {method}: {type(failure).__name__}") from failure
            except Lost:
                self.wrote = True
                raise
            except Warned as warned:
                key = str(warned.args[1])
                if key in skipped or key.rpartition(".")[2] not in agreed:
                    raise
                skipped.add(key)
                self.read("res.user.warning.skip", key, False)
            else:
                self.wrote = True
                return done
        raise SaidNo(f"Tryton warns again and again about {method}")

    def _call(self, method: str, args: Sequence[Any], context: Row | None) -> Any:
        """Raises httpx's errors as they come."""
        kind = method if method.startswith(("wizard.", "common.", "system.")) else f"model.{method}"
        for again in (True, False):
            self._let_in()
            params = [*args, {**self._context, **(context or {})}]
            response = self._post(self._url, kind, params, {"authorization": f"Session {self._session}"})
            if response.status_code == 401 and again:
                self._session = None
                continue
            return self._answer(response, method)
        raise AssertionError("unreachable")

    def _let_in(self) -> None:
        """One try only: Tryton makes whoever gives a wrong password wait longer each time."""
        if self._session is not None:
            return
        try:
            asked = [self._user, {"password": self._password}, "en"]
            told = self._answer(self._post(self._url, "common.db.login", asked, {}), "common.db.login")
            if not isinstance(told, Sequence) or len(told) < 2:
                raise VendorRefused(f"Tryton does not let {self._user} in: check user, password and database of this ERP")
            self._session = base64.b64encode(f"{self._user}:{told[0]}:{told[1]}".encode()).decode()
            headers = {"authorization": f"Session {self._session}"}
            preferences = self._post(self._url, "model.res.user.get_preferences", [True, {}], headers)
            self._context = {name: value for name, value in dict(self._answer(preferences, "get_preferences")).items() if name[0] != "_"}
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            self._session = None
            raise VendorTrouble(f"Tryton cannot be reached: {type(failure).__name__}") from failure
        except Lost as lost:
            self._session = None
            raise VendorTrouble(str(lost)) from lost
        except SaidNo as no:
            self._session = None
            raise VendorRefused(f"Tryton does not let {self._user} in: {no}") from no
        except VendorTrouble:
            self._session = None
            raise

    def _post(self, url: str, method: str, params: list[Any], headers: Mapping[str, str]) -> httpx.Response:
        self._wait_turn("")
        content = json.dumps({"id": 1, "method": method, "params": params}, default=_written)
        # Version 8.2.1 says "gzip" of long answers whether one takes it or not.
        sent = {"content-type": "application/json", "accept-encoding": "gzip", **headers}
        return self._http.post(url, content=content, headers=sent, timeout=TIMEOUT)

    def _answer(self, response: httpx.Response, method: str) -> Any:
        status = response.status_code
        if status in (401, 403):
            raise VendorRefused(f"Tryton refused {method} with {status}: check user, password and database of this ERP")
        if status == 404:
            raise VendorRefused(f"Tryton has nothing at {response.request.url.path}: check base_url and database of this ERP")
        if status == 429:
            raise VendorTrouble("Tryton makes this user wait: too many failed logins", retry_after(response) or 60.0)
        if status != 200:
            raise Lost(f"Tryton answered {method} with {status}")
        try:
            told = loads(response.text)
        except (ValueError, RecursionError):
            raise Lost(f"Tryton answered {method} with what is no JSON") from None
        if not isinstance(told, Mapping):
            raise Lost(f"Tryton answered {method} with what is no object")
        if told.get("error"):
            _say_no(told["error"], method)
        return _understood(told.get("result"))


def _say_no(error: Any, method: str) -> None:
    """`[class, [message, description, …]]`, for a warning `["UserWarning", [key, message, description]]`; for a fault of its own a word
    and where it happened, after which nothing is written either."""
    kind, said = (error[0], error[1]) if isinstance(error, list) and len(error) > 1 else (str(error), [])
    words = [str(word) for word in said if isinstance(word, str) and word] if isinstance(said, list) else []
    if str(kind).startswith("UserWarning") and words:
        raise Warned(_shown(f"Tryton asks before {method}: {' '.join(words[1:])}"), words[0])
    if str(kind).startswith("LoginException"):
        raise VendorRefused("Tryton asks for another kind of login than user and password")
    if str(kind).startswith("ConcurrencyException"):
        raise SaidNo(f"somebody else changed it in Tryton at the same time ({method})")
    raise SaidNo(_shown(" ".join(words) if words else f"{method}: {kind}"))


def _shown(text: str) -> str:
    return " ".join(text.split())[:_SHOWN_CHARACTERS]


def _written(value: object) -> Any:
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case dt.datetime():
            at = value.astimezone(dt.UTC) if value.tzinfo else value
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return {"__class__": "datetime", **{name: getattr(at, name) for name in names}}
        case dt.date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"{type(value).__name__} cannot be sent to Tryton")


def _understood(value: Any) -> Any:
    """With Decimals, dates and instants as what they are; quantities, which Tryton keeps as doubles, as Decimals too."""
    if isinstance(value, list):
        return [_understood(one) for one in value]
    if isinstance(value, Number):
        return Decimal(str(value))
    if not isinstance(value, Mapping):
        return value
    match value.get("__class__"):
        case "Decimal":
            return Decimal(str(value["decimal"]))
        case "date":
            return dt.date(value["year"], value["month"], value["day"])
        case "datetime":
            parts = [value[name] for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")]
            return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc]
        case None:
            return {name: _understood(one) for name, one in value.items()}
        case _:
            return None
