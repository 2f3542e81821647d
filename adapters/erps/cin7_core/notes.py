"""Credit notes: a draft with the instruction's id in its memo, proved by Cin7's own totals, then authorised; or undone."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from adapters.erps.alone import Alone
from adapters.erps.cin7_core.catalog import Catalog, UnknownPlace, no_place
from adapters.erps.cin7_core.client import Client, Done, Refusal, Uncertain
from adapters.erps.cin7_core.crediting import Wanted, credit_body, ledger_amount, restockable
from adapters.erps.cin7_core.goods import Goods
from adapters.erps.cin7_core.mapping import Cin7Mapping
from adapters.erps.cin7_core.orders import Orders
from adapters.erps.cin7_core.sale import Bill, Note, Row, Sale, credited_units, major, read_note
from adapters.erps.cin7_core.writing import EMPTY, figure, moment
from adapters.erps.port import (
    ORDER_NOT_FOUND,
    ORDER_NOT_INVOICED,
    OVER_CREDIT,
    REFUSED,
    FoundTwice,
    NotThere,
    Unfinished,
    Work,
)
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorTrouble
from adapters.vendor.shapes import listed, number, objects, text
from domain.erp_facts import GoodsLine
from domain.money import to_text

_LOOK: Final = "look at the sale in Cin7, mend what it says, then let it be sent again"


class Notes:
    """`refund_account`: the ledger account that refunds are booked from, where they are to be booked in Cin7 at all.

    `alone` at a sale: what it allows is read, then used up.
    """

    def __init__(
        self,
        client: Client,
        catalog: Catalog,
        orders: Orders,
        goods: Goods,
        mapping: Cin7Mapping,
        refund_account: str | None,
        alone: Alone,
    ) -> None:
        self._client, self._catalog, self._orders, self._goods = client, catalog, orders, goods
        self._mapping, self._refund_account, self._alone = mapping, refund_account, alone

    # Asking

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        sale = self._orders.sale(_sale_id(work))
        if sale is None:
            return NotThere("the sale, which is not there")
        ours = _ours(sale, work)
        if not ours:
            return NotThere(f"the {len(sale.notes)} credit notes of {sale.number or sale.id}")
        note = ours[0]
        if not note.active or self._refund_is_due(work, sale, note) or not self._goods.are_done(work, _beside(work, sale, note)):
            return Unfinished(note.number or note.task, note.active)
        return self._accepted(work, sale, note)

    # Doing

    def post(self, work: Work) -> Answer:
        with self._alone(f"cin7_core sale {_sale_id(work)}"):
            return self._posted(work)

    def _posted(self, work: Work) -> Answer:
        sale = self._orders.sale(_sale_id(work))
        if sale is None:
            return Declined(ORDER_NOT_FOUND, "Cin7 does not have the sale any more", "match the order again, or void the return's credit")
        ours = _ours(sale, work)
        note = ours[0] if ours else _left_over(sale, work)
        if note is None or not note.active:
            made = self._make(work, sale, note)
            if not isinstance(made, Note):
                return made
            note = made
        answer = self._goods.do(work, _beside(work, sale, note), sale.location)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Declined):
            return self._taken_back(note, answer)
        paid = self._refund(work, sale, note)
        return self._accepted(work, sale, note) if paid is None else paid

    def _make(self, work: Work, sale: Sale, draft: Note | None) -> Note | Answer:
        """`draft`: what was begun before."""
        wanted = self._checked(work, sale, draft)
        if isinstance(wanted, Declined):
            return wanted if draft is None else self._taken_back(draft, wanted)
        tasks = [draft.task] if draft is not None else self._tasks(sale)
        made = self._draft(work, sale, wanted, tasks, plainly=False)
        refused = isinstance(made, Declined) and "total" in made.reason.lower()
        plainly = refused or (isinstance(made, Note) and made.total != wanted.amount.total)
        if plainly:
            # Cin7 rounds otherwise: once more at prices that leave nothing to be rounded.
            made = self._draft(work, sale, wanted, [made.task] if isinstance(made, Note) else tasks, plainly=True)
        if not isinstance(made, Note):
            return made
        if made.total == wanted.amount.total:
            return self._authorise(work, sale, wanted, made, plainly)
        said, told = to_text(made.total, sale.currency), to_text(wanted.amount.total, sale.currency)
        reason = f"Cin7 reckons {said} {sale.currency} for what is to credit {told}"
        what_to_do = "compare tax rule and prices of the invoice with the return, or post this note by hand"
        return self._taken_back(made, Declined(REFUSED, reason, what_to_do))

    def _checked(self, work: Work, sale: Sale, draft: Note | None) -> Wanted | Declined:
        """What is to be credited, where nothing speaks against it."""
        wanted = self._wanted(work, sale)
        if isinstance(wanted, Declined):
            return wanted
        barred = self._ceiling(work, sale, wanted, draft)
        if barred is not None:
            return barred
        for goods in work.issued.goods:
            if goods.to_location is not None:
                try:
                    self._catalog.place(goods.to_location)
                except UnknownPlace as unknown:
                    return no_place(unknown)
        drafts = [one for one in sale.standing_notes() if one.status == "draft"] if sale.simple and draft is None else []
        by_hand = [one for one in drafts if one.instruction is None]
        if drafts and not by_hand:
            raise VendorTrouble(f"credit note {drafts[0].number} of {sale.number} is on its way for another return, and goes first")
        if by_hand:
            reason = (
                f"{sale.number} is a Simple Sale, which has one credit note, and {by_hand[0].number or 'a draft'} stands there as a draft"
            )
            return Declined(REFUSED, reason, "authorise or delete that draft in Cin7, then let it be sent again")
        return wanted

    def _draft(self, work: Work, sale: Sale, wanted: Wanted, tasks: list[str], *, plainly: bool) -> Note | Answer:
        refused = ""
        for task in tasks:
            answer = self._post(work, sale, wanted, task, "DRAFT", plainly)
            if not isinstance(answer, Refusal):
                return answer
            refused = refused or answer.message
        if sale.simple and sale.standing_notes():
            refused += f"; {sale.number} is a Simple Sale, which has one credit note"
        return Declined(REFUSED, f"Cin7 refused the credit note: {refused}", _LOOK)

    def _authorise(self, work: Work, sale: Sale, wanted: Wanted, draft: Note, plainly: bool) -> Note | Answer:
        # Its restock part brings goods in.
        with self._goods.nobody_else():
            answer = self._post(work, sale, wanted, draft.task, "AUTHORISED", plainly)
        if isinstance(answer, Refusal):
            return self._taken_back(draft, Declined(REFUSED, f"Cin7 refused to authorise the credit note: {answer.message}", _LOOK))
        if isinstance(answer, Note) and not answer.active:
            return Unknown(f"credit note {answer.number} was to be authorised, and Cin7 tells it as {answer.status}")
        return answer

    def _post(self, work: Work, sale: Sale, wanted: Wanted, task: str, status: str, plainly: bool) -> Note | Unknown | Refusal:
        body = credit_body(work, sale, wanted, task, status, plainly=plainly)
        match self._client.write("POST", "sale/creditnote", body):
            case Refusal() as refusal:
                return refusal
            case Uncertain(reason):
                return Unknown(reason)
            case Done(content):
                found = self._note_in(content, work, sale, task)
                if found is None:
                    content = self._client.read("sale/creditnote", SaleID=sale.id)
                    found = self._note_in(content, work, sale, task)
                return found or Unknown(f"the credit note was posted to {sale.number}, and Cin7 does not show it")

    def _note_in(self, content: Any, work: Work, sale: Sale, task: str) -> Note | None:
        notes = [read_note(told, sale.currency, sale.inclusive) for told in objects(listed(content, "CreditNotes"))]
        notes = [note for note in notes if note.status in ("draft", "authorised")]
        by_task = [note for note in notes if task != EMPTY and note.task == task]
        return next(iter(by_task or [note for note in notes if note.instruction == work.issued.instruction]), None)

    def _tasks(self, sale: Sale) -> list[str]:
        """Under which TaskIDs a new note is tried, in this order: what a Simple Sale wants is not published."""
        if not sale.simple or sale.standing_notes():
            return [EMPTY]
        waiting = [note.task for note in sale.notes if note.status == "notavailable" and note.task]
        own_first = self._mapping.simple_sale == "sale" or sale.kind.startswith("service")
        tasks = [*waiting, sale.id, EMPTY] if own_first else [EMPTY, *waiting, sale.id]
        return list(dict.fromkeys(tasks))

    def _taken_back(self, note: Note, answer: Declined) -> Declined | Unknown:
        """The answer, once the note that must not stay is gone; it says so where Cin7 will not let it go."""
        for void in ("true", "false"):
            with self._goods.nobody_else():
                written = self._client.write("DELETE", "sale/creditnote", TaskID=note.task, Void=void)
            match written:
                case Done():
                    return answer
                case Uncertain(reason):
                    return Unknown(reason)
        reason = f"{answer.reason}; credit note {note.number} is still there as {note.status}: delete it in Cin7 by hand"
        return Declined(answer.code, reason, answer.what_to_do)

    # What may be credited

    def _wanted(self, work: Work, sale: Sale) -> Wanted | Declined:
        amount = work.issued.amount
        assert amount is not None, "a credit note has an amount"
        if not sale.billed:
            states = ", ".join(sorted({bill.status for bill in sale.bills})) or "none"
            reason = f"the invoice of {sale.number} is not authorised ({states})"
            return Declined(ORDER_NOT_INVOICED, reason, "authorise the invoice in Cin7; the note goes as soon as it is seen")
        rows = {row.line: (bill, row) for bill in sale.billed for row in bill.lines}
        skus = Counter(row.sku for _, row in rows.values())
        chosen, bills = [], dict[str, Bill]()
        for money in work.issued.money:
            found = rows.get(money.order_line)
            if found is None and skus[money.sku] == 1:
                # A person changed its price or tax since the order was looked at: the SKU alone still says which line.
                found = next(pair for pair in rows.values() if pair[1].sku == money.sku)
            if found is None and any(row.line == money.order_line for row in self._orders.lines(sale)):
                return Declined(ORDER_NOT_INVOICED, f"{money.sku} of {sale.number} is not invoiced yet", "authorise its invoice in Cin7")
            if found is None:
                reason = f"the invoice of {sale.number} has no line {money.order_line!r} any more"
                return Declined(REFUSED, reason, "match the order again, then let it be sent again")
            chosen.append((money, _complete(found[1], sale)))
            bills[str(found[0].number)] = found[0]
        if len(bills) > 1:
            reason = f"the units stand on several invoices ({', '.join(sorted(bills))}), and a credit note of Cin7 credits one"
            return Declined(REFUSED, reason, "credit them by hand, a note for each invoice")
        bill = next(iter(bills.values()), None) or _with_shipping(sale, self._mapping)
        fee_rule = self._mapping.fee_tax_rule or (self._catalog.untaxed_rule() if amount.fees else None)
        return Wanted(bill, amount, tuple(chosen), self._mapping, fee_rule)

    def _ceiling(self, work: Work, sale: Sale, wanted: Wanted, draft: Note | None) -> Declined | None:
        """Never beyond what the invoice still allows, in money and in units: Cin7 itself may or may not mind."""
        others = [note for note in sale.standing_notes(without=draft) if note.invoice in (None, wanted.bill.number)]
        left = wanted.bill.total - sum(note.total for note in others)
        names = ", ".join(note.number or "a draft" for note in others) or "none"
        what_to_do = "look at the credit notes of this sale in Cin7: void what is too much, or accept the difference"
        if wanted.amount.total > left:
            asked, free = to_text(wanted.amount.total, sale.currency), to_text(max(0, left), sale.currency)
            reason = (
                f"invoice {wanted.bill.number} allows {free} {sale.currency} more, and {asked} is to be credited (notes so far: {names})"
            )
            return Declined(OVER_CREDIT, reason, what_to_do)
        counted = credited_units(sale, wanted.bill.lines, others)
        asked_units: Counter[str] = Counter()
        for money, _ in wanted.chosen:
            asked_units[money.sku] += 0 if self._by_parts(work, money.order_line) else money.quantity
        for sku, units in asked_units.items():
            rows = [row for row in wanted.bill.lines if row.sku == sku]
            free_units = sum(row.units - counted[row.line] for row in rows)
            if units > free_units:
                reason = (
                    f"invoice {wanted.bill.number} has {free_units} of {sku} left, and {units} are to be credited (notes so far: {names})"
                )
                return Declined(OVER_CREDIT, reason, what_to_do)
        return None

    def _by_parts(self, work: Work, order_line: str) -> bool:
        """Kits may be credited in parts, each part a line of its own: there the money alone is the limit."""
        return any(one.order_line == order_line and one.kit for one in (work.order.lines if work.order else ()))

    # The refund's payment

    def _refund_is_due(self, work: Work, sale: Sale, note: Note) -> bool:
        if self._refund_account is None or not note.total:
            return False
        payments = self._client.read("sale/payment", SaleID=sale.id)
        return not any(
            work.issued.instruction in (text(payment.get("Reference")) or "") for payment in objects(listed(payments, "Payments"))
        )

    def _refund(self, work: Work, sale: Sale, note: Note) -> Answer | None:
        """Booked where an account is named for it; looked for first, for money is never sent twice. None once all is well."""
        if not self._refund_is_due(work, sale, note):
            return None
        rate = number(sale.document.get("CurrencyRate"))
        body = {
            "TaskID": note.task,
            "Type": "REFUND",
            "Reference": work.issued.instruction,
            "Amount": figure(major(note.total, sale.currency)),
            "DatePaid": moment(work.issued_at),
            "Account": self._refund_account,
            "CurrencyRate": 1 if rate is None else figure(rate),
        }
        match self._client.write("POST", "sale/payment", body):
            case Done():
                return None
            case Uncertain(reason):
                return Unknown(reason)
            case Refusal(message):
                reason = f"credit note {note.number} is authorised, and Cin7 refused its refund: {message}"
                return Declined(REFUSED, reason, "check accounts.refund of this ERP, then let it be sent again; the note is found")

    def _accepted(self, work: Work, sale: Sale, note: Note) -> Accepted:
        asked = work.issued.amount
        same = asked is not None and note.total == asked.total
        beside = tuple(sorted({goods.sku for goods in _beside(work, sale, note)}))
        return Accepted(note.number or note.task, asked if same else ledger_amount(note, sale, self._mapping), beside=beside)


def _complete(row: Row, sale: Sale) -> Row:
    """With what the API wants of each line, where the invoice's own line leaves it out."""
    return row._replace(name=row.name or row.sku, tax_rule=row.tax_rule or text(sale.document.get("TaxRule")) or "")


