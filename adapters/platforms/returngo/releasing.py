"""Having ReturnGO refund: it moves no money itself, but a status of the RMA can make it ask the shop. Asked for once."""

from __future__ import annotations

from adapters.platforms.returngo.client import ReturnGoClient
from adapters.platforms.returngo.fields import every, text
from adapters.platforms.returngo.mapping import Mappings, plain
from adapters.platforms.returngo.rma import Rma
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown


class Release:
    """Remembers for which RMAs it asked and got no answer: that is never sent again, only looked for."""

    def __init__(self, client: ReturnGoClient, mappings: Mappings) -> None:
        self._client, self._mappings = client, mappings
        self._unanswered: set[str] = set()

    def release(self, rma_id: str) -> Answer:
        """Looks first: a refund that is paid or asked for already is not asked for again.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
        document = self._client.rma(rma_id)
        if document is None:
            return Declined("unknown_return", f"ReturnGO has no RMA {rma_id}", "look it up in ReturnGO")
        rma = Rma(document, self._mappings)
        if (standing := self._standing(rma)) is not None:
            self._unanswered.discard(rma_id)
            return Accepted(standing)
        if rma.status == "cancelled":
            return Declined("ended", f"RMA {rma_id} is {rma.status_said}", "nothing; if its goods came, settle it by hand")
        status = self._mappings.meaning("release", "status")
        if status is None:
            reason = f"ReturnGO offers nothing that refunds RMA {rma_id} from outside"
            what_to_do = "release it in ReturnGO, or name the RMA status that makes it refund in mappings.release.status"
            return Declined("not_supported", reason, what_to_do)
        if plain(rma.status_said or "") == plain(status):
            self._unanswered.discard(rma_id)
            return Accepted(rma_id)
        if rma.status in ("finished", "done"):
            reason = f"RMA {rma_id} is {rma.status_said}, and no refund of it is there"
            return Declined("ended", reason, "see in ReturnGO why it was closed without a refund, and refund it there")
        if rma_id in self._unanswered:
            return Unknown(f"RMA {rma_id} was told to become {status} before, and ReturnGO does not show it yet")
        answer = self._client.put_rma_status(rma_id, status)
        if isinstance(answer, Unknown):
            self._unanswered.add(rma_id)
        return answer

    def _standing(self, rma: Rma) -> str | None:
        """The transaction that pays, or is to pay; one of a type or status that nobody mapped counts, too: money is not risked on it."""
        for transaction in every(rma.document, "transactions"):
            no_refund = self._mappings.meaning("transaction_types", text(transaction.get("type"))) == "no_refund"
            failed = self._mappings.meaning("transaction_status", text(transaction.get("status"))) == "failed"
            if not no_refund and not failed:
                return text(transaction.get("id")) or rma.rma_id or "refund"
        return None
