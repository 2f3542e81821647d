"""The register's summary, shaped for the first page: by currency with its ages, and by kind. Nothing is summed across currencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from api.console.help import AREAS, HELP, Help
from domain.money import from_canonical, to_text
from domain.policy import CLEARING_KINDS, GapKind
from projections.summary import AGE_BUCKETS

BAR_STEP, BAR_HEIGHT = 32, 32


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart of ages; its place and size in pixels."""

    age: str
    count: int
    x: int
    y: int
    height: int


@dataclass(slots=True)
class Ages:
    counts: list[int] = field(default_factory=lambda: [0] * len(AGE_BUCKETS))

    def take(self, age: str, count: int) -> None:
        self.counts[AGE_BUCKETS.index(age)] += count

    def bars(self) -> list[Bar]:
        most = max(self.counts) or 1
        bars = []
        for place, (age, count) in enumerate(zip(AGE_BUCKETS, self.counts, strict=True)):
            height = max(2, round(BAR_HEIGHT * count / most)) if count else 1
            bars.append(Bar(age, count, place * BAR_STEP, BAR_HEIGHT - height, height))
        return bars

    def spoken(self) -> str:
        return ", ".join(f"{age}: {count}" for age, count in zip(AGE_BUCKETS, self.counts, strict=True))


@dataclass(slots=True)
class OfCurrency:
    """`clearing_minor`: the open clearing gaps, which are what the books' clearing account holds."""

    currency: str
    gaps: int = 0
    clearing_minor: int = 0
    ages: Ages = field(default_factory=Ages)

    @property
    def clearing(self) -> str:
        return to_text(self.clearing_minor, self.currency)


@dataclass(slots=True)
class OfKind:
    kind: GapKind
    owners: set[str] = field(default_factory=set)
    gaps: int = 0
    units: int | None = None
    minor: dict[str, int] = field(default_factory=dict)
    ages: Ages = field(default_factory=Ages)

    @property
    def help(self) -> Help:
        return HELP[self.kind]

    def amount(self, currency: str) -> str | None:
        return to_text(self.minor[currency], currency) if currency in self.minor else None


@dataclass(slots=True)
class OfOwner:
    owner: str
    gaps: int = 0
    overdue: int = 0
    minor: dict[str, int] = field(default_factory=dict)
    ages: Ages = field(default_factory=Ages)

    def amount(self, currency: str) -> str | None:
        return to_text(self.minor[currency], currency) if currency in self.minor else None


@dataclass(slots=True)
class Counted:
    """`overdue` of the `gaps` are past their due date. `more`: there are more, which nobody waited to see counted."""

    currencies: list[OfCurrency]
    areas: list[tuple[str, list[OfKind]]]
    gaps: int
    overdue: int
    more: bool = False


def counted(rows: Iterable[dict[str, Any]]) -> Counted:
    """`rows` are those of `projections.summary.counts`."""
    currencies: dict[str, OfCurrency] = {}
    kinds: dict[str, OfKind] = {}
    total = overdue = 0
    for row in rows:
        of_kind = kinds.setdefault(row["kind"], OfKind(GapKind(row["kind"])))
        of_kind.owners.add(row["owner"])
        of_kind.gaps += row["count"]
        of_kind.ages.take(row["age"], row["count"])
        total += row["count"]
        overdue += row["overdue"]
        if row["units"] is not None:
            of_kind.units = (of_kind.units or 0) + row["units"]
        code = row["currency"]
        if code is None:
            continue
        of_currency = currencies.setdefault(code, OfCurrency(code))
        of_currency.gaps += row["count"]
        of_currency.ages.take(row["age"], row["count"])
        if row["amount"] is not None:
            minor = from_canonical(row["amount"])
            of_kind.minor[code] = of_kind.minor.get(code, 0) + minor
            if of_kind.kind in CLEARING_KINDS:
                of_currency.clearing_minor += minor
    in_order = [kinds[kind] for kind in GapKind if kind in kinds]
    areas = [(area, [one for one in in_order if one.help.area == area]) for area in AREAS]
    return Counted([currencies[code] for code in sorted(currencies)], [area for area in areas if area[1]], total, overdue)


def owners_of(rows: Iterable[dict[str, Any]]) -> list[OfOwner]:
    """Whose the open gaps are, who has most in front. `minor` holds the open clearing gaps by currency."""
    owners: dict[str, OfOwner] = {}
    for row in rows:
        one = owners.setdefault(row["owner"], OfOwner(row["owner"]))
        one.gaps += row["count"]
        one.overdue += row["overdue"]
        one.ages.take(row["age"], row["count"])
        if row["amount"] is not None and row["kind"] in CLEARING_KINDS:
            one.minor[row["currency"]] = one.minor.get(row["currency"], 0) + from_canonical(row["amount"])
    return sorted(owners.values(), key=lambda one: (-one.gaps, one.owner))
