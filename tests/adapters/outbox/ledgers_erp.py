"""A small ERP behind the port, stateful and with faults, that keeps its books in a file: it outlives the process that asks it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.erps.port import Changes, DocumentLine, ErpDocument, FoundTwice, Level, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorRefused, VendorTrouble
from domain.content import Amount
from domain.erp_facts import OrderLine, OrderMatched, OrderNotFound

DOWN, REFUSED, LOST_BEFORE, LOST_AFTER, HALF, BROKEN = "down", "refused", "lost before", "lost after", "half", "broken"


@dataclass
class BookErp:
    """`faults` are used up one a command; `always` is used when there are none. `asked` and `sent` count calls."""

    book: Path
    orders: dict[str, OrderMatched] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    always: Any = None
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    by_hand: list[ErpDocument] = field(default_factory=list)
    voided: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    amended: dict[str, int] = field(default_factory=dict)
    misplaced: dict[str, str] = field(default_factory=dict)
    fall_after_write: bool = False
    goods_in_with_note: bool = False

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        self.asked.append(f"order {reference}")
        self._outage()
        found = self.orders.get(reference)
        return found or OrderNotFound(erp="uk-erp", reference=reference, reason=f"no order {reference}")

    def carry_out(self, work: Work) -> Answer:
        instruction = work.issued.instruction
        self.sent.append(instruction)
        fault = self.faults.pop(0) if self.faults else self.always
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, Declined):
            return fault
        match fault:
            case "down":
                raise VendorTrouble("the ERP cannot be reached")
            case "refused":
                raise VendorRefused("the ERP refuses the key")
            case "lost before":
                return Unknown("the ERP did not answer")
            case "half":
                self._write({"instruction": instruction, "number": f"D-{len(self._rows()) + 1}", "half": True})
                return Unknown("the ERP did not answer")
            case "broken":
                raise ZeroDivisionError("a mistake")
        number = self._book(work)
        if self.fall_after_write:
            os.kill(os.getpid(), 9)
        if fault == LOST_AFTER:
            return Unknown("the ERP did not answer")
        return Accepted(number, work.issued.amount)

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        self.asked.append(f"find {work.issued.instruction}")
        self._outage()
        rows = [row for row in self._rows() if row["instruction"] == work.issued.instruction]
        if len({row["number"] for row in rows}) > 1:
            raise FoundTwice(" and ".join(sorted({row["number"] for row in rows})) + " carry it")
        if not rows:
            return NotThere("its credit notes")
        if rows[-1].get("half"):
            return Unfinished(rows[-1]["number"])
        total = self.amended.get(rows[-1]["number"], rows[-1]["total"])
        return Accepted(rows[-1]["number"], Amount(total=total) if total is not None else None)

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        self._outage()
        documents = [self._document(row) for row in self._rows() if not row.get("half")] + self.by_hand
        yield Changes(tuple(self._as_it_stands(one) for one in documents), {"seen": len(documents)})

    def levels(self, skus: Sequence[str]) -> list[Level]:
        return []

    def check(self) -> str:
        self._outage()
        return "it answers"

    def documents(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What was booked through the port, in order."""
        return [row for row in self._rows() if not row.get("half") and kind in (None, row["kind"])]

    def _outage(self) -> None:
        if self.always in (DOWN, REFUSED):
            raise VendorTrouble("the ERP cannot be reached") if self.always == DOWN else VendorRefused("the ERP refuses the key")

    def _book(self, work: Work) -> str:
        issued = work.issued
        begun = [row for row in self._rows() if row["instruction"] == issued.instruction]
        number = begun[0]["number"] if begun else f"D-{len(self._rows()) + 1}"
        self._write(
            {
                "instruction": issued.instruction,
                "number": number,
                "kind": issued.kind,
                "return": work.key.return_id,
                "reference": work.reference,
                "batch": work.batch,
                "total": issued.amount.total if issued.amount else None,
                "currency": issued.currency,
                "at": work.issued_at.isoformat(),
                "lines": [[one.order_line, one.sku, one.quantity, None] for one in issued.money]
                or [[one.order_line, one.sku, one.quantity, one.to_location] for one in issued.goods],
            }
        )
        return number

    def _write(self, row: dict[str, Any]) -> None:
        with self.book.open("a") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _rows(self) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.book.read_text().splitlines()] if self.book.exists() else []
        return [row for row in rows if row["number"] not in self.removed]

    def _document(self, row: dict[str, Any]) -> ErpDocument:
        lines = tuple(DocumentLine(one, sku, n, None, None, self.misplaced.get(row["instruction"], to)) for one, sku, n, to in row["lines"])
        at = datetime.fromisoformat(row["at"])
        bare = ErpDocument("goods", row["number"], "active", at, instruction=row["instruction"], lines=lines)
        if row["kind"] == "post_credit_note":
            amount = Amount(total=row["total"])
            return replace(bare, kind="credit_note", currency=row["currency"], amount=amount, order_reference=row["reference"])
        if row["kind"] == "order_exchange":
            return replace(bare, kind="exchange_order", status="authorised", order_reference=row["reference"])
        return bare

    def _as_it_stands(self, one: ErpDocument) -> ErpDocument:
        if one.number in self.voided:
            return replace(one, status="voided")
        if one.number in self.amended:
            return replace(one, amount=Amount(total=self.amended[one.number]))
        return one


def order(number: str, *lines: tuple[str, int, int, int], invoice: str = "authorised") -> OrderMatched:
    """Lines as (sku, quantity, items, tax), in pence for the whole quantity."""
    told = tuple(OrderLine(order_line=f"L{n}", sku=sku, quantity=q, items=i, tax=t) for n, (sku, q, i, t) in enumerate(lines, 1))
    return OrderMatched.model_validate({"erp": "uk-erp", "order": f"SO-{number}", "currency": "GBP", "invoice": invoice, "lines": told})
