"""What Reveni can be asked to do: accept or reject items of a return. What is accepted may be refunded, so it is asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from adapters.platforms.reveni.client import ReveniClient
from adapters.platforms.reveni.document import Return
from adapters.platforms.reveni.refunds import refunds_in
from adapters.platforms.tables import Tables
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown
from adapters.vendor.shapes import first_text


class Verdict(NamedTuple):
    """On so many units of an item. `reject_reason` (`defect`, say) where it is rejected."""

    item_id: str
    quantity: int
    accepted: bool
    reject_reason: str | None = None


class Commands:
    """Remembers what it sent and got no answer for: that is never sent again, only asked about."""

    def __init__(self, client: ReveniClient, tables: Tables) -> None:
        self._client, self._tables = client, tables
        self._unanswered: set[tuple[str, str]] = set()

    def release_refund(self, return_id: str) -> Answer:
        """Accept every item that nobody has decided on: Reveni pays what is accepted. What is paid, or on its way, is left alone.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
        document = self._client.one(return_id)
        if document is None:
            return Declined("unknown_return", f"Reveni has no return {return_id}", "look it up in its dashboard")
        of = Return(return_id, document, self._tables)
        for refund in refunds_in(document):
            # One without a status was paid; one whose status nobody mapped may have been.
            if self._tables.meaning("refund_status", first_text(refund, "status", "state")) != "failed":
                return Accepted(first_text(refund, "id", "refund_id", "transaction_id") or return_id)
        verdicts = {item.line: self._tables.meaning("item_status", item.verdict) for item in of.items}
        if of.status == "rejected" or (verdicts and set(verdicts.values()) == {"rejected"}):
            reason = f"return {return_id} was rejected"
            return Declined("decided_otherwise", reason, "if the customer is to be paid after all, accept it in Reveni's dashboard")
        if not of.items:
            return Declined("unknown_item", f"return {return_id} shows no items to accept", "accept it in Reveni's dashboard")
        open_items = [item for item in of.items if verdicts[item.line] not in ("accepted", "rejected")]
        if any(item.item_id is None for item in open_items):
            return Declined("no_item_id", f"items of return {return_id} have no id to accept them by", "accept it in Reveni's dashboard")
        accepted = [item for item in of.items if item.item_id is not None and verdicts[item.line] != "rejected"]
        return self._validate(of, [Verdict(str(item.item_id), item.quantity, True) for item in accepted])

    def validate(self, return_id: str, verdicts: Sequence[Verdict]) -> Answer:
        """Reads first what has a verdict already: sent is only the rest.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
        document = self._client.one(return_id)
        if document is None:
            return Declined("unknown_return", f"Reveni has no return {return_id}", "look it up in its dashboard")
        return self._validate(Return(return_id, document, self._tables), verdicts)

    def _validate(self, of: Return, verdicts: Sequence[Verdict]) -> Answer:
        return_id = of.return_id
        if of.status in ("expired", "cancelled"):
            return Declined("ended", f"return {return_id} is {of.status_said}", "nothing; if its goods came, settle it by hand")
        stands = {item.item_id: self._tables.meaning("item_status", item.verdict) for item in of.items if item.item_id is not None}
        if unknown := [verdict.item_id for verdict in verdicts if verdict.item_id not in stands]:
            return Declined("unknown_item", f"return {return_id} has no item {unknown[0]}", "compare the return with Reveni's dashboard")
        against = [verdict for verdict in verdicts if stands[verdict.item_id] == ("rejected" if verdict.accepted else "accepted")]
        if against:
            reason = f"item {against[0].item_id} of return {return_id} is {stands[against[0].item_id]} already"
            return Declined("decided_otherwise", reason, "decide in Reveni's dashboard which verdict stands")
        waiting = [verdict for verdict in verdicts if stands[verdict.item_id] not in ("accepted", "rejected")]
        keys = {(return_id, verdict.item_id) for verdict in waiting}
        self._unanswered -= {(return_id, verdict.item_id) for verdict in verdicts} - keys
        if not waiting:
            return Accepted(return_id)
        if keys & self._unanswered:
            return Unknown(f"the verdict on return {return_id} was sent before, and Reveni does not show it yet")
        answer = self._client.partial_validate(return_id, [_written(verdict) for verdict in waiting])
        if isinstance(answer, Unknown):
            self._unanswered |= keys
        return answer


def _written(verdict: Verdict) -> dict[str, Any]:
    status = "accepted" if verdict.accepted else "rejected"
    written = {"item_id": verdict.item_id, "quantity": verdict.quantity, "status": status}
    return written | ({"reject_reason": verdict.reject_reason} if verdict.reject_reason is not None else {})