def _sale_id(work: Work) -> str:
    return work.issued.order or (work.order.order if work.order else "")


def _ours(sale: Sale, work: Work) -> list[Note]:
    """The note that carries the instruction's id, if there is one. Raises FoundTwice."""
    ours = [note for note in sale.standing_notes() if note.instruction == work.issued.instruction]
    if len(ours) > 1:
        raise FoundTwice(f"credit notes {', '.join(note.number for note in ours)} of {sale.number} all carry {work.issued.instruction}")
    return ours


def _left_over(sale: Sale, work: Work) -> Note | None:
    """A draft of this return with the id of a note that was asked for before: undone by a person, it is gone on with."""
    if not work.issued.money:
        return None  # what a refund told later is no note that was asked for before
    before = f"{work.key.return_id} {work.reference} "
    drafts = (note for note in sale.standing_notes() if note.status == "draft" and note.instruction is not None)
    return next((note for note in drafts if note.memo.startswith(before)), None)


def _beside(work: Work, sale: Sale, note: Note) -> tuple[GoodsLine, ...]:
    """Goods that the note's own restock part cannot bring in, as the parts of a kit are: they are booked in beside it."""
    inside = restockable(work, note.lines)
    return tuple(goods for goods in work.issued.goods if goods.sku not in inside)


def _with_shipping(sale: Sale, mapping: Cin7Mapping) -> Bill:
    return next((bill for bill in sale.billed if any(mapping.is_shipping(charge.name) for charge in bill.charges)), sale.billed[0])
