"""From a post to facts: which return each unit belongs to, what is new of it, and when it happened."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.platforms.happy_returns.client import HappyReturnsClient
from adapters.platforms.happy_returns.posts import Event, Kind, Post, Unit, read_units
from adapters.platforms.happy_returns.pricing import NotPriced, find_order, priced_lines
from adapters.platforms.happy_returns.told import MOST_UNITS_A_FACT, Told, base_of, find_part, part_of, source_of
from adapters.platforms.port import Desk, RawFact, Reading, Unmapped
from adapters.platforms.tables import Tables
from adapters.vendor.answers import NotUnderstood, VendorRefused
from adapters.vendor.shapes import objects, plain, shown
from domain.telling import ReturnKey, Telling, write_instant

PLATFORM: Final = "happy_returns"
# What is approved has been handed in: at a Return Bar or in a store by the scan, a parcel by the carrier's scan or later.
HANDED_IN: Final = frozenset({"handed_in", "approved"})
# So long a post waits for the API to say whether its return covers other orders; then it is read for what it says itself. A backlog of
# thousands, at one answer in two seconds, must not wait for hours.
ASK_WITHIN: Final = timedelta(seconds=15)
_REMEMBERED: Final = 5_000
_LONGEST_REASON: Final = 80
# Where a return is handed in at a place of business; elsewhere a location could be somebody's home.
_AT_A_BAR: Final = frozenset({"returnbar", "instore"})


@dataclass(slots=True)
class Part:
    """One order's part of a return, with what is known of it."""

    return_id: str
    order: str | None
    units: list[Unit]
    key: ReturnKey
    told: Told


@dataclass(slots=True)
class _Gathered:
    facts: list[RawFact] = field(default_factory=list)
    unmapped: dict[Unmapped, None] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)


