"""Credit notes: a refund with our id in every line, created, looked at, and actioned only where that moves no money again."""

from __future__ import annotations

from typing import Any, Final

from adapters.erps.linnworks.amounts import minor_of, written
from adapters.erps.linnworks.client import LinnworksClient, Lost, No
from adapters.erps.linnworks.refund_headers import (
    amount_minor,
    headers_of,
    instruction_of,
    is_actioned,
    is_gone,
    likely_reference,
    live_lines,
    problems,
    reference_in,
    row_of,
    unit_of,
)
from adapters.erps.linnworks.refund_lines import RefundLine, refund_lines
from adapters.erps.linnworks.searching import reference_of_row
from adapters.erps.port import (
    ORDER_NOT_FOUND,
    ORDER_NOT_INVOICED,
    OVER_CREDIT,
    REFUSED,
    WOULD_PAY_AGAIN,
    FoundTwice,
    NotThere,
    Unfinished,
    Work,
)
from adapters.vendor.answers import Accepted
from adapters.vendor.shapes import Document, count, first_text, flag, nested
from domain.content import Amount
from domain.money import to_text

# Why an order cannot be refunded, in the port's words.
_REASONS: Final = {
    "OpenOrderInLinnworks": ORDER_NOT_INVOICED,
    "MissingOrderInLinnworks": ORDER_NOT_FOUND,
    "OrderIsFullyRefundedInLinnworks": OVER_CREDIT,
}
# The channel's own limits: no reason where Linnworks refunds internally.
_OF_THE_CHANNEL: Final = ("None", "NotImplemented", "DisabledInConfig")
_WHAT_TO_DO: Final = {
    ORDER_NOT_INVOICED: "process the order in Linnworks; the credit note goes once it is processed",
    ORDER_NOT_FOUND: "say which order it is (resolve … match-order)",
    OVER_CREDIT: "look at the order's refunds in Linnworks: they give back what was paid already; then retry, or accept the difference",
    WOULD_PAY_AGAIN: "book the refund in Linnworks by hand without sending it to the channel, or switch the channel's refunds off; retry",
    REFUSED: "mend what it names in Linnworks, then retry",
}


class Refunds:
    def __init__(self, client: LinnworksClient) -> None:
        self._client = client

    def look(self, work: Work) -> Accepted | Unfinished | NotThere:
        header = self._ours(work)
        if header is None:
            return NotThere(f"the refunds of order {_order(work)}")
        if not is_actioned(header):
            return Unfinished(_header_id(header))
        return self._accepted(work, header, self._number(work, header))

    def check(self, work: Work) -> None:
        """Nothing else is written with it: `do` checks."""

    def do(self, work: Work) -> Accepted:
        headers = [one for one in headers_of(self._client, _order(work)) if not is_gone(one)]
        header = self._ours(work, headers)
        told = self._client.ask("ReturnsRefunds/GetRefundOptions", {"request": {"OrderId": _order(work)}})
        options = nested(told, "RefundOptions") or nested(told)
        if header is None:
            _may_refund(options)
            _within(work, headers)
            header = self._create(work, options)
        if is_actioned(header):
            return self._accepted(work, header, self._number(work, header))
        if _pays_again(header, options):
            self._delete(header)
            raise No(WOULD_PAY_AGAIN, "Linnworks would pay this refund through the sales channel, too", _WHAT_TO_DO[WOULD_PAY_AGAIN])
        return self._action(work, header)

    def delete_unactioned(self, order_id: str, header_id: int) -> None:
        """A refund that Linnworks made along with an RMA: the credit note is posted by itself."""
        for header in headers_of(self._client, order_id):
            if count(header.get("RefundHeaderId")) == header_id and not is_actioned(header) and instruction_of(header) is None:
                self._delete(header)

    def _ours(self, work: Work, headers: list[Document] | None = None) -> Document | None:
        told = headers_of(self._client, _order(work)) if headers is None else headers
        found = [one for one in told if not is_gone(one) and instruction_of(one) == work.issued.instruction]
        if len(found) > 1:
            raise FoundTwice(f"refunds {', '.join(_header_id(one) for one in found)} all carry {work.issued.instruction}")
        return found[0] if found else None

    def _create(self, work: Work, options: Document) -> Document:
        asked = [_asked(work, line, options) for line in refund_lines(work.issued)]
        content = {"request": {"ChannelInitiated": False, "OrderId": _order(work), "RefundLines": asked}}
        answer = nested(self._client.write("ReturnsRefunds/CreateRefund", content))
        said, reason = problems(answer, "RefundLines"), first_text(answer, "CannotRefundReason") or "None"
        made = bool(count(answer.get("RefundHeaderId")))
        if said or (reason != "None" and not made):
            if made:
                self._delete(answer)
            code = _REASONS.get(reason, OVER_CREDIT if _exceeds(said) else REFUSED)
            raise No(code, f"Linnworks refused the refund: {'; '.join(said) or reason}"[:500], _WHAT_TO_DO[code])
        if not made:
            raise Lost("Linnworks answered CreateRefund without the refund's id")
        if not live_lines(answer):
            # The lines tell whether they are internal: never go on without having seen them.
            return self._ours(work) or answer
        return answer

    def _action(self, work: Work, header: Document) -> Accepted:
        content = {"request": {"RefundHeaderId": count(header.get("RefundHeaderId")), "OrderId": _order(work)}}
        answer = nested(self._client.write("ReturnsRefunds/ActionRefund", content))
        done = flag(answer.get("SuccessfullyActioned"))
        if done or (done is None and is_actioned(answer)):
            number = reference_in(answer) or reference_in(header) or self._number(work, header)
            return self._accepted(work, answer if live_lines(answer) else header, number)
        if done is None:
            raise Lost("Linnworks did not say whether the refund was actioned")
        found = self._ours(work)
        if found is not None and is_actioned(found):
            return self._accepted(work, found, self._number(work, found))  # an earlier try did it, and was not heard
        said = problems(answer, "RefundLines") or [first_text(answer, "CannotRefundReason") or "no reason given"]
        code = _REASONS.get(first_text(answer, "CannotRefundReason") or "", OVER_CREDIT if _exceeds(said) else REFUSED)
        self._delete(header)
        raise No(code, f"Linnworks did not action the refund: {'; '.join(said)}"[:500], _WHAT_TO_DO[code])

    def _delete(self, header: Document) -> None:
        """Nothing is left behind. A refund that is found again is looked at again, so a delete that is lost is done later."""
        content = {"request": {"RefundHeaderId": count(header.get("RefundHeaderId")), "RejectOnChannel": False}}
        self._client.write("ReturnsRefunds/DeleteRefund", content)

    def _number(self, work: Work, header: Document) -> str:
        """The same by whichever way it is learnt: it names the credit note in the ledger."""
        rows = {str(line.get("RefundRowId")).lower() for line in live_lines(header)}
        return reference_in(header) or reference_of_row(self._client, work.issued_at, rows) or likely_reference(header)

    def _accepted(self, work: Work, document: Document, number: str) -> Accepted:
        asked = work.issued.amount
        booked = amount_minor(document, work.issued.currency)
        differs = asked is not None and booked and booked != asked.total
        return Accepted(number, Amount(total=booked) if differs else asked)


