"""The double-entry journal, read: what was posted as it is known now, net of corrections, in order of occurrence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any

from psycopg import Connection

from domain.money import to_text
from domain.moves import MoneyMove, UnitMove
from domain.postings import ACCOUNTS, OPENING, Posting, money_postings, unit_postings
from domain.telling import write_instant
from projections import journal_sql

OPENING_FACT = "opening"
_ROWS_A_READ = 2_000

# Where an entry stands: its instant, merchant, platform, return, fact, book, document, detail and commodity. No two entries share it.
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One balanced entry. `document` is the id of the refund or credit note, or the line whose units moved.

    `currency` is that of the postings; None where they count units of `sku`, which is None too for a line that nobody announced.
    An opening entry (its fact is `opening`) has no platform, return, document and place.
    """

    occurred_at: datetime
    merchant: str
    platform: str
    return_id: str
    fact: str
    document: str
    currency: str | None
    sku: str | None
    postings: tuple[Posting, ...]
    place: Place = ()

    @property
    def day(self) -> date:
        """In UTC."""
        return self.occurred_at.date()

    @property
    def commodity(self) -> str | None:
        return self.sku if self.currency is None else self.currency

    def amount(self, posting: Posting) -> str:
        """Exact: a decimal string with the currency's digits, or whole units."""
        return str(posting.amount) if self.currency is None else to_text(posting.amount, self.currency)


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of the journal: from an instant to an instant, both inclusive and in UTC; of one merchant or of all."""

    from_: datetime | None = None
    to: datetime | None = None
    merchant: str | None = None

    @classmethod
    def of(cls, from_: date | None = None, to: date | None = None, merchant: str | None = None) -> Span:
        """A day stands for its first instant or, as the end, for its last."""
        return cls(_instant(from_, time.min), _instant(to, time.max), merchant)

    def asked(self) -> dict[str, Any]:
        return {"from": self.from_, "to": self.to, "merchant": self.merchant}


EVERYTHING = Span()


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, and after which place the next page begins; None: there is none."""

    items: list[Entry]
    after: Place | None


def entries(conn: Connection[Any], span: Span = EVERYTHING) -> Iterator[Entry]:
    """The whole span, streamed, so that memory stays flat. Whoever reads something else beside it does both within a `snapshot`."""
    with conn.transaction(), conn.cursor(name="journal") as cursor:
        cursor.itersize = _ROWS_A_READ
        cursor.execute(journal_sql.entries(span.asked()), span.asked())
        yield from map(_entry, cursor)


def entries_page(conn: Connection[Any], span: Span, *, limit: int, after: Place | None = None) -> Page:
    """One page, for which only as much of the journal is read as it needs. Raises ValueError for an `after` that no page gave."""
    place, begin = dict[str, Any](), span.from_
    if after is not None:
        if len(after) != len(journal_sql.KEYS):
            raise ValueError("this is no place in the journal")
        at = datetime.fromisoformat(after[0])
        begin = at if begin is None else max(at, begin)
        place = dict(zip(journal_sql.KEYS, after, strict=True))
    window, found = limit + 1, list[Entry]()
    while len(found) <= limit:
        # So many moves reach up to an instant. The entries up to there may be fewer: corrections cancel moves, and some are of other
        # merchants.
        bound = conn.execute(journal_sql.BOUND, {"begin": begin, "window": window}).fetchone()
        assert bound is not None
        until = bound[0] if span.to is None or (bound[0] is not None and bound[0] < span.to) else span.to
        asked = Span(begin, until, span.merchant).asked()
        rows = conn.execute(journal_sql.entries(asked, place) + " LIMIT %(rows)s", asked | place | {"rows": limit + 1})
        found = [_entry(row) for row in rows]
        if until == span.to:
            break
        window *= 4
    items = found[:limit]
    return Page(items, items[-1].place if len(found) > limit else None)


