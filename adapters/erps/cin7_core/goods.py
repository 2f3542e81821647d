"""Goods: stock adjustments bring units in, transfers move them, write-offs take them out; several make one instruction, all or none.

Each document carries the instruction's id (Reference, or Notes of a write-off). An adjustment tells Cin7 a new level, not a difference:
what is there is read just before, while no other hand of the house moves stock of the account, and Cin7's answer says whether
somebody else did in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from adapters.erps.alone import Alone
from adapters.erps.cin7_core.catalog import Catalog, Place
from adapters.erps.cin7_core.client import Client, Done, Refusal, Uncertain, Written
from adapters.erps.cin7_core.writing import comment, figure, moment, named
from adapters.erps.port import REFUSED, SKU_UNMATCHED, FoundTwice, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown
from adapters.vendor.shapes import Document, first_text, listed, number, objects, plain, text
from domain.erp_facts import GoodsLine

_NONE: Final = Decimal(0)
_LOOK: Final = "look at the stock of this SKU in Cin7, mend it, then let it be sent again"


class UnknownSku(Exception):
    """The message names it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One document. `lines`: (SKU, where, units); an adjustment may have several places, the others have one."""

    kind: Literal["in", "transfer", "out"]
    lines: tuple[tuple[str, Place, int], ...]
    target: Place | None = None

    @property
    def place(self) -> Place:
        return self.lines[0][1]


class Goods:
    """`alone` at `levels`: a level is read and then written, so nobody moves stock of the account in between."""

    def __init__(self, levels: str, client: Client, catalog: Catalog, accounts: Mapping[str, str], alone: Alone) -> None:
        self._client, self._catalog, self._accounts = client, catalog, accounts
        self._levels, self._alone = levels, alone
        # What this host's answers to adjustments have shown so far: the level before, as is documented, or the one after.
        self._tells_before = self._tells_after = False
        # Instructions that were found begun: what there is of them is looked for before anything is written.
        self._begun: set[str] = set()

    def find(self, work: Work, home: str | None) -> Accepted | Unfinished | NotThere:
        steps = self._steps(work, work.issued.goods, home)
        found = [self._found(work, step, steps) for step in steps]
        if all(one is not None and _is_done(one) for one in found):
            return Accepted(_names(one for one in found if one is not None))
        begun = [one for one in found if one is not None]
        if begun:
            self._begun.add(work.issued.instruction)
        return Unfinished(_names(begun)) if begun else NotThere("transfers, adjustments and write-offs by their reference")

    def are_done(self, work: Work, goods: Sequence[GoodsLine]) -> bool:
        """Of goods that always come in: are they all booked?"""
        steps = self._steps(work, goods, None)
        found = [self._found(work, step, steps) for step in steps]
        return all(one is not None and _is_done(one) for one in found)

    def do(self, work: Work, goods: Sequence[GoodsLine], home: str | None, *, look: bool = True) -> Answer:
        """`look`: some of it may be there already."""
        steps = self._steps(work, goods, home)
        if any(step.kind == "out" for step in steps) and not self._accounts.get("write_off"):
            reason = "this ERP has no account that write-offs go to"
            return Declined(REFUSED, reason, 'set accounts = { write_off = "…" } of this ERP, then let it be sent again')
        done: list[tuple[Step, Document]] = []
        for step in steps:
            look = look or work.issued.instruction in self._begun
            found = self._found(work, step, steps) if look or len(steps) > 1 or step.kind == "out" else None
            if found is not None and not _is_done(found):
                answer: Document | Declined | Unknown = self._void(step, found) or self._write(work, step)
            else:
                answer = found if found is not None else self._write(work, step)
            if isinstance(answer, Unknown):
                return answer
            if isinstance(answer, Declined):
                return self._undone(done, answer)
            done.append((step, answer))
        return Accepted(_names(document for _, document in done))

    # Steps

    def _steps(self, work: Work, goods: Sequence[GoodsLine], home: str | None) -> list[Step]:
        """Units without a place to come from are booked in first; without a place to go to they go where the order shipped from."""
        coming: dict[tuple[str, str], int] = {}
        moving: dict[tuple[str, str], dict[str, int]] = {}
        leaving: dict[str, dict[str, int]] = {}
        for one in goods:
            source, target = one.from_location, one.to_location
            if work.issued.kind == "write_off":
                source = source or self._home(home)
                leaving.setdefault(source, {})
                leaving[source][one.sku] = leaving[source].get(one.sku, 0) + one.quantity
                if one.from_location is None:
                    coming[one.sku, source] = coming.get((one.sku, source), 0) + one.quantity
                continue
            target = target or self._home(home)
            if source is None:
                coming[one.sku, target] = coming.get((one.sku, target), 0) + one.quantity
            elif source != target:
                moving.setdefault((source, target), {})
                moving[source, target][one.sku] = moving[source, target].get(one.sku, 0) + one.quantity
        place = self._catalog.place
        steps = [Step("in", tuple((sku, place(where), units) for (sku, where), units in sorted(coming.items())))] if coming else []
        for (source, target), units_of in sorted(moving.items()):
            lines = tuple((sku, place(source), units) for sku, units in sorted(units_of.items()))
            steps.append(Step("transfer", lines, place(target)))
        for source, units_of in sorted(leaving.items()):
            steps.append(Step("out", tuple((sku, place(source), units) for sku, units in sorted(units_of.items()))))
        return steps

    def _home(self, home: str | None) -> str:
        return home or self._catalog.default_place().name

    # Asking

    def _found(self, work: Work, step: Step, steps: Sequence[Step]) -> Document | None:
        """The step's document, voided ones left out. Raises FoundTwice."""
        name = work.issued.instruction
        match step.kind:
            case "in":
                rows = self._all(name, "stockadjustmentList", "StockAdjustmentList", "Reference", {})
            case "transfer":
                rows = self._all(name, "stockTransferList", "StockTransferList", "Reference", {"Search": name}, {})
            case "out":
                rows = self._all(name, "inventoryWriteOffList", "InventoryWriteOffs", "Notes", {"Search": name})
        alike = [one for one in steps if one.kind == step.kind]
        if len(alike) > 1:
            rows = [row for row in rows if _is_of(row, step)]
        if len(rows) > 1:
            raise FoundTwice(f"{_names(rows)} all carry {name}")
        return self._as_it_came_out(step, rows[0]) if rows else None

    def _as_it_came_out(self, step: Step, row: Document) -> Document:
        """An adjustment that replaced another level than was read may stand because nobody lived to take it back: it is not done."""
        if step.kind != "in" or not _is_done(row):
            return row
        try:
            document = self._client.read("stockadjustment", TaskID=text(row.get("TaskID")) or "")
        except NotUnderstood:
            return row
        for sku, place, units in step.lines:
            for before, after in _levels(document, sku, place):
                # The same before and after: a host that tells the level after it, or somebody else's units were replaced by as many.
                known = before == after - units or (before == after and self._tells_after) if after is not None else True
                if not known:
                    return {**row, "Status": "OVERTAKEN"}
        return row

    def _all(self, name: str, path: str, rows_name: str, field: str, *ways: Mapping[str, str]) -> list[Document]:
        """Documents whose field has the id, by the first way of asking that finds one. An adjustment's list takes no search, and whether
        a transfer's covers the reference is not certain: there, finding nothing means reading all."""
        for params in ways:
            rows = self._client.rows(path, rows_name, **params)
            found = [row for row in rows if name in (text(row.get(field)) or "") and plain(text(row.get("Status")) or "") != "voided"]
            if found:
                return found
        return []

    # Doing

    def _write(self, work: Work, step: Step) -> Document | Declined | Unknown:
        with self.nobody_else():
            match step.kind:
                case "in":
                    return self._book_in(work, step)
                case "transfer":
                    return self._outcome(step, self._client.write("POST", "stockTransfer", self._transfer(work, step)))
                case "out":
                    return self._outcome(step, self._client.write("POST", "inventoryWriteOff", self._write_off(work, step)))

    def nobody_else(self) -> AbstractContextManager[None]:
        """Moves stock of the account meanwhile, of all that belong to the house."""
        return self._alone(self._levels)

    def _book_in(self, work: Work, step: Step) -> Document | Declined | Unknown:
        told: dict[tuple[str, Place], Decimal] = {}
        for last in (False, False, True):
            levels = [told[sku, place] if (sku, place) in told else self._catalog.on_hand(sku, place) for sku, place, _ in step.lines]
            answer = self._outcome(step, self._client.write("POST", "stockadjustment", self._adjustment(work, step, levels)))
            if isinstance(answer, Declined | Unknown):
                return answer
            overtaken = self._overtaken(step, levels, answer)
            if overtaken is None and (self._tells_after or last):
                # Once more the same, read afresh: this host tells the level after the adjustment, not the one before it.
                self._tells_after = True
                return answer
            if overtaken is False:
                return answer
            # Somebody moved stock between reading and writing: the level that was written is not theirs plus ours.
            undone = self._void(step, answer)
            # What it replaced is there again; a list that lags behind would show the old level once more.
            told = self._replaced(step, answer) if overtaken else {}
            if undone is not None:
                return answer if overtaken is None and isinstance(undone, Declined) else undone
        sku = step.lines[0][0]
        return Declined(REFUSED, f"stock of {sku} at {step.place.name} kept moving while it was booked in", _LOOK)

    def _overtaken(self, step: Step, levels: Sequence[Decimal], answer: Document) -> bool | None:
        """Was it another level that was replaced? None where that depends on whether this host tells the level before or after."""
        perhaps = False
        for (sku, place, units), level in zip(step.lines, levels, strict=True):
            for before, _ in _levels(answer, sku, place):
                if before not in (level, level + units):
                    return True
                if before == level:
                    self._tells_before = True
                elif self._tells_before:
                    return True
                else:
                    perhaps = True
        return None if perhaps else False

    def _replaced(self, step: Step, answer: Document) -> dict[tuple[str, Place], Decimal]:
        """The levels that were there, as an answer tells them that is known to tell the ones before."""
        if self._tells_after:
            return {}
        found = {(sku, place): [before for before, _ in _levels(answer, sku, place)] for sku, place, _ in step.lines}
        return {where: levels[0] for where, levels in found.items() if len(levels) == 1}

    def _outcome(self, step: Step, written: Written) -> Document | Declined | Unknown:
        match written:
            case Uncertain(reason):
                return Unknown(reason)
            case Refusal(message):
                return Declined(REFUSED, f"Cin7 refused the {_WORDS[step.kind]}: {message}", _LOOK)
            case Done(content):
                rows = [content] if isinstance(content, Mapping) else listed(content, *_LISTS)
                document = next(iter(objects(rows)), None)
                if document is None:
                    return Unknown(f"Cin7 answered the {_WORDS[step.kind]} with no document")
                errors = _errors(document)
                if not errors:
                    return document
                # Made all the same, with lines that failed: taken back, so that nothing is left half done.
                undone = self._void(step, document)
                return undone or Declined(REFUSED, f"Cin7 refused the {_WORDS[step.kind]}: {'; '.join(errors)}", _LOOK)

    def _void(self, step: Step, document: Document) -> Declined | Unknown | None:
        """None once it is void."""
        task = text(document.get("TaskID")) or ""
        with self.nobody_else():
            written = self._client.write("DELETE", _PATHS[step.kind], ID=task, Void="true")
        match written:
            case Done():
                return None
            case Uncertain(reason):
                return Unknown(reason)
            case Refusal(message):
                reason = f"{_names([document])} is begun and not finished, and Cin7 does not let it be voided: {message}"
                return Declined(REFUSED, reason, "void that document in Cin7 by hand, then let it be sent again")

    def _undone(self, done: list[tuple[Step, Document]], answer: Declined) -> Declined | Unknown:
        for step, document in reversed(done):
            undone = self._void(step, document)
            if undone is not None:
                return undone
        return answer

    # Bodies

    def _transfer(self, work: Work, step: Step) -> dict[str, Any]:
        assert step.target is not None, "a transfer has a target"
        return {
            **_at("From", "FromLocation", step.place),
            **_at("To", "ToLocation", step.target),
            "Status": "COMPLETED",
            "CompletionDate": moment(work.issued_at),
            "Reference": work.issued.instruction,
            "SkipOrder": True,
            "Lines": [{**self._product(sku, "SKU"), "TransferQuantity": units, "Comments": comment(work)} for sku, _, units in step.lines],
        }

    def _adjustment(self, work: Work, step: Step, levels: Sequence[Decimal]) -> dict[str, Any]:
        lines = []
        for (sku, place, units), level in zip(step.lines, levels, strict=True):
            product = self._catalog.product(sku)
            lines.append(
                {
                    **self._product(sku, "SKU"),
                    "Quantity": figure(level + units),
                    "UnitCost": figure(product.cost if product else Decimal(0)),
                    **_at("LocationID", "Location", place),
                    "Comments": comment(work),
                }
            )
        account = self._accounts.get("adjustment")
        return {
            "EffectiveDate": moment(work.issued_at),
            "Status": "COMPLETED",
            "Reference": work.issued.instruction,
            "Comment": named(work),
            "UpdateOnHand": True,
            "Lines": lines,
            **({"Account": account} if account else {}),
        }

    def _write_off(self, work: Work, step: Step) -> dict[str, Any]:
        location = self._catalog.place(step.place.location)
        inside = _at("BinID", "Bin", Place(step.place.id, step.place.bin)) if step.place.bin else {}
        return {
            "Status": "COMPLETED",
            **_at("LocationID", "Location", location),
            "Account": self._accounts["write_off"],
            "EffectiveDate": moment(work.issued_at),
            "Notes": named(work),
            "Lines": [{**self._product(sku, "ProductCode"), "Quantity": units, **inside} for sku, _, units in step.lines],
        }

    def _product(self, sku: str, field: str) -> dict[str, str]:
        product = self._catalog.product(sku)
        if product is None:
            raise UnknownSku(f"Cin7 has no product {sku!r}")
        return {**({"ProductID": product.id} if product.id else {}), field: sku}


