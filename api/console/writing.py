"""How figures, times and addresses are written on a page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from domain.explain import day

_UNITS = (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def grouped(amount: str) -> str:
    """`-12345.60` → `-12,345.60`. Never through a float; the minus stays one that can be pasted into a spreadsheet."""
    sign, figures = ("-", amount[1:]) if amount.startswith("-") else ("", amount)
    whole, point, fraction = figures.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def money(amount: str | None, currency: str | None) -> Markup:
    """An amount with its code; a dash where there is none."""
    if amount is None or currency is None:
        return Markup('<span class="none">–</span>')
    return Markup('<span class="money">{}&nbsp;<span class="code">{}</span></span>').format(grouped(amount), currency)


def spoken(instant: str | datetime) -> str:
    """`2 Oct 2026, 08:30`, in UTC."""
    at = _read(instant)
    return f"{day(at)}, {at:%H:%M}"


def relative(instant: str | datetime, now: datetime) -> str:
    """`3 d ago`, `in 5 h`."""
    passed = now - _read(instant)
    word = length(abs(passed))
    return "now" if abs(passed) < timedelta(seconds=1) else f"{word} ago" if passed > timedelta() else f"in {word}"


def length(span: timedelta) -> str:
    """In its largest unit, rounded down."""
    seconds = int(span.total_seconds())
    for name, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {name}"
    return "0 s"


def moment(instant: str | datetime, now: datetime) -> Markup:
    """The time to the minute; exact to the microsecond and relative in its title."""
    at = _read(instant)
    exact = at.isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{} · {}">{}</time>').format(exact, exact, relative(at, now), spoken(at))


def since(instant: str | datetime, now: datetime) -> Markup:
    """The relative time; the exact one in its title."""
    at = _read(instant)
    exact = at.isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, relative(at, now))


# What says which gap a row is, and which amount was seen there.
GAP_KEY: Final = ("merchant", "platform", "return", "kind", "line", "currency", "amount")


class Address:
    """A page's path and query. What changes the question begins at its first page again."""

    def __init__(self, path: str, query: Iterable[tuple[str, str]] = ()) -> None:
        self._path = path
        self._query = [(name, value) for name, value in query if value != ""]

    def __str__(self) -> str:
        return self._path + ("?" + urlencode(self._query, quote_via=quote) if self._query else "")

    def __html__(self) -> Markup:
        return escape(str(self))

    def set(self, name: str, *values: str) -> Address:
        """With these values, and none before of that name."""
        kept = [(known, value) for known, value in self._query if known not in (name, "cursor")]
        return Address(self._path, [*kept, *((name, value) for value in values)])

    def without(self, name: str, value: str | None = None) -> Address:
        kept = [one for one in self._query if one[0] != "cursor" and not (one[0] == name and value in (None, one[1]))]
        return Address(self._path, kept)

    def only(self, *names: str) -> Address:
        return Address(self._path, [one for one in self._query if one[0] in names])

    def to(self, path: str) -> Address:
        return Address(path, self._query)

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self._query)

    def asked(self) -> str:
        """The query as it stands in the address."""
        return urlencode(self._query, quote_via=quote)

    def query(self) -> list[tuple[str, str]]:
        return list(self._query)


def of_return(merchant: str, platform: str, return_id: str) -> str:
    return "/returns/" + "/".join(quote(part, safe="") for part in (merchant, platform, return_id))


def gap_key(row: Mapping[str, Any]) -> str:
    """Which gap a row is, as a form sends it."""
    return json.dumps([row.get(name) for name in GAP_KEY], ensure_ascii=False)


def row_id(row: Mapping[str, Any]) -> str:
    """The same on every page on which the row stands."""
    return "gap-" + hashlib.sha256(f"{gap_key(row)}{row['opened_at']}".encode()).hexdigest()[:12]


def peek_of(row: Mapping[str, Any], here: Address) -> str:
    """Where the gap is shown by itself, at the moment that is looked at."""
    asked = [(name, row[name]) for name in ("kind", "line", "currency") if row[name] is not None]
    of = of_return(row["merchant"], row["platform"], row["return"]).replace("/returns/", "/peek/", 1)
    return str(Address(of, [*asked, *here.only("as_of", "known_at").query()]))


def _read(instant: str | datetime) -> datetime:
    return instant if isinstance(instant, datetime) else datetime.fromisoformat(instant).astimezone(UTC)
