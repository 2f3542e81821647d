"""What a request may ask: filters, moments, pages. An unknown parameter is refused: a misspelt filter must not widen an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal

from fastapi import Request
from psycopg import Connection
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from api.bootstrap import moment
from api.http.problems import bad_parameter
from api.http.searching import Unsearchable, read_search
from domain.money import CURRENCIES
from domain.policy import GapKind
from domain.refusals import Rejected
from domain.telling import read_instant
from projections.board import NoSuchReturn, find_return
from projections.gap_register import SORTS, GapFilter
from projections.moments import Moment

DEFAULT_LIMIT, MOST_LIMIT = 100, 1000
# A filter takes several values by repetition; of these there can only be one.
_SINGLE = frozenset(
    {"return", "overdue", "status", "as_of", "known_at", "sort", "limit", "cursor", "until", "order", "from", "to", "q", "what", "who"},
)
_OFFSET_WITH_SPACE = re.compile(r"(\S+) (\d\d:\d\d)\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)


def _instant(given: object, *, end: bool = True) -> object:
    """RFC 3339, or a day, which stands for its end in UTC. A plus that was not encoded arrives as a space."""
    if not isinstance(given, str):
        return given
    text = _OFFSET_WITH_SPACE.sub(r"\1+\2", given)
    try:
        if _DAY.match(text):
            return datetime.combine(datetime.fromisoformat(text).date(), time.max if end else time.min, UTC)
        return read_instant(text, "as_of")
    except Rejected as wrong:
        raise ValueError(f"{wrong.reason}, or as a day such as 2026-10-31 (its end, UTC)") from None


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must be text that can be printed")
    return text


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"{code!r} is not a currency of ISO 4217; give its three capital letters, such as GBP")
    return code


def _known_sort(sort: str) -> str:
    if sort.removeprefix("-") not in SORTS:
        raise ValueError(f"{sort!r} is no order; choose from {', '.join(SORTS)}, with a minus in front to turn it round")
    return sort


Words = Annotated[str, StringConstraints(min_length=1, max_length=400), AfterValidator(_no_nul)]
Currency = Annotated[str, AfterValidator(_known_currency)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
FirstInstant = Annotated[datetime, BeforeValidator(lambda given: _instant(given, end=False))]
Limit = Annotated[int, Field(ge=1, le=MOST_LIMIT, description="How many items at most.")]
Cursor = Annotated[str, Field(max_length=4000, description="`next` of the page before; everything else asked must stay the same.")]
AsOf = Annotated[
    Instant | None,
    Field(
        description="Count what had happened by then: RFC 3339 with offset, or a day (its end, UTC).",
        examples=["2026-10-31T23:59:59Z", "2026-10-31"],
    ),
]
KnownAt = Annotated[Instant | None, Field(description="Count what was recorded by then; same forms.", examples=["2026-11-03T09:00:00Z"])]


class Asked(BaseModel):
    """The parameters of one address."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MomentAsked(Asked):
    as_of: AsOf = None
    known_at: KnownAt = None

    def moment(self) -> Moment:
        return moment(self.as_of, self.known_at)


class GapsAsked(MomentAsked):
    """The filters of the gap register."""

    kind: Annotated[list[GapKind], Field(description="Only these kinds.")] = []
    owner: Annotated[list[Words], Field(description="Only gaps that these own: finance, ops, cx…")] = []
    merchant: list[Words] = []
    platform: list[Words] = []
    currency: Annotated[list[Currency], Field(description="ISO 4217 codes.")] = []
    return_: Annotated[Words | None, Field(alias="return", description="One return: the platform's id, or merchant/platform/id.")] = None
    overdue: Annotated[bool, Field(description="Only gaps past their due date.")] = False
    status: Literal["open", "closed", "all"] = "open"
    q: Annotated[Words | None, Field(description="The console's search: `kind:mismatch age:>14 amount:>100 -owner:ops RMA-0001`.")] = None

    def filter(self, conn: Connection[Any], me: Sequence[str] = ()) -> GapFilter:
        """`me` are the owners that `owner:me` stands for. Raises AmbiguousReturn; a return that nobody knows has no gaps."""
        try:
            narrowed = read_search(self.q, me) if self.q else ()
        except Unsearchable as wrong:
            raise bad_parameter("q", str(wrong)) from None
        numbers: tuple[int, ...] | None = None
        if self.return_ is not None:
            try:
                numbers = (find_return(conn, self.return_).return_no,)
            except NoSuchReturn:
                numbers = ()
        return GapFilter(
            kinds=tuple(map(str, self.kind)),
            owners=tuple(self.owner),
            merchants=tuple(self.merchant),
            platforms=tuple(self.platform),
            currencies=tuple(self.currency),
            return_nos=numbers,
            overdue=self.overdue,
            status=self.status,
            narrowed=narrowed,
        )


Sort = Annotated[
    str, AfterValidator(_known_sort), Field(description=f"{', '.join(SORTS)}; a minus in front turns it round.", examples=["due_at"])
]


class GapPageAsked(GapsAsked):
    sort: Sort = "due_at"
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class GapExportAsked(GapsAsked):
    sort: Sort = "due_at"


class SummaryAsked(GapsAsked):
    limit: Limit = MOST_LIMIT
    cursor: Cursor | None = None


class ReturnPageAsked(Asked):
    merchant: list[Words] = []
    platform: list[Words] = []
    currency: list[Currency] = []
    stage: Annotated[
        list[Literal["announced", "scanned", "received", "inspected", "put away", "refunded", "unannounced", "cancelled", "expired"]],
        Field(description="How far the goods are."),
    ] = []
    order: Words | None = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class EventsAsked(MomentAsked):
    until: Annotated[int | None, Field(ge=0, description="Stop after the event of this number.")] = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class TieOutAsked(MomentAsked):
    merchant: Annotated[list[Words], Field(max_length=1)] = []
    currency: Annotated[list[Currency], Field(max_length=1)] = []
    limit: Limit = MOST_LIMIT
    cursor: Cursor | None = None


class JournalAsked(Asked):
    from_: Annotated[FirstInstant | None, Field(alias="from", description="From this day or instant on (a day: its beginning, UTC).")] = (
        None
    )
    to: Annotated[Instant | None, Field(description="Up to this day or instant (a day: its end, UTC).")] = None
    merchant: Annotated[list[Words], Field(max_length=1)] = []
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


async def refuse_repeats(request: Request) -> None:
    """Of two different values one would be overlooked."""
    names = [name for name, _ in request.query_params.multi_items() if name in _SINGLE]
    for name in names:
        if names.count(name) > 1:
            raise bad_parameter(name, "stands twice; give it once")
