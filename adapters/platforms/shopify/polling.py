"""Polling a shop: what webhooks lost. Orders by the time they changed, with overlap; refunds that no return claimed; returns still open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from adapters.files.shopify_amounts import objects
from adapters.platforms.port import Desk, Polled, Reading
from adapters.platforms.shopify import queries
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.joins import PLATFORM, returns_of
from adapters.platforms.shopify.mapping import (
    MOST_WATCHED,
    OPEN_RETURNS_A_POLL,
    PAYOUTS_EVERY,
    PAYOUTS_KEPT,
    PAYOUTS_OVERLAP,
    UNCLAIMED_A_POLL,
    Mappings,
)
from adapters.platforms.shopify.payouts import movements_of, paid_payouts
from adapters.platforms.shopify.reader import REFUND, RETURN, SETTLEMENT, Reader
from adapters.platforms.shopify.shapes import id_of
from adapters.vendor.answers import NotUnderstood, VendorRefused
from domain.refusals import Rejected
from domain.telling import read_instant, write_instant


def changed_orders(admin: Admin, since: datetime) -> Iterator[dict[str, Any]]:
    """Oldest change first."""
    for page in _pages(admin, since):
        yield from page


def _pages(admin: Admin, since: datetime) -> Iterator[list[dict[str, Any]]]:
    # The search knows whole seconds.
    return admin.pages(queries.CHANGED_ORDERS, "orders", search=f"updated_at:>='{write_instant(since.replace(microsecond=0))}'")


class _Watched(NamedTuple):
    """A refund that stands with the shop: its order, Shopify's own returns of that, when it was, and which returns fitted at last sight."""

    order: str
    name: str
    returns: list[str]
    at: str
    fit: list[str]


class _Memory:
    """The cursor: up to where orders were read, and what has to be looked at again although its order may not change.

    `unclaimed`: refunds that stand with the shop and may turn out to be another platform's. `open`: returns still open, oldest look first;
    nothing promises that a disposition moves its order's date.
    """

    def __init__(self, cursor: Mapping[str, Any] | None, desk: Desk, mappings: Mappings) -> None:
        kept = cursor or {}
        now = desk.now()
        self.since = _instant(kept.get("since"))
        self.start = (now - mappings.look_back if self.since is None else self.since) - mappings.overlap
        if self.since is None:
            self.since = now - mappings.look_back
        remembered = {number: _Watched(**entry) for number, entry in dict(kept.get("unclaimed") or {}).items()}
        self._forgotten_before = now - mappings.watch
        self.unclaimed = {number: each for number, each in remembered.items() if self.is_recent(each.at)}
        self.open: dict[str, None] = dict.fromkeys(kept.get("open") or ())
        self.payouts: dict[str, Any] = dict(kept.get("payouts") or {"since": write_instant(now - mappings.look_back), "done": []})

    def is_recent(self, at: str) -> bool:
        instant = _instant(at)
        return instant is not None and instant > self._forgotten_before

    def seen(self, order: dict[str, Any]) -> None:
        at = _instant(order.get("updated_at"))
        if at is not None and (self.since is None or at > self.since):
            self.since = at

    def watch_return(self, number: str, is_open: bool) -> None:
        self.open.pop(number, None)
        if is_open:
            self.open[number] = None
            while len(self.open) > MOST_WATCHED:
                self.open.pop(next(iter(self.open)))

    def cursor(self) -> dict[str, Any]:
        assert self.since is not None, "set at the start"
        unclaimed = {number: each._asdict() for number, each in list(self.unclaimed.items())[-MOST_WATCHED:]}
        return {"since": write_instant(self.since), "unclaimed": unclaimed, "open": list(self.open), "payouts": self.payouts}


def poll(cursor: Mapping[str, Any] | None, desk: Desk, admin: Admin, reader: Reader, mappings: Mappings) -> Iterator[Polled]:
    memory = _Memory(cursor, desk, mappings)
    due = list(memory.open)[:OPEN_RETURNS_A_POLL]
    looked: set[str] = set()
    for page in _pages(admin, memory.start):
        readings: list[Reading] = []
        for order in page:
            readings += _order(order, memory, looked, desk, reader)
            memory.seen(order)
        yield Polled(_telling(readings), memory.cursor())
    yield from _payouts(memory, desk, admin, reader)
    again = [_return(number, memory, desk, reader) for number in due if number not in looked]
    for number, watched in list(memory.unclaimed.items())[:UNCLAIMED_A_POLL]:
        again += _looked_at(number, watched, memory, desk, reader)
    yield Polled(_telling(again), memory.cursor())