def _at(of_id: str, of_name: str, place: Place) -> dict[str, str]:
    """A place by its id, where that is known, and its name."""
    return {**({of_id: place.id} if place.id else {}), of_name: place.name}


_WORDS: Final = {"in": "stock adjustment", "transfer": "stock transfer", "out": "write-off"}
_PATHS: Final = {"in": "stockadjustment", "transfer": "stockTransfer", "out": "inventoryWriteOff"}
_LISTS: Final = ("StockTransferList", "StockAdjustmentList", "InventoryWriteOffs")


def no_product(error: UnknownSku) -> Declined:
    return Declined(SKU_UNMATCHED, str(error), "make the product in Cin7, or say which SKU it is there")


def _levels(document: Any, sku: str, place: Place) -> Iterator[tuple[Decimal, Decimal | None]]:
    """Of an adjustment: the level of a SKU that it found at a place, and the one that it set; there was nothing where it is a new line."""
    told = document if isinstance(document, Mapping) else {}
    for name in ("ExistingStockLines", "NewStockLines"):
        for row in objects(told.get(name)):
            same = text(row.get("SKU")) == sku and text(row.get("Location")) in (place.name, place.location)
            if same and text(row.get("BatchSN")) is None:
                new = name == "NewStockLines"
                before = _NONE if new else number(row.get("QuantityOnHand"))
                if before is not None:
                    yield before, number(row.get("Quantity" if new else "Adjustment"))


def _errors(document: Document) -> list[str]:
    told = document.get("Errors")
    return [str(each.get("Exception", each)) if isinstance(each, Mapping) else str(each) for each in told] if isinstance(told, list) else []


def _is_done(document: Document) -> bool:
    return plain(text(document.get("Status")) or "completed") == "completed"


def _is_of(row: Document, step: Step) -> bool:
    if step.kind == "transfer":
        assert step.target is not None, "a transfer has a target"
        return first_text(row, "FromLocation") == step.place.name and first_text(row, "ToLocation") == step.target.name
    return first_text(row, "Location") in (step.place.name, step.place.location)


def _names(documents: Iterable[Document]) -> str:
    """What people call them in Cin7."""
    names = (first_text(one, "Number", "StocktakeNumber", "InventoryWriteOffNumber", "TaskID") or "?" for one in documents)
    return ", ".join(names)