def opening(conn: Connection[Any], span: Span) -> Iterator[Entry]:
    """What each account held before `span.from_`: an entry a merchant, commodity and account, against `equity:opening`."""
    at = span.from_
    if at is None:
        return
    with conn.transaction(), conn.cursor(name="opening_money") as cursor:
        cursor.execute(journal_sql.opening_money(span.merchant), span.asked())
        money = (((row[0], row[1]), money_postings(_money(at, "", row[2], "", row[3], row[1], row[4:]))) for row in cursor)
        for (merchant, currency), held in _held(money):
            yield from (Entry(at, merchant, "", "", OPENING_FACT, "", currency, None, against) for against in held)
    with conn.transaction(), conn.cursor(name="opening_units") as cursor:
        cursor.execute(journal_sql.opening_units(span.merchant), span.asked())
        units = (((row[0], row[1]), unit_postings(_units(at, "", "", row[1], row[2:]))) for row in cursor)
        for (merchant, sku), held in _held(units):
            yield from (Entry(at, merchant, "", "", OPENING_FACT, "", None, sku, against) for against in held)


def currencies(conn: Connection[Any], span: Span = EVERYTHING) -> list[str]:
    """Those of all money that moved by the end of the span, sorted."""
    return [row[0] for row in conn.execute(journal_sql.moved("currency", "money_moves", span.merchant, span.to), span.asked())]


def skus(conn: Connection[Any], span: Span = EVERYTHING) -> Iterator[str | None]:
    """Those of all units that moved by the end of the span, sorted; None for lines that nobody announced."""
    with conn.transaction(), conn.cursor(name="skus") as cursor:
        cursor.itersize = _ROWS_A_READ
        yield from (row[0] for row in cursor.execute(journal_sql.moved("sku", "unit_moves", span.merchant, span.to), span.asked()))


def posting_rows(entry: Entry) -> Iterator[dict[str, Any]]:
    """An entry as rows for files and HTTP, one a posting."""
    for posting in entry.postings:
        yield {
            "date": entry.day.isoformat(),
            "occurred_at": write_instant(entry.occurred_at),
            "merchant": entry.merchant,
            "platform": entry.platform or None,
            "return": entry.return_id or None,
            "fact": entry.fact,
            "document": entry.document or None,
            "account": posting.account,
            "commodity": entry.commodity,
            "amount": entry.amount(posting),
        }


def _instant(given: date | None, of_day: time) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return None if given is None else given.astimezone(UTC)
    return datetime.combine(given, of_day, UTC)


def _entry(row: tuple[Any, ...]) -> Entry:
    naive, merchant, platform, return_id, fact, book, document, detail, commodity, *figures = row
    at = naive.replace(tzinfo=UTC)
    place = (at.isoformat(), merchant, platform, return_id, fact, book, document, detail, commodity or "")
    if book == journal_sql.UNITS_BOOK:
        postings, currency, sku = unit_postings(_units(at, fact, document, commodity, figures)), None, commodity
    else:
        postings, currency, sku = money_postings(_money(at, fact, book, document, detail, commodity, figures)), commodity, None
    return Entry(at, merchant, platform, return_id, fact, document, currency, sku, tuple(p for p in postings if p.amount), place)


def _money(at: datetime, fact: str, side: str, document: str, detail: str, currency: str, figures: Iterable[Any]) -> MoneyMove:
    return MoneyMove(at, fact, side, document, detail, currency, *(int(figure) for figure in figures if figure is not None))


def _units(at: datetime, fact: str, line: str, sku: str | None, figures: Iterable[Any]) -> UnitMove:
    return UnitMove(at, fact, line, sku, tuple(map(int, figures)))


def _held(moved: Iterable[tuple[tuple[str, Any], list[Posting]]]) -> Iterator[tuple[tuple[str, Any], list[tuple[Posting, Posting]]]]:
    """Postings in order of their merchant and commodity → what each account holds, against the opening account."""
    for of, together in groupby(moved, key=lambda one: one[0]):
        held = dict.fromkeys(ACCOUNTS, 0)
        for _, postings in together:
            for posting in postings:
                held[posting.account] += posting.amount
        yield of, [(Posting(account, amount), Posting(OPENING, -amount)) for account, amount in held.items() if amount]
