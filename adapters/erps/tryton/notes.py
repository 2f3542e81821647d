"""Credit notes: a draft that carries the instruction's id, proved by Tryton's own totals, then posted; or deleted again."""

from __future__ import annotations

from typing import Any, Final

from adapters.erps.alone import Alone
from adapters.erps.port import (
    ORDER_NOT_FOUND,
    ORDER_NOT_INVOICED,
    REFUSED,
    FoundTwice,
    NotThere,
    Unfinished,
    Work,
)
from adapters.erps.tryton.client import Lost, No, Row, SaidNo, TrytonClient
from adapters.erps.tryton.crediting import line_bodies, money_allows, taxes_to_set, wanted_lines
from adapters.erps.tryton.naming import named
from adapters.erps.tryton.orders import invoice_of
from adapters.erps.tryton.sale import BOOKED, Sale, Sales, minor_of, nested
from adapters.erps.tryton.written import first_of_all
from adapters.vendor.answers import Accepted
from domain.content import Amount
from domain.money import to_text

MODEL: Final = "account.invoice"
_FIELDS: Final = ("number", "state", "reference", "total_amount", "tax_amount", "currency.code", "amount_to_pay")
_LOOK: Final = "look at the sale in Tryton, mend what it says, then let it be sent again"


class Notes:
    """`method`: how refunds are paid from Tryton's books, where they are to be booked there at all.

    `alone` at a sale: what its invoices allow is read, then used up. And at posting: on SQLite two that are posted at once get one number.
    """

    def __init__(self, client: TrytonClient, sales: Sales, method: str | None, alone: Alone) -> None:
        self._client, self._sales, self._method, self._alone = client, sales, method, alone

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        ours = self._ours(work)
        if ours is None:
            return NotThere("customers' invoices by reference, and their lines by description")
        if ours["state"] not in BOOKED or self._refund_is_due(ours):
            return Unfinished(named(ours))
        return _accepted(work, ours)

    def do(self, work: Work) -> Accepted:
        """Raises No, Lost, SaidNo and what the client raises."""
        note = self._ours(work)
        if note is None or note["state"] not in BOOKED:
            with self._alone(f"tryton sale {self._client.database} {_sale_id(work)}"):
                note = self._post(work, note)
        if self._refund_is_due(note):
            self._refund(work, note)
        return _accepted(work, note)

    def _post(self, work: Work, draft: Row | None) -> Row:
        sale = self._sales.read(_sale_id(work))
        try:
            if sale is None:
                raise No(ORDER_NOT_FOUND, "Tryton does not have the sale any more", "match the order again")
            if invoice_of(sale) != "authorised":
                reason = f"the invoice of {sale.number} is not posted in Tryton"
                raise No(ORDER_NOT_INVOICED, reason, "post the invoice of the sale; the credit note goes once it is posted")
            money_allows(work, sale)
            lines = wanted_lines(work, sale)
        except No:
            if draft is not None:
                self._delete(draft["id"])
            raise
        if draft is not None and not self._fits(draft, work):
            # It was begun by somebody who did not come far, or was changed since: a draft is made anew, for nothing is booked yet.
            self._delete(draft["id"])
            draft = None
        if draft is None:
            bodies = [body for one in lines for body in line_bodies(one, sale, work)]
            note_id = int(self._client.write(f"{MODEL}.create", [self._body(work, sale, bodies)])[0])
            first_of_all(self._client, MODEL, work, note_id, self._delete)
        else:
            note_id = draft["id"]
        self._prove(work, sale, note_id, lines)
        try:
            with self._alone(f"tryton posting {self._client.database}"):
                self._client.write(f"{MODEL}.post", [note_id])
        except SaidNo as no:
            return self._not_posted(work, note_id, str(no))
        posted = self._read([["id", "=", note_id]])[0]
        if posted["state"] not in BOOKED:
            raise Lost(f"credit note {named(posted)} was to be posted, and Tryton tells it as {posted['state']}")
        return posted

    def _body(self, work: Work, sale: Sale, lines: list[dict[str, Any]]) -> dict[str, Any]:
        original = next(bill for bill in sale.bills if bill["id"] == sale.billed[0].row["invoice"])
        names = ("party", "account", "journal", "invoice_address", "currency")
        return {
            **{name: original[name] for name in names},
            "type": "out",
            "company": self._client.company,
            "payment_term": sale.row["payment_term"],
            "reference": work.issued.instruction,
            "description": f"Return {work.key.return_id}, order {work.reference}"[:200],
            "lines": [["create", lines]],
        }

    def _prove(self, work: Work, sale: Sale, note_id: int, lines: list[Any]) -> None:
        """Its tax is set so that the sum is exact: three thirds of a tax, each rounded, are not the whole. Raises No."""
        amount = work.issued.amount
        assert amount is not None, "a credit note has an amount"
        rows = self._client.rows("account.invoice.tax", [["invoice", "=", note_id]], "tax", "amount")
        try:
            items = sum(one.items for one in lines)
            for tax_id, minor in taxes_to_set(list(rows), lines, sale, amount.total - items).items():
                self._client.write("account.invoice.tax.write", [tax_id], {"amount": sale.major(minor)})
            made = self._read([["id", "=", note_id]])[0]
            said = -sale.minor(made["total_amount"])
            if said != amount.total:
                shown, told = to_text(max(0, said), sale.currency), to_text(amount.total, sale.currency)
                raise No(REFUSED, f"Tryton reckons {shown} {sale.currency} for what is to credit {told}", _LOOK)
        except No:
            self._delete(note_id)
            raise

    def _not_posted(self, work: Work, note_id: int, said: str) -> Row:
        """Somebody else may have posted it in the meantime; otherwise no draft is left behind."""
        found = self._read([["id", "=", note_id]])
        if found and found[0]["state"] in BOOKED:
            return found[0]
        if found:
            self._delete(note_id)
        raise No(REFUSED, f"Tryton refused to post the credit note: {said}", _LOOK)

    def _fits(self, draft: Row, work: Work) -> bool:
        amount = work.issued.amount
        net = minor_of(draft["total_amount"] - draft["tax_amount"], str(nested(draft, "currency")["code"]))
        items = sum(money.items for money in work.issued.money)
        tax = amount.tax or 0 if amount is not None else 0
        return amount is not None and -net == amount.total - tax and draft["state"] == "draft" and items <= -net + abs(amount.fees or 0)

    def _delete(self, note_id: int) -> None:
        self._client.write(f"{MODEL}.delete", [note_id])

    def _ours(self, work: Work) -> Row | None:
        """By reference; and by what its lines say, as a person may have edited the reference of what is posted."""
        found = {row["id"]: row for row in self._read([["reference", "=", work.issued.instruction]])}
        if not found:
            lines = self._client.rows("account.invoice.line", [["description", "like", f"%({work.issued.instruction})%"]], "invoice")
            ids = sorted({row["invoice"] for row in lines if row["invoice"] is not None})
            found = {row["id"]: row for row in self._read([["id", "in", ids]])} if ids else {}
        if len(found) > 1:
            raise FoundTwice(f"credit notes {', '.join(map(named, found.values()))} all carry {work.issued.instruction}")
        return next(iter(found.values()), None)

    def _read(self, domain: list[Any]) -> list[Row]:
        standing = [["type", "=", "out"], ["company", "=", self._client.company], ["state", "!=", "cancelled"]]
        return self._client.rows(MODEL, [*domain, *standing], *_FIELDS)

    # The refund's payment

    def _refund_is_due(self, note: Row) -> bool:
        return self._method is not None and note["state"] == "posted" and bool(note["amount_to_pay"])

    def _refund(self, work: Work, note: Row) -> None:
        methods = self._client.rows("account.invoice.payment.method", [["name", "=", self._method]], "name")
        if len(methods) != 1:
            reason = f"credit note {named(note)} is posted, and Tryton has no payment method {self._method}"
            raise No(REFUSED, reason, "check accounts.refund of this ERP, then let it be sent again; the note is found")
        record = {"active_model": MODEL, "active_id": note["id"], "active_ids": [note["id"]]}
        session, _, _ = self._client.write("wizard.account.invoice.pay.create")
        told = self._client.write("wizard.account.invoice.pay.execute", session, {}, "start", context=record)
        form = dict(told["view"]["defaults"] if "view" in told else {})
        form = {name: value for name, value in form.items() if not name.endswith(".")}
        form |= {"payment_method": methods[0]["id"], "description": work.issued.instruction}
        self._client.write("wizard.account.invoice.pay.execute", session, {"start": form}, "choice", context=record)
        self._client.write("wizard.account.invoice.pay.delete", session)
        paid = self._read([["id", "=", note["id"]]])[0]
        if self._refund_is_due(paid):
            raise No(REFUSED, f"credit note {named(note)} is posted, and Tryton did not take its refund", _LOOK)


def _accepted(work: Work, note: Row) -> Accepted:
    currency = str(nested(note, "currency")["code"])
    asked, total = work.issued.amount, -minor_of(note["total_amount"], currency)
    if asked is not None and asked.total == total:
        return Accepted(named(note), asked)
    tax = -minor_of(note["tax_amount"], currency)
    return Accepted(named(note), Amount(total=max(0, total), tax=tax if 0 <= tax <= total else None))


def _sale_id(work: Work) -> int:
    told = work.issued.order or (work.order.order if work.order else "")
    return int(told) if told.isdecimal() else 0
