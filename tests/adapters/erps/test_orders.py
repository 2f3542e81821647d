"""The ERP as a source of orders for platforms that send no amounts."""

from __future__ import annotations

from pathlib import Path

from adapters.erps.orders import ErpOrders
from tests.adapters.outbox.conftest import BEGINS
from tests.adapters.outbox.ledgers_erp import BookErp, order


def test_an_order_is_read_with_its_lines(tmp_path: Path) -> None:
    orders = ErpOrders(BookErp(tmp_path / "book", {"#1001": order("1", ("SHIRT", 3, 12000, 2400))}), lambda: BEGINS)
    found = orders.by_name("#1001")
    assert found is not None
    (line,) = found.lines
    assert (found.name, found.currency) == ("#1001", "GBP")
    assert (line.line_id, line.sku, line.quantity, line.items_minor, line.tax_minor) == ("L1", "SHIRT", 3, 12000, 2400)
    assert orders.by_name("#9") is None
    assert orders.by_id("55") is None
