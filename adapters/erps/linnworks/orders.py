"""The original order as Linnworks has it: found by its reference, and never guessed among several."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from adapters.erps.linnworks.amounts import minor_of
from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.lines import read_lines
from adapters.erps.linnworks.mapping import Mapping
from adapters.erps.linnworks.refund_headers import amount_minor, headers_of, is_gone, units_refunded
from adapters.vendor.answers import NotUnderstood
from adapters.vendor.shapes import Document, count, first_text, flag, instant, listed, nested, number, objects, text
from domain.erp_facts import Invoice, OrderMatched, OrderNotFound
from domain.money import CURRENCIES

_RESEND: Final = 4
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"
_REFERENCES: Final = ("ReferenceNum", "SecondaryReference", "ExternalReferenceNum")


class Orders:
    def __init__(self, client: LinnworksClient, mapping: Mapping, erp: str) -> None:
        self._client, self._mapping, self._erp = client, mapping, erp

    def match(self, reference: str) -> OrderMatched | OrderNotFound:
        found = self._fitting(reference)
        if len(found) > 1:
            candidates = tuple(sorted(shown_number(one) for one in found))[:20]
            reason = f"Linnworks has {len(found)} orders with the reference {reference}; which of them is meant cannot be told"
            return OrderNotFound(erp=self._erp, reference=reference, reason=reason, candidates=candidates)
        if not found:
            return OrderNotFound(erp=self._erp, reference=reference, reason=f"Linnworks has no order with the reference {reference}")
        return self._matched(found[0], reference)

    def by_reference(self, reference: str) -> list[Document]:
        """Orders whose reference number is exactly this one."""
        return [one for one in self._asked(reference) if text(nested(one, "GeneralInfo").get("ReferenceNum")) == reference]

    def by_id(self, order_id: str) -> Document | None:
        with suppress(NotUnderstood):
            if found := orders_in(self._client.ask("Orders/GetOrdersById", {"pkOrderIds": [order_id]})):
                return found[0]
        with suppress(NotUnderstood):
            if found := orders_in(self._client.get("Orders/GetOrderById", pkOrderId=order_id)):
                return found[0]
        return None

    def by_number(self, number_of_order: str) -> Document | None:
        return next(iter(orders_in(self._client.get("Orders/GetOrderDetailsByNumOrderId", OrderId=number_of_order))), None)

    def _asked(self, reference: str) -> list[Document]:
        try:
            return orders_in(self._client.get("Orders/GetOrderDetailsByReferenceId", ReferenceId=reference))
        except NotUnderstood:
            return []

    def _fitting(self, reference: str) -> list[Document]:
        """Of all orders that carry the reference, those that no better fit rules out: the reference as it is before the one without `#`,
        the reference number before other references, and no resends and exchanges where something else fits."""
        names = [reference]
        if self._mapping.strip_hash:
            names += [name for name in (reference.removeprefix("#"), f"#{reference.removeprefix('#')}") if name not in names]
        told: dict[str, Document] = {}
        for name in names:
            told |= {str(one["OrderId"]).lower(): one for one in self._asked(name)}
        for field in _REFERENCES:
            for group in ([reference], names):
                fitting = [one for one in told.values() if text(nested(one, "GeneralInfo").get(field)) in group]
                if fitting:
                    return self._originals(fitting)
        return []

    def _originals(self, orders: list[Document]) -> list[Document]:
        if len(orders) < 2:
            return orders
        sold = [one for one in orders if count(nested(one, "GeneralInfo").get("Status")) != _RESEND] or orders
        if len(sold) > 1:
            followed = self._follow_ups(sold)
            sold = [one for one in sold if str(one["OrderId"]).lower() not in followed] or sold
        if len(sold) > 1:
            # What Linnworks sends again, or in exchange, has a total of 0.00 [V].
            sold = [one for one in sold if number(nested(one, "TotalsInfo").get("TotalCharge"))] or sold
        return sold

    def _follow_ups(self, orders: Sequence[Document]) -> set[str]:
        """Ids of orders that are the resend or exchange of one of these."""
        found: set[str] = set()
        for one in orders:
            try:
                told = self._client.get("ProcessedOrders/GetReturnsExchanges", pkOrderId=str(one["OrderId"]))
            except NotUnderstood:
                continue
            found |= {str(first_text(row, "fkNewOrderId")).lower() for row in objects(listed(told, "Data"))}
        return found

    def _matched(self, order: Document, reference: str) -> OrderMatched | OrderNotFound:
        order_id, totals = str(order["OrderId"]), nested(order, "TotalsInfo")
        currency = (first_text(totals, "Currency") or "").upper()
        if currency not in CURRENCIES:
            reason = f"the order's currency in Linnworks is {currency or 'missing'}, which is none of ISO 4217"
            return OrderNotFound(erp=self._erp, reference=reference, reason=reason, candidates=(shown_number(order),))
        invoice = invoice_of(order)
        headers = [] if invoice in ("none", "draft") else [one for one in headers_of(self._client, order_id) if not is_gone(one)]
        postage = minor_of(totals.get("PostageCost"), currency)
        shipping = minor_of(totals.get("PostageCostExTax"), currency)
        shipping = postage if shipping is None else shipping
        total = minor_of(totals.get("TotalCharge"), currency)
        return OrderMatched(
            erp=self._erp,
            order=order_id,
            number=shown_number(order),
            currency=currency,
            invoice=invoice,
            lines=tuple(read_lines(self._client, order, currency, units_refunded(headers))),
            shipping=max(0, shipping or 0),
            shipping_tax=max(0, (postage or 0) - (shipping or 0)),
            creditable=None if total is None else max(0, total - sum(amount_minor(one, currency) for one in headers)),
        )


def orders_in(answered: object) -> list[Document]:
    """Orders of an answer; Linnworks says "none" with an empty object or a null id, too."""
    told = objects(answered if isinstance(answered, list) else listed(answered, "Data") or [answered])
    return [one for one in told if (found := first_text(one, "OrderId")) is not None and found != _NOTHING]


def shown_number(order: Document) -> str:
    """What people call the order in Linnworks."""
    return first_text(order, "NumOrderId") or str(order["OrderId"])


def invoice_of(order: Document) -> Invoice:
    """An order that is processed is invoiced: before that Linnworks takes neither returns nor refunds [V]."""
    general = nested(order, "GeneralInfo")
    processed = flag(order.get("Processed"))
    if processed is None:
        # Only an order that went out has the date.
        processed = instant(order.get("ProcessedDateTime")) is not None
    if processed:
        return "voided" if flag(general.get("HoldOrCancel")) else "authorised"
    return "draft" if count(general.get("Status")) == 1 else "none"


def ships_from_of(order: Document | None) -> str | None:
    """The id of the location that the order is shipped from."""
    return None if order is None else first_text(order, "FulfilmentLocationId") or first_text(nested(order, "GeneralInfo"), "Location")
