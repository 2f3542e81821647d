"""Goods that come back: an RMA whose reference is our id, booked and actioned. It moves no money."""

from __future__ import annotations

from typing import Any, Final

from adapters.erps.linnworks.client import LinnworksClient, Lost, No
from adapters.erps.linnworks.goods import Returned
from adapters.erps.linnworks.places import Places
from adapters.erps.linnworks.refund_headers import is_actioned, problems
from adapters.erps.linnworks.refunds import Refunds
from adapters.erps.port import ORDER_NOT_FOUND, ORDER_NOT_INVOICED, REFUSED, WOULD_PAY_AGAIN, FoundTwice, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted
from adapters.vendor.shapes import Document, count, first_text, flag, listed, nested, number, objects, text

_REASONS: Final = {"OpenOrderInLinnworks": ORDER_NOT_INVOICED, "MissingOrderInLinnworks": ORDER_NOT_FOUND}
# Limits of the channel's own returns.
_OF_THE_CHANNEL: Final = ("None", "NotImplemented", "DisabledInConfig", "AlreadyReturnedOnChannel")
_WHAT_TO_DO: Final = {
    ORDER_NOT_INVOICED: "process the order in Linnworks; the goods are booked in once it is processed",
    ORDER_NOT_FOUND: "say which order it is (resolve … match-order)",
    WOULD_PAY_AGAIN: "book the return in Linnworks by hand without a refund, then waive the gap",
    REFUSED: "look at the order's returns in Linnworks; then retry, or waive the gap",
}


class Rma:
    """One RMA of an instruction. `scrapped`: the goods are written off as they come in. `ships_from` is the order's own location."""

    def __init__(
        self,
        client: LinnworksClient,
        places: Places,
        refunds: Refunds,
        work: Work,
        back: tuple[Returned, ...],
        ships_from: str | None,
        scrapped: bool,
    ) -> None:
        self._client, self._places, self._refunds = client, places, refunds
        self._work, self._back, self._ships_from, self._scrapped = work, back, ships_from, scrapped
        self._order = work.issued.order or (work.order.order if work.order else "")

    def look(self) -> Accepted | Unfinished | NotThere:
        header = self._ours()
        if header is None:
            return NotThere(f"the RMAs of order {self._order}")
        number = str(header.get("RMAHeaderId"))
        return Accepted(number) if is_actioned(with_lines(header)) else Unfinished(number)

    def check(self) -> None:
        for one in self._back:
            self._location(one)

    def do(self) -> Accepted:
        header = self._ours()
        if header is None:
            header = self._book()
        elif is_actioned(with_lines(header)):
            return Accepted(str(header.get("RMAHeaderId")))
        if any((number(line.get("RefundAmount")) or 0) > 0 for line in rma_lines(header)):
            self._delete(header)
            raise No(WOULD_PAY_AGAIN, "Linnworks would refund the customer along with this return", _WHAT_TO_DO[WOULD_PAY_AGAIN])
        return self._action(header)

    def _ours(self) -> Document | None:
        # How exactly Linnworks' own search for a reference compares is documented nowhere: all of the order's are looked at.
        told = rma_headers(self._client, self._order)
        found = [one for one in told if instruction_of(one) == self._work.issued.instruction]
        if len(found) > 1:
            numbers = ", ".join(str(one.get("RMAHeaderId")) for one in found)
            raise FoundTwice(f"RMAs {numbers} both carry {self._work.issued.instruction}")
        return found[0] if found else None

    def _book(self) -> Document:
        items = [self._asked(one) for one in self._back]
        told = self._client.ask("ReturnsRefunds/GetReturnOptions", {"request": {"OrderId": self._order}})
        _may_return(nested(told, "ReturnOptions") or nested(told))
        content = {"ChannelInitiated": False, "OrderId": self._order, "ReturnItems": items, "Reference": self._work.issued.instruction}
        answer = nested(self._client.write("ReturnsRefunds/CreateRMABooking", {"request": content}))
        said, made = problems(answer, "Items"), bool(count(answer.get("RMAHeaderId")))
        if said:
            if made:
                self._delete(answer)
            raise No(REFUSED, f"Linnworks refused the RMA: {'; '.join(said)}"[:500], _WHAT_TO_DO[REFUSED])
        if not made:
            raise Lost("Linnworks answered CreateRMABooking without the RMA's id")
        return answer

    def _action(self, header: Document) -> Accepted:
        number_of_rma = count(header.get("RMAHeaderId"))
        content = {"request": {"RMAHeaderId": number_of_rma, "OrderId": self._order}}
        answer = nested(self._client.write("ReturnsRefunds/ActionRMABooking", content))
        done = flag(answer.get("SuccessfullyActioned"))
        if done is None and not is_actioned(with_lines(answer)):
            raise Lost("Linnworks did not say whether the RMA was actioned")
        if done is False:
            found = self._ours()
            if found is not None and is_actioned(with_lines(found)):
                return Accepted(str(number_of_rma))  # an earlier try did it, and was not heard
            said = problems(answer, "Items") or ["no reason given"]
            self._delete(header)
            raise No(REFUSED, f"Linnworks did not action the RMA: {'; '.join(said)}"[:500], _WHAT_TO_DO[REFUSED])
        if refund := count(answer.get("RefundHeaderId")):
            self._refunds.delete_unactioned(self._order, refund)
        return Accepted(str(number_of_rma))

    def _delete(self, header: Document) -> None:
        content = {"request": {"RMAHeaderId": count(header.get("RMAHeaderId")), "RejectOnChannel": False}}
        self._client.write("ReturnsRefunds/DeleteRMA", content)

    def _asked(self, one: Returned) -> dict[str, Any]:
        return {
            "OrderItemRowId": one.row,
            "ReturnLocation": self._location(one),
            "ReturnQuantity": one.quantity,
            "RefundAmount": 0,
            "ScrapQuantity": one.quantity if self._scrapped else 0,
            "Reason": f"{self._work.key.return_id} {self._work.reference}",
        }

    def _location(self, one: Returned) -> str:
        if one.location is not None:
            return self._places.id_of(one.location)
        if self._ships_from is None:
            raise No(REFUSED, "the order in Linnworks does not say where it shipped from", "name the location in the policy, then retry")
        return self._ships_from


