"""What the ledger wants done: an instruction's id, and the facts that follow once it is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from typing import assert_never

from domain.content import Amount, LineUnits, LocatedUnits
from domain.erp_facts import GoodsLine, InstructionAccepted, InstructionIssued, MovedToQuarantine
from domain.facts import CreditNoted, ExchangeOrdered, Fact, Restocked, WrittenOff
from domain.telling import ReturnKey

# What stands in the ERP's documents so that they can be found again: short enough for every field that can hold it.
ID_LENGTH = 20


def instruction_id(key: ReturnKey, *content: object) -> str:
    """`rl-` and 17 letters and digits, derived from the return and what is asked for: deciding twice gives the same."""
    told = "\x1f".join([*key, *(str(part) for part in content)])
    return "rl-" + blake2b(told.encode(), digest_size=9).hexdigest()[: ID_LENGTH - 3]


def consequences(issued: InstructionIssued, document: str, amount: Amount | None = None, beside: tuple[str, ...] = ()) -> list[Fact]:
    """The facts that follow from `issued` being done, the answer itself first. `document` is the ERP's name for what it booked, `amount`
    what it booked where that is known to differ from what was asked for, `beside` the SKUs whose goods it did not bring in itself.

    The release of a refund is told by the platform once the money has moved.
    """
    facts: list[Fact] = [InstructionAccepted(instruction=issued.instruction, document=document, beside=beside or None)]
    match issued.kind:
        case "post_credit_note":
            lines = units_of(issued)
            booked = amount or issued.amount
            assert booked is not None, "a credit note has an amount"
            note = CreditNoted(credit_note=document, erp=issued.erp, currency=issued.currency, amount=booked, lines=lines or None)
            facts += [note, *_places(issued)]
        case "book_in" | "move":
            facts += _places(issued)
        case "restock":
            located = tuple(
                LocatedUnits(line=line, quantity=units, location=location) for (line, _, location), units in _by_place(issued.goods).items()
            )
            facts.append(Restocked(erp=issued.erp, lines=located))
        case "write_off":
            written_off = defaultdict[str, int](int)
            for (line, _, _), units in _by_place(issued.goods).items():
                written_off[line] += units
            facts.append(WrittenOff(erp=issued.erp, lines=tuple(LineUnits(line=line, quantity=n) for line, n in written_off.items())))
        case "order_exchange" | "authorise_exchange":
            facts.append(ExchangeOrdered(order=document, status=issued.status or "authorised", erp=issued.erp))
        case "release_refund":
            pass
        case _:
            assert_never(issued.kind)
    return facts


def units_of(issued: InstructionIssued) -> tuple[LineUnits, ...]:
    """Units of the return's lines that a note credits; a part of a kit credits as many units of its line as it has."""
    counted = defaultdict[str, int](int)
    for money in issued.money:
        counted[money.line] += money.quantity
    return tuple(LineUnits(line=line, quantity=units) for line, units in sorted(counted.items()))


def _places(issued: InstructionIssued) -> list[Fact]:
    together = defaultdict[tuple[str, str | None], list[LineUnits]](list)
    for (line, from_location, to_location), units in _by_place(issued.goods).items():
        if to_location is not None:
            together[to_location, from_location].append(LineUnits(line=line, quantity=units))
    return [
        MovedToQuarantine(erp=issued.erp, location=to_location, lines=tuple(lines), from_location=from_location)
        for (to_location, from_location), lines in together.items()
    ]


def _by_place(goods: Sequence[GoodsLine]) -> dict[tuple[str, str | None, str | None], int]:
    """Units of each line by where they come from and go to. The SKUs of one kit tell of the same units, each once."""
    by_sku = defaultdict[tuple[str, str | None, str | None, str], int](int)
    for one in goods:
        by_sku[one.line, one.from_location, one.to_location, one.sku] += one.units
    units: dict[tuple[str, str | None, str | None], int] = {}
    for (line, from_location, to_location, _), count in by_sku.items():
        place = (line, from_location, to_location)
        units[place] = max(units.get(place, 0), count)
    return units
