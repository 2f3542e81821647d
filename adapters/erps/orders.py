"""The ERP as a source of original orders, for platforms that send no amounts of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from adapters.erps.port import Erp
from adapters.platforms.port import Order, OrderLine
from domain.erp_facts import OrderMatched


class ErpOrders:
    """A line's id is the channel's own, where the ERP keeps it."""

    def __init__(self, erp: Erp, clock: Callable[[], datetime]) -> None:
        self._erp, self._clock = erp, clock

    def by_name(self, name: str) -> Order | None:
        found = self._erp.match_order(name, self._clock())
        if not isinstance(found, OrderMatched) or not found.lines:
            return None
        lines = (OrderLine(one.channel_line or one.order_line, one.sku, one.quantity, one.items, one.tax) for one in found.lines)
        return Order(found.order, name, found.currency, tuple(lines))

    def by_id(self, order_id: str) -> Order | None:
        """An ERP does not know the shop's own ids."""
        return None