class PostReader:
    """Remembers, of the returns it asked about lately, all their units."""

    def __init__(self, merchant: str, client: HappyReturnsClient, tables: Tables, ask_within: timedelta = ASK_WITHIN) -> None:
        self._merchant, self._client, self._tables, self._ask_within = merchant, client, tables, ask_within
        self.strip_suffix = tables.meaning("line_ids", "suffix") == "strip"
        self._asked: OrderedDict[str, tuple[Unit, ...]] = OrderedDict()

    def read(self, post: Post, desk: Desk, seen_at: datetime) -> tuple[Reading, list[Part]]:
        """With the parts of returns that it speaks of. `seen_at` dates what the post leaves undated. Raises VendorTrouble."""
        if post.kind is Kind.LABEL:
            return Reading(ignored="a bag's barcode moves neither goods nor money"), []
        if (stranger := self._stranger(post)) is not None:
            return stranger, []
        gathered = _Gathered()
        steps = self._steps(post, gathered)
        if not post.units:
            if post.nameless:
                raise NotUnderstood(f"{post.nameless} items, none of which has a happyReturnsReturnID and an orderLineItemID")
            said = shown(", ".join(map(str, post.events))) or "a shipment"
            return Reading(ignored=f"{said} names no items", unmapped=tuple(gathered.unmapped)), []
        if post.nameless:
            gathered.unmapped[Unmapped("items.happyReturnsReturnID", f"missing in {post.nameless} items")] = None
        parts = self.parts(post, desk, seen_at)
        for part in parts:
            # A post of which no event has a meaning says nothing that could be told, not even when its items come with dates.
            if steps or not post.events:
                self._tell(part, post, steps, desk, seen_at, gathered)
        waits_for = "; ".join(gathered.waits)[:1000] or None
        return Reading(tuple(gathered.facts), unmapped=tuple(gathered.unmapped), waits_for=waits_for), parts

    def learn(self, units: Iterable[Unit]) -> None:
        """These are all the units of their returns."""
        of_return: dict[str, list[Unit]] = {}
        for unit in units:
            of_return.setdefault(unit.return_id, []).append(unit)
        for return_id, known in of_return.items():
            self._asked[return_id] = tuple(known)
            self._asked.move_to_end(return_id)
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)

    def parts(self, post: Post, desk: Desk, seen_at: datetime) -> list[Part]:
        """The parts of returns that a post speaks of, found in the ledger or, for new ones, with the help of the API."""
        grouped: dict[tuple[str, str | None], list[Unit]] = {}
        for unit in post.units:
            grouped.setdefault((unit.return_id, unit.order), []).append(unit)
        tellings: dict[str, Sequence[Telling]] = {}

        def told(return_id: str) -> Sequence[Telling]:
            if return_id not in tellings:
                tellings[return_id] = desk.told(ReturnKey(self._merchant, PLATFORM, return_id))
            return tellings[return_id]

        found = []
        for (return_id, order), units in grouped.items():
            ours = find_part(return_id, order, told)
            if ours is None:
                orders = {other for of_return, other in grouped if of_return == return_id}
                if len(orders) < 2:
                    orders |= {unit.order for unit in self._all_units(return_id, units, desk, seen_at)}
                ours = part_of(return_id, order) if len(orders - {None}) > 1 else return_id
            base = base_of(return_id, order)
            found.append(Part(return_id, order, units, ReturnKey(self._merchant, PLATFORM, ours), Told(base, told(ours))))
        return found

    def _all_units(self, return_id: str, units: Sequence[Unit], desk: Desk, seen_at: datetime) -> tuple[Unit, ...]:
        """Everything that the API knows of the return; nothing where it cannot say. Raises VendorTrouble while it is worth the wait."""
        known = self._asked.get(return_id)
        if known is not None or desk.now() - seen_at > self._ask_within:
            return known or ()
        try:
            code = _code_of(units)
            found: tuple[Unit, ...] = ()
            if code is None and units[0].order is not None:
                # An order's number brings this order's items, and with them the code of the return.
                found = self._ask(return_id, "orderNumber", units[0].order)
                code = _code_of(found)
            if code is not None:
                found = self._ask(return_id, "happyReturnsExpressCode", code)
        except (VendorRefused, NotUnderstood):
            return ()
        self.learn(found)
        return found

    def _ask(self, return_id: str, key: str, value: str) -> tuple[Unit, ...]:
        items = [item for document in self._client.returns_by(key, value) for item in objects(document.get("items"))]
        return tuple(unit for unit in read_units(items, strip_suffix=self.strip_suffix)[0] if unit.return_id == return_id)

    def _stranger(self, post: Post) -> Reading | None:
        """A key may cover several retailers: the posts of another one are another merchant's."""
        said = post.retailer
        if said is None or said.casefold() == self._client.retailer.casefold():
            return None
        match self._tables.meaning("retailers", said):
            case "ours":
                return None
            case "other":
                return Reading(ignored=f"it belongs to the retailer {shown(said)}")
            case _:
                return Reading(unmapped=(Unmapped("retailerID", shown(said)),))

    def _steps(self, post: Post, gathered: _Gathered) -> set[str]:
        if post.kind is Kind.SHIPMENT:
            return {self._tables.meaning("events", "outbound_shipment.asn") or "nothing"}
        steps = set()
        for event in post.events:
            meaning = self._meaning(event)
            if meaning is None:
                of_return = post.units[0].return_id if post.units else None
                gathered.unmapped[Unmapped("event", shown(str(event)), of_return)] = None
            else:
                steps.add(meaning)
        return steps

    def _meaning(self, event: Event) -> str | None:
        words = (str(event), event.event, event.type_id)
        return next((found for word in words if word and (found := self._tables.meaning("events", word)) is not None), None)

    def _tell(self, part: Part, post: Post, steps: set[str], desk: Desk, seen_at: datetime, gathered: _Gathered) -> None:
        if not part.told.announced:
            self._announce(part, post, desk, seen_at, gathered)
        methods = {plain(event.type_id) for event in post.events if "dropoffmethod" in plain(event.event)}
        placed = not methods or bool(methods & _AT_A_BAR)
        handed_in = [unit for unit in part.units if steps & HANDED_IN or unit.approved_at is not None]
        self._units(part, "handed-in", "ScannedAtReturnBar", handed_in, gathered, lambda unit: unit.approved_at or seen_at, placed)
        if "received" in steps:
            self._units(part, "received", "Received", part.units, gathered, lambda unit: unit.departed_at or seen_at)
        self._inspect(part, gathered, seen_at)
        for step, fact in (("expired", "Expired"), ("cancelled", "Cancelled")):
            if step in steps and not part.told.knows(step):
                gathered.facts.append(self._fact(part, fact, source_of(part.told.base, step), seen_at))

    def _announce(self, part: Part, post: Post, desk: Desk, seen_at: datetime, gathered: _Gathered) -> None:
        """All the units that are known of, also where this post speaks of some of them only."""
        known = [unit for unit in self._asked.get(part.return_id, ()) if unit.order == part.order]
        units = {unit.unit: unit for unit in (*known, *part.units)}
        announced = list(units.values())
        resolution = self._resolution(part, announced, gathered)
        if resolution is None or (post.kind is Kind.SHIPMENT and not known):
            # A shipment may hold a part of a return only: polling asks for the rest and announces it.
            return
        try:
            order = find_order(desk.orders, part.order, announced[0].order_id)
            lines = priced_lines(announced, order)
        except NotPriced as lacking:
            gathered.waits.append(str(lacking))
            return
        for line in lines:
            reason = next((unit.reason for unit in announced if unit.line == line["line"] and unit.reason is not None), None)
            if reason is not None and (told := self._reason(reason)) is not None:
                line["reason"] = told
        at = min((unit.started_at for unit in (*known, *announced) if unit.started_at is not None), default=seen_at)
        content = {"order": order.name, "currency": order.currency, "resolution": resolution, "lines": lines}
        gathered.facts.append(self._fact(part, "Initiated", source_of(part.told.base, "started"), at, **content))

    def _resolution(self, part: Part, units: Sequence[Unit], gathered: _Gathered) -> str | None:
        """A refund unless something else is said. None where what is said is not known: nobody guesses what the customer wants."""
        if any(unit.exchange for unit in units):
            return "exchange"
        said = sorted({unit.refund_type for unit in units if unit.refund_type is not None})
        meant = {self._tables.meaning("refund_types", word) for word in said}
        for word in said:
            if self._tables.meaning("refund_types", word) is None:
                gathered.unmapped[Unmapped("refundType", shown(word), part.key.return_id)] = None
        if None in meant:
            return None
        return next((resolution for resolution in ("exchange", "refund", "store_credit") if resolution in meant), "refund")

    def _reason(self, said: str) -> str | None:
        """A reason is one of the shop's words; a text long enough to be the shopper's own could say who he is."""
        return self._tables.meaning("reasons", said) or (said if len(said) <= _LONGEST_REASON and "@" not in said else None)

    def _units(
        self,
        part: Part,
        step: str,
        fact: str,
        units: Iterable[Unit],
        gathered: _Gathered,
        at: Callable[[Unit], datetime],
        placed: bool = True,
    ) -> None:
        """One fact for the units that went this way at one time and place."""
        together: dict[tuple[datetime, str | None], list[Unit]] = {}
        for unit in part.told.new(step, units):
            place = (unit.destination if step == "received" else unit.location) if placed else None
            together.setdefault((at(unit), place), []).append(unit)
        for (when, place), group in together.items():
            for batch in _batches(group):
                content: dict[str, Any] = {"lines": _counted(batch)} | ({"location": place} if place is not None else {})
                gathered.facts.append(self._fact(part, fact, source_of(part.told.base, step, batch), when, **content))

    def _inspect(self, part: Part, gathered: _Gathered, seen_at: datetime) -> None:
        found: dict[datetime, list[Unit]] = {}
        for unit in part.told.new("inspected", (unit for unit in part.units if unit.outcome is not None)):
            found.setdefault(unit.inspected_at or seen_at, []).append(unit)
        for when, group in found.items():
            looked_at = [(unit, disposition) for unit in group if (disposition := self._disposition(part, unit, gathered)) != "nothing"]
            for batch in _batches([unit for unit, _ in looked_at]):
                dispositions = Counter((unit.line, disposition) for unit, disposition in looked_at if unit in batch)
                lines = [{"line": line, "quantity": units, "disposition": said} for (line, said), units in sorted(dispositions.items())]
                gathered.facts.append(self._fact(part, "Inspected", source_of(part.told.base, "inspected", batch), when, lines=lines))

    def _disposition(self, part: Part, unit: Unit, gathered: _Gathered) -> str:
        """A condition that nobody mapped is told as it is: it opens `disposition_unmapped`, and the policy may still say what is done."""
        said = unit.outcome or ""
        meant = self._tables.meaning("conditions", said)
        if meant is None:
            gathered.unmapped[Unmapped("inspectionOutcome", shown(said), part.key.return_id)] = None
        return meant if meant is not None else shown(said)

    def _fact(self, part: Part, fact: str, source: str, at: datetime, **content: Any) -> RawFact:
        common = {"fact": fact, "merchant": self._merchant, "platform": PLATFORM, "return": part.key.return_id}
        return {**common, "occurred_at": write_instant(at), "source_id": source, **content}


def _batches(units: Sequence[Unit]) -> list[list[Unit]]:
    ordered = sorted(units, key=lambda unit: unit.unit)
    return [ordered[first : first + MOST_UNITS_A_FACT] for first in range(0, len(ordered), MOST_UNITS_A_FACT)]


def _counted(units: Iterable[Unit]) -> list[dict[str, Any]]:
    return [{"line": line, "quantity": quantity} for line, quantity in sorted(Counter(unit.line for unit in units).items())]


def _code_of(units: Iterable[Unit]) -> str | None:
    return next((unit.express_code for unit in units if unit.express_code is not None), None)