def _order(work: Work) -> str:
    return work.issued.order or (work.order.order if work.order else "")


def _header_id(header: Document) -> str:
    return str(header.get("RefundHeaderId"))


def _asked(work: Work, line: RefundLine, options: Document) -> dict[str, Any]:
    unit = line.unit
    if unit == "Shipping" and flag(options.get("CanRefundShipping")) is False:
        unit = "Additional"
    note = " ".join(part for part in (work.key.return_id, work.reference, work.issued.instruction, work.batch) if part)
    longest = count(options.get("RefundFreeTextOrNoteMaxLength")) or 0
    asked: dict[str, Any] = {
        "RefundedUnit": unit,
        "ExternalReference": work.issued.instruction,
        "FreeTextOrNote": note[:longest] if longest else note,
        "Amount": written(line.amount, work.issued.currency),
    }
    if line.order_line is not None:
        asked["OrderItemRowId"] = line.order_line
    if line.quantity:
        asked["Quantity"] = line.quantity
    return asked


def _may_refund(options: Document) -> None:
    reason = first_text(options, "CannotRefundReason") or "None"
    can, internally = flag(options.get("CanRefund")), flag(options.get("CanRefundInternally"))
    code = _REASONS.get(reason)
    if code is None and not internally and reason not in _OF_THE_CHANNEL:
        code = REFUSED
    if code is None and not internally and can is False:
        code = REFUSED
    if code is not None:
        said = "; ".join(problems(options, "")) or reason
        raise No(code, f"Linnworks cannot refund this order: {said}", _WHAT_TO_DO[code])
    if can and internally is False:
        raise No(WOULD_PAY_AGAIN, "Linnworks can refund this order through its sales channel only", _WHAT_TO_DO[WOULD_PAY_AGAIN])


def _pays_again(header: Document, options: Document) -> bool:
    """Would actioning it send money through the channel? The lines say; where they do not, only an order that can be refunded inside
    Linnworks counts as safe."""
    said = [flag(line.get("Internal")) for line in live_lines(header)]
    if False in said:
        return True
    return (not said or None in said) and not flag(options.get("CanRefundInternally"))


def _within(work: Work, headers: list[Document]) -> None:
    """Never beyond what the order was charged, in all and by row, as its refunds so far leave it."""
    order, currency = work.order, work.issued.currency
    if order is None or order.order != _order(work) or not order.lines or work.issued.amount is None:
        return  # only Linnworks itself can say
    if order.currency != currency:
        reason = f"the order is in {order.currency} in Linnworks, the note would be in {currency}"
        raise No(REFUSED, reason, "book the credit note in Linnworks by hand")
    whole = sum(one.items + one.tax for one in order.lines) + order.shipping + order.shipping_tax
    given = sum(amount_minor(one, currency) for one in headers)
    left = [(whole - given, work.issued.amount.total, "the order")]
    for line in refund_lines(work.issued):
        row = next((one for one in order.lines if line.order_line is not None and one.order_line == line.order_line), None)
        if row is not None:
            of_row = [one for header in headers for one in live_lines(header) if _gives_back(one, row.order_line)]
            given = sum(minor_of(one.get("Amount"), currency) or 0 for one in of_row)
            left.append((row.items + row.tax - given, line.amount, f"its line {row.sku}"))
    for allowed, asked, what in left:
        if asked > allowed:
            amounts = (to_text(max(0, allowed), currency), to_text(asked, currency))
            raise No(
                OVER_CREDIT,
                f"{what} still allows {amounts[0]} {currency}, the note would credit {amounts[1]}",
                _WHAT_TO_DO[OVER_CREDIT],
            )


def _gives_back(line: Document, order_line: str) -> bool:
    return (row_of(line) or "").lower() == order_line.lower() and unit_of(line) in ("Item", "Service")


def _exceeds(said: list[str]) -> bool:
    words = ("exceed", "more than", "greater than", "already refunded", "fully refunded")
    return any(word in one.lower() for one in said for word in words)
