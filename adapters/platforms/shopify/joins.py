"""Whose refund is it? One return can have several voices: a platform announces it, and the shop pays for it.

The join is declared by `refunds_from`, and never a silent guess: what decided goes along with the reading, and so does what else fitted.
A refund stands on one return only. Where it turns out to belong to another, it is taken back from where it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.platforms.port import Desk, Joined, RawFact
from domain.facts import Initiated, PayoutSettled, Refunded, RefundReversed
from domain.returns import OUTSIDE_RETURNS
from domain.telling import ReturnKey, Telling, write_instant, write_telling

PLATFORM = "shopify"
# Happy Returns numbers the units of an order line: `12345-0-2` is the first of two units of line 12345.
_UNIT_OF_LINE = re.compile(r"-\d+-\d+\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a refund belongs. `recorded`: it stands there already. `wrong`: where it stands and does not belong, with that telling."""

    key: ReturnKey
    recorded: bool
    wrong: tuple[tuple[ReturnKey, Telling], ...]
    joined: Joined | None

    @property
    def elsewhere(self) -> bool:
        return self.key.platform != PLATFORM


def unjoined(merchant: str, order_id: str | None) -> ReturnKey:
    """Where a refund outside any return stands."""
    return ReturnKey(merchant, PLATFORM, f"{OUTSIDE_RETURNS}{order_id}")


def returns_of(order_name: str | None, desk: Desk) -> list[ReturnKey]:
    """Returns of the order on the platforms whose refunds this shop pays; the order's name is told with its `#` and without."""
    if not order_name or not desk.refunds_for:
        return []
    names = dict.fromkeys((order_name, order_name.lstrip("#"), f"#{order_name.lstrip('#')}"))
    found = dict.fromkeys(key for name in names for key in desk.returns_of_order(name))
    return [key for key in found if key.platform in desk.refunds_for]


def fitting(candidates: Iterable[ReturnKey], lines: frozenset[str], desk: Desk) -> tuple[list[ReturnKey], list[ReturnKey]]:
    """(those whose announcement may be about these order lines, those of them that are about nothing else than what they name)."""
    may, surely = [], []
    for key in candidates:
        announced = order_lines(desk.told(key))
        if not lines or not announced:
            may.append(key)
        elif lines & announced:
            may.append(key)
            if lines <= announced:
                surely.append(key)
    return may, surely


def order_lines(tellings: Iterable[Telling]) -> frozenset[str]:
    """The order's lines that a return's announcement names by their numbers; empty where it does not name all of them so."""
    for telling in tellings:
        if isinstance(telling.fact, Initiated):
            named = [_UNIT_OF_LINE.sub("", (line.order_line or "").rpartition("/")[2]) for line in telling.fact.lines]
            return frozenset(named) if all(number.isdecimal() for number in named) else frozenset()
    return frozenset()


def standing(refund: str, keys: Iterable[ReturnKey], desk: Desk) -> dict[ReturnKey, Telling]:
    """Those of the returns on which the refund is recorded and not taken back."""
    found: dict[ReturnKey, Telling] = {}
    for key in dict.fromkeys(keys):
        tellings = desk.told(key)
        told = next((each for each in tellings if isinstance(each.fact, Refunded) and each.fact.refund == refund), None)
        if told and not any(isinstance(each.fact, RefundReversed) and each.fact.refund == refund for each in tellings):
            found[key] = told
    return found


def place(refund: str, own: ReturnKey, order_id: str | None, order_name: str | None, lines: frozenset[str], desk: Desk) -> Place:
    """`own` is the return that Shopify itself names, or `unjoined`. In this order:

    (1) a return of such a platform tells the refund itself: it stays there; (2) exactly one of the order's returns on these platforms
    fits: it goes there; (3) none, or several: it stays Shopify's own, where it shows as a gap until it becomes clear.
    """
    candidates = returns_of(order_name, desk)
    told = desk.return_of_refund(refund)
    homes = standing(refund, [own, unjoined(own.merchant, order_id), *candidates, *([told] if told else [])], desk)
    # Whoever tells a refund by the shop's own number means this one, declared or not.
    theirs = [key for key in homes if key.platform != PLATFORM]
    what = f"refund {refund}"
    joined: Joined | None = None
    if theirs:
        key = theirs[0]
        others = tuple(str(other) for other in candidates if other not in theirs)
        joined = Joined(what, key, "it is recorded there already", others)
    elif candidates:
        key, joined = _chosen(what, own, order_name, candidates, lines, desk)
    else:
        key = own
    wrong = tuple((home, telling) for home, telling in homes.items() if home != key and home.platform == PLATFORM)
    return Place(key, key in homes, wrong, joined)


def _chosen(
    what: str, own: ReturnKey, order_name: str | None, candidates: list[ReturnKey], lines: frozenset[str], desk: Desk
) -> tuple[ReturnKey, Joined]:
    may, surely = fitting(candidates, lines, desk)
    if len(may) == 1:
        compared = "and is about the refunded lines" if may == surely else "though its lines cannot be compared with the refunded ones"
        only = "the only return" if len(candidates) == 1 else "of several returns the only one"
        why = f"it is {only} of order {order_name} on {may[0].platform} that fits, {compared}"
        return may[0], Joined(what, may[0], why, tuple(str(key) for key in candidates if key != may[0]))
    if len(surely) == 1:
        why = f"of {len(candidates)} returns of order {order_name} it alone is about all the refunded lines"
        return surely[0], Joined(what, surely[0], why, tuple(str(key) for key in may if key != surely[0]))
    if not may:
        why = f"no return of order {order_name} is about the refunded lines, so it was left with the shop"
        return own, Joined(what, own, why, tuple(map(str, candidates)))
    why = f"{len(may)} returns of order {order_name} fit, so it was left with the shop until one of them tells it"
    return own, Joined(what, own, why, tuple(map(str, may)))


def taken_back(wrong: Iterable[tuple[ReturnKey, Telling]]) -> list[RawFact]:
    """At the instant of the refund itself, so that at no moment it counts on two returns."""
    return [
        {
            "fact": "RefundReversed",
            "merchant": key.merchant,
            "platform": key.platform,
            "return": key.return_id,
            "occurred_at": write_instant(telling.occurred_at),
            "refund": telling.fact.refund,
            "source_id": f"shopify/refund/{telling.fact.refund}/taken-back/{key.return_id}",
        }
        for key, telling in wrong
        if isinstance(telling.fact, Refunded)
    ]


def settlements_of(found: Place, refund: str, desk: Desk) -> list[RawFact]:
    """What payouts settled of a refund that goes to another return is told there, too; where it was, nobody looks at it any more."""
    return [
        write_telling(telling)
        | {"platform": found.key.platform, "return": found.key.return_id, "source_id": f"{telling.source_id}/{found.key.return_id}"}
        for home, _ in found.wrong
        for telling in desk.told(home)
        if isinstance(telling.fact, PayoutSettled) and telling.fact.refund == refund
    ]
