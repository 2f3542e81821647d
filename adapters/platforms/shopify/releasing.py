"""Having a shop pay a return back: its units are processed with the refund that Shopify itself suggests, once.

Processing is what makes it one: Shopify counts down which units of a return may still be processed, and refuses them a second time.
"""

from __future__ import annotations

from typing import Any, Final

from adapters.files.shopify_amounts import objects
from adapters.platforms.shopify import queries
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.shapes import gid, id_of
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown

_BY_HAND: Final = "look at the return in Shopify, and refund it there"


class Release:
    """Remembers for which returns it asked and got no answer: that is never sent again, only looked for."""

    def __init__(self, admin: Admin, mappings: Mappings) -> None:
        self._admin, self._mappings = admin, mappings
        self._unanswered: set[str] = set()

    def release(self, number: str) -> Answer:
        """Looks first: a refund that stands already is not made again.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
        if not number.isdecimal():
            return Declined("not_supported", f"{number} is no return of the shop's", "refund the order in Shopify")
        identity = gid("Return", number)
        found = self._admin.ask_whole(queries.RETURN_MONEY, "return", "returnLineItems", id=identity)
        if found is None:
            return Declined("unknown_return", f"Shopify has no return {number}", "look it up in the shop")
        standing, empty = self._refunds(found)
        if standing is not None:
            self._unanswered.discard(number)
            return Accepted(standing)
        if (no := self._barred(number, found, empty)) is not None:
            return no
        if number in self._unanswered:
            return Unknown(f"the refund of return {number} was asked for before, and Shopify does not show it yet")
        lines = [{"id": each["id"], "quantity": each["processable_quantity"]} for each in _open(found)]
        payments = self._suggested(identity, lines)
        if not payments:
            return Declined("nothing_to_refund", f"Shopify suggests no refund for return {number}", _BY_HAND)
        content = {
            "returnId": identity,
            "returnLineItems": lines,
            "financialTransfer": {"issueRefund": {"orderTransactions": payments}},
            "notifyCustomer": False,
        }
        answer = self._admin.command(queries.PROCESS_RETURN, "returnProcess", number, _BY_HAND, input=content)
        if isinstance(answer, Unknown):
            self._unanswered.add(number)
        return answer

    def _barred(self, number: str, found: dict[str, Any], empty: str | None) -> Declined | None:
        if self._mappings.return_status(found.get("status")) != "open" or str(found.get("status")).casefold() == "requested":
            what_to_do = "approve it in Shopify, if the customer is to be paid; otherwise nothing"
            return Declined("ended", f"return {number} is {found.get('status')}", what_to_do)
        if empty is not None:
            return Declined("refunded_nothing", f"refund {empty} of return {number} paid nothing back", _BY_HAND)
        if objects(found.get("exchange_line_items")):
            return Declined("exchange", f"return {number} is exchanged for other goods", "process the exchange in Shopify")
        units = _open(found)
        if not units:
            reason = f"all units of return {number} are processed in Shopify, and no refund of it is there"
            return Declined("processed_already", reason, _BY_HAND)
        if any(each.get("refundable_quantity", each["processable_quantity"]) < each["processable_quantity"] for each in units):
            reason = f"units of return {number} were refunded outside of it"
            return Declined("refunded_already", reason, "look at the refunds of the order in Shopify; refund there what is still owed")
        return None

    def _refunds(self, found: dict[str, Any]) -> tuple[str | None, str | None]:
        """(a refund that paid or will pay, a refund that paid nothing). A status that nobody mapped counts as paid: money is not risked."""
        empty: str | None = None
        for refund in objects(found.get("refunds")):
            paying = [
                each
                for each in objects(refund.get("transactions"))
                if str(each.get("kind")).casefold() == "refund" and (self._mappings.counts_tests or each.get("test") is not True)
            ]
            if any(self._mappings.transaction_status(each.get("status")) != "failed" for each in paying):
                return id_of(refund) or "refund", None
            if not paying:
                empty = id_of(refund)
        return None, empty

    def _suggested(self, identity: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Payments to pay back by, in the currency that the customer paid in. Empty where none is suggested, or one names no payment."""
        found = self._admin.ask(queries.SUGGESTED_REFUND, id=identity, lines=lines).get("return") or {}
        transfer = (found.get("suggested_financial_outcome") or {}).get("financial_transfer") or {}
        payments = []
        for each in objects(transfer.get("suggested_transactions")):
            parent = (each.get("parent_transaction") or {}).get("id")
            money = (each.get("amount_set") or {}).get("presentment_money") or {}
            if parent is None or not money.get("amount") or not money.get("currency_code"):
                return []
            amount = {"amount": str(money["amount"]), "currencyCode": money["currency_code"]}
            payments.append({"parentId": parent, "transactionAmount": amount})
        return payments


def _open(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines with units that may still be processed."""
    lines = objects(found.get("return_line_items"))
    return [each for each in lines if isinstance(each.get("processable_quantity"), int) and each["processable_quantity"] > 0]