def _order(order: dict[str, Any], memory: _Memory, looked: set[str], desk: Desk, reader: Reader) -> Iterator[Reading]:
    order_id, name = str(id_of(order)), str(order.get("name"))
    returns = [number for each in objects(order.get("returns")) if (number := id_of(each)) is not None]
    for number in returns:
        looked.add(number)
        yield _return(number, memory, desk, reader)
    for each in objects(order.get("refunds")):
        if (number := id_of(each)) is not None:
            known = memory.unclaimed.get(number)
            watched = _Watched(order_id, name, returns, str(each.get("created_at")), known.fit if known else [])
            yield from _looked_at(number, watched, memory, desk, reader)


def _looked_at(number: str, watched: _Watched, memory: _Memory, desk: Desk, reader: Reader) -> Iterator[Reading]:
    """Asks the shop only about a refund that stands nowhere, on two returns, or with the shop while another return has come to fit it."""
    homes = reader.homes(number, watched.order, watched.name, watched.returns, desk)
    theirs = [key for key in homes if key.platform != PLATFORM]
    fit = sorted(str(key) for key in returns_of(watched.name, desk))
    reading = Reading()
    if not homes or (len(theirs) < len(homes) and (theirs or fit != watched.fit)):
        reading = _refund(number, desk, reader)
        yield reading
    put_on = [fact["platform"] for fact in reading.facts if fact["fact"] == "Refunded"] or [key.platform for key in theirs or homes]
    memory.unclaimed.pop(number, None)
    if desk.refunds_for and set(put_on) == {PLATFORM} and memory.is_recent(watched.at):
        memory.unclaimed[number] = watched._replace(fit=fit)


def _payouts(memory: _Memory, desk: Desk, admin: Admin, reader: Reader) -> Iterator[Polled]:
    """A page for each payout that was paid since; a token without the right to see payouts costs nothing else."""
    now, state = desk.now(), memory.payouts
    looked_at = _instant(state.get("looked_at"))
    if looked_at is not None and now - looked_at < PAYOUTS_EVERY:
        return
    since = (_instant(state.get("since")) or now) - PAYOUTS_OVERLAP
    try:
        payouts = [each for each in paid_payouts(admin, since) if id_of(each) not in state["done"]]
    except VendorRefused:
        payouts = []
    for payout in payouts:
        readings = [_settlement(payout, movement, desk, reader) for movement in movements_of(admin, str(id_of(payout)))]
        latest = max(str(memory.payouts["since"]), f"{payout['date']}T00:00:00Z")
        memory.payouts = {**memory.payouts, "since": latest, "done": [*memory.payouts["done"], id_of(payout)][-PAYOUTS_KEPT:]}
        yield Polled(_telling(readings), memory.cursor())
    memory.payouts = {**memory.payouts, "looked_at": write_instant(now)}


def _settlement(payout: dict[str, Any], movement: dict[str, Any], desk: Desk, reader: Reader) -> Reading:
    about = {"payout": {name: payout.get(name) for name in ("id", "date", "status")}, "movement": movement}
    delivery = reader.polled(SETTLEMENT, str(id_of(movement)), desk, **about)
    try:
        return _as_polled(reader.settlement(about, desk), delivery)
    except NotUnderstood as wrong:
        return Reading(waits_for=str(wrong), delivery=delivery)


def _refund(number: str, desk: Desk, reader: Reader) -> Reading:
    delivery = reader.polled(REFUND, number, desk)
    try:
        return _as_polled(reader.refund(number, desk), delivery)
    except NotUnderstood as wrong:
        # It stands in the inbox with its error, and the poll goes on.
        return Reading(waits_for=str(wrong), delivery=delivery)


def _return(number: str, memory: _Memory, desk: Desk, reader: Reader) -> Reading:
    delivery = reader.polled(RETURN, number, desk)
    try:
        reading, found = reader.shop_return(number, desk, with_refunds=False)
    except NotUnderstood as wrong:
        memory.watch_return(number, False)
        return Reading(waits_for=str(wrong), delivery=delivery)
    memory.watch_return(number, found is not None and found.open)
    return _as_polled(reading, delivery)


def _as_polled(reading: Reading, delivery: Any) -> Reading:
    return Reading(reading.facts, reading.ignored, reading.unmapped, reading.waits_for, delivery, reading.joined)


def _telling(readings: list[Reading]) -> tuple[Reading, ...]:
    """Those that say something: a poll meets the same records again and again."""
    return tuple(each for each in readings if each.facts or each.unmapped or each.waits_for)


def _instant(text: object) -> datetime | None:
    try:
        return read_instant(text)
    except Rejected:
        return None