def rma_headers(client: LinnworksClient, order_id: str) -> list[Document]:
    """RMAs of an order, but for those whose lines were all deleted."""
    told = client.ask("ReturnsRefunds/GetRMAHeadersByOrderId", {"request": {"OrderId": order_id}})
    return [one for one in objects(listed(told, "RMAHeaders")) if not _is_gone(one)]


def instruction_of(header: Document) -> str | None:
    """Our id, where the RMA's reference is one."""
    said = text(header.get("ExternalReference"))
    if said is None:
        said = next((found for line in rma_lines(header) if (found := text(line.get("ExternalReference"))) is not None), None)
    return said if said is not None and said.startswith("rl-") else None


def rma_lines(header: Document) -> list[Document]:
    return [line for line in objects(listed(header, "RMALines", "Items")) if not flag(line.get("Deleted"))]


def with_lines(header: Document) -> dict[str, Any]:
    """As the reader of refunds wants it: RMAs have their lines under other names."""
    return {**header, "RefundLines": rma_lines(header)}


def _is_gone(header: Document) -> bool:
    return bool(objects(listed(header, "RMALines", "Items"))) and not rma_lines(header)


def _may_return(options: Document) -> None:
    reason = first_text(options, "CannotReturnReason") or "None"
    internally = flag(options.get("CanReturnInternally"))
    code = _REASONS.get(reason)
    if code is None and reason not in _OF_THE_CHANNEL:
        code = REFUSED
    if code is None and not internally and (flag(options.get("CanReturn")) is False or reason != "None"):
        code = REFUSED
    if code is not None:
        said = "; ".join(problems(options, "")) or reason
        raise No(code, f"Linnworks takes no return of this order: {said}", _WHAT_TO_DO[code])
