"""What a person can decide about a gap or a return, as forms: which action, what it asks for, and its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from adapters.ways_out import UNREACHABLE
from api.resolving import ROLES, may, read_decision
from domain.deciding import UNINSPECTED, WAY_KINDS
from domain.policy import CLEARING_KINDS, GapKind
from domain.work import Work


@dataclass(frozen=True, slots=True)
class Ask:
    """A field of the form. `hidden`: it is known already. `choices` are suggestions, the likeliest first; of a `choice`, all there are."""

    name: str
    label: str
    value: str = ""
    hidden: bool = False
    choices: tuple[str, ...] = ()
    kind: Literal["text", "date", "number", "choice"] = "text"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """`letter` is its key; `reason` says whether one is a must."""

    action: str
    label: str
    asks: tuple[Ask, ...] = ()
    reason: Literal["must", "may", "none"] = "may"
    letter: str = ""
    told: str = ""

    @property
    def is_asking(self) -> bool:
        return self.reason == "must" or any(not ask.hidden for ask in self.asks)


WAYS: Final = ("restock", "quarantine", "write-off")
RETRY: Final = Offer("retry", "Try again", reason="none", letter="r")
# What can be decided on many returns at once.
BULK: Final = (
    Offer("assign", "Assign", (Ask("to", "To"),), letter="a"),
    Offer("accept-difference", "Accept the differences", reason="must"),
    Offer("waive", "Waive", reason="must"),
    RETRY,
    Offer("snooze", "Put aside", (Ask("until", "Until", kind="date"),)),
    Offer("note", "Note", (Ask("text", "Note"),), reason="none"),
)


def offers_of_gap(
    kind: str, line: str | None, sku: str | None, currency: str | None, amount: str | None, likely: Sequence[str] = ()
) -> list[Offer]:
    """What closes the gap, the first thing to try in front."""
    of_line = (Ask("line", "Line", line, hidden=True),) if line is not None else ()
    waive = Offer("waive", "Waive", (Ask("kind", "Kind", kind, hidden=True), *of_line), "must", told="The gap needs nothing more.")
    match kind:
        case GapKind.SKU_UNMATCHED:
            to = Ask("to", "SKU in the ERP", likely[0] if likely else "", choices=tuple(likely))
            asks = (Ask("sku", "Platform’s SKU", sku or ""), to)
            return [Offer("map-sku", "Map the SKU", asks, told="Every return that waits with this SKU goes on."), RETRY, waive]
        case GapKind.ORDER_NOT_FOUND:
            order = Ask("order", "Order in the ERP", likely[0] if likely else "", choices=tuple(likely))
            return [Offer("match-order", "Match the order", (order,)), RETRY, waive]
        case GapKind.DAMAGED_NOT_WRITTEN_OFF:
            return [Offer("write-off", "Write off", of_line, "must", told="The stock is given up."), _choose(of_line), waive]
        case GapKind.DISPOSITION_UNMAPPED | GapKind.UNRESTOCKED_ITEMS:
            return [_choose(of_line), waive]
        case GapKind.UNINSPECTED_ITEMS:
            return [_choose((*of_line, Ask("found", "Found as", UNINSPECTED, hidden=True))), waive]
        case _ if kind == UNREACHABLE:
            return [RETRY]
        case _ if kind in WAY_KINDS:
            return [RETRY, waive]
        case _ if kind in CLEARING_KINDS:
            known = tuple(Ask(name, name, value, hidden=True) for name, value in (("currency", currency), ("amount", amount)) if value)
            told = "It stays as it is, counts as tolerated, and the books still tie out."
            return [Offer("accept-difference", "Accept the difference", known, "must", "d", told)]
        case _:
            return [waive]


def offers_of_row(row: Mapping[str, Any]) -> list[Offer]:
    """Of a row of the register."""
    return offers_of_gap(row["kind"], row["line"], row["sku"], row["currency"], row["amount"])


def offers_of_return(work: Work, lines: Sequence[str] = ()) -> list[Offer]:
    """`lines`: those of which units are here that can still go one way or another."""
    offers = [
        Offer("assign", "Assign", (Ask("to", "To", work.assigned.fact.to or "" if work.assigned else ""),), "may", "a"),
        Offer("note", "Note", (Ask("text", "Note"),), "none"),
        Offer("snooze", "Put aside", (Ask("until", "Until", kind="date"),)),
    ]
    if work.issued or work.not_found:
        offers.append(RETRY)
    if lines:
        offers.append(_choose((Ask("line", "Line", choices=tuple(lines), kind="choice"),)))
    if work.accepted or work.waived or work.chosen:
        offers.append(Offer("reopen", "Undo", told="What was accepted or waived counts again; goods are as they were found."))
    return offers


def _choose(known: tuple[Ask, ...]) -> Offer:
    asks = (
        *known,
        Ask("to", "Goods go to", choices=WAYS, kind="choice"),
        Ask("quantity", "Units, if not all", kind="number", optional=True),
    )
    return Offer("choose-disposition", "Choose where goods go", asks, "must", told="Which shelf that is, the policy says.")


def allowed(offers: Sequence[Offer], role: str | None) -> list[Offer]:
    """Those that somebody of the role may decide; None: whoever it is may do everything."""
    return [offer for offer in offers if role is None or _may(role, offer)]


def _may(role: str, offer: Offer) -> bool:
    given = {ask.name: ask.value or _ANY for ask in offer.asks}
    if offer.action == "waive" and "kind" not in given:
        return role in ROLES  # of many gaps, each is judged by itself
    return may(role, read_decision(offer.action, given, _ANY))


# Stands for what a person is yet to fill in; also a day.
_ANY: Final = "9999-12-31"
