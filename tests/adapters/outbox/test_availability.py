"""What may be sold after a restock at the ERP is told to the shop: over real HTTP with the house's own workers, and step by step."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.erps.port import Level
from adapters.outbox.availability import Publisher, availability_rows, want_told
from adapters.outbox.running import run_outbox
from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Faults, Front
from adapters.sandbox.serving import sandbox_app
from adapters.sandbox.shopify import ShopifySimulator
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorTrouble
from api.bootstrap import House
from api.posting import open_outbox
from api.releasing import release_desks
from api.settings import Settings
from tests.adapters.outbox.conftest import Bench
from tests.adapters.outbox.test_pairs import Pair, now
from tests.api.serving import served

LONDON = 7001
SETTLE = timedelta(seconds=20)


@pytest.fixture
def pair(database: str, schema: str, tmp_path: Path) -> Iterator[Pair]:
    cin7, shop = Front(Cin7CoreSandbox(now, calls_per_minute=10_000)), Front(ShopifySimulator(now))
    lines = [{"sku": "SHIRT", "quantity": 3, "price": "40.00", "tax": "24.00"}]
    cin7.seed(
        {
            "orders": [{"reference": "#1001", "lines": lines, "invoice": "authorised"}],
            "stock": [{"sku": "SHIRT", "location": "Main Warehouse", "quantity": 4}],
        }
    )
    shop.seed({"stock": [{"sku": "SHIRT", "location": LONDON, "available": 1}]})
    shop.set_faults(Faults(seed=1, server_error=0.2, torn_answer=0.2))
    with served(sandbox_app({"cin7-core": cin7, "shopify": shop})) as address:  # type: ignore[arg-type]  # any ASGI application will do
        erp = {
            "name": "erp",
            "kind": "cin7_core",
            "base_url": f"{address}/cin7-core/ExternalApi/v2",
            "credentials": {"account_id": "sandbox-account", "application_key": "sandbox-key"},
            "settle": "1s",
            "rate": "6000/min",
        }
        returning = {
            "name": "uk",
            "merchant": "acme",
            "platform": "returngo",
            "credentials": {"api_key": "k", "shop": "s"},
            "erp": "erp",
            "refunds_from": "shop",
            "policy": {"dispositions": {"saleable": {"action": "restock", "location": "Main Warehouse"}}},
        }
        selling = {
            "name": "shop",
            "merchant": "acme",
            "platform": "shopify",
            "base_url": f"{address}/shopify",
            "credentials": {"access_token": "shpat_sandbox", "shop": "sandbox.myshopify.com"},
            "mappings": {"availability": {"Main Warehouse": str(LONDON)}},
        }
        settings = {"data_dir": tmp_path, "schema": schema, "connections": [returning, selling], "erps": [erp]}
        house, stop = House(Settings.model_validate(settings), database, None, 16), threading.Event()
        house.open()
        try:
            with open_outbox(house, stop, release_desks) as outbox:
                thread = threading.Thread(target=run_outbox, args=(outbox,))
                thread.start()
                try:
                    yield Pair(house, "returngo", "cin7_core", shop)
                finally:
                    stop.set()
                    thread.join(30)
        finally:
            house.close()


def test_a_restock_at_the_erp_is_for_sale_in_the_shop(pair: Pair) -> None:
    lines = [{"line": "1", "sku": "SHIRT", "quantity": 2, "items": "80.00", "tax": "16.00"}]
    pair.tell("Initiated", order="#1001", currency="GBP", resolution="refund", lines=lines)
    pair.tell("Received")
    pair.tell("Inspected", lines=[{"line": "1", "quantity": 2, "disposition": "saleable"}])
    pair.wait(lambda state: state.counts["1"].restocked == 2, "goods put away")
    shop = pair.front.simulator
    assert isinstance(shop, ShopifySimulator)
    ends = time.monotonic() + 120
    while shop.stock.of("SHIRT", LONDON) != 6 or rows(pair.house)[0]["next_at"] is not None:
        assert time.monotonic() < ends, rows(pair.house)
        time.sleep(0.2)
    (row,) = rows(pair.house)
    assert (row["connection"], row["sku"], row["told"], row["error"]) == ("uk", "SHIRT", {str(LONDON): 6}, None)


@dataclass
class ShelfErp:
    """Only its levels are asked for."""

    found: list[Level] = field(default_factory=list)

    def levels(self, skus: object) -> list[Level]:
        return self.found


@dataclass
class Window:
    """A shop that answers as it is told to, and else takes everything."""

    answers: list[Answer | Exception] = field(default_factory=list)
    told: list[tuple[str, str, int]] = field(default_factory=list)

    def publish_available(self, sku: str, location: str, available: int) -> Answer:
        answer = self.answers.pop(0) if self.answers else Accepted("item")
        if isinstance(answer, Exception):
            raise answer
        self.told.append((sku, location, available))
        return answer


def test_bins_count_with_their_location_and_what_is_unknown_is_not_told(bench: Bench) -> None:
    erp, window = ShelfErp(), Window()
    publisher = Publisher(bench.shop, ["uk"], erp, window, {"Main": "7001", "Shop": "7002", "Attic": "7001"}, SETTLE)  # type: ignore[arg-type]
    wanted(bench)
    assert not publisher.step(), "the ERP's lists may be older than what was written"
    bench.later(seconds=30)
    assert publisher.step()
    assert (window.told, rows(bench.house)[0]["error"]) == ([], "the ERP tells no level of SHIRT")
    erp.found = [
        Level("SHIRT", "Main", 3, 5),
        Level("SHIRT", "Main: A-1", 2, 2),
        Level("SHIRT", "Attic", 1, 1),
        Level("SHIRT", "Shop", -2, 0),
    ]
    bench.later(seconds=30)
    assert publisher.step()
    assert window.told == [("SHIRT", "7001", 6), ("SHIRT", "7002", 0)]
    assert not publisher.step(), "once is enough"


def test_what_was_not_taken_is_told_again_and_the_newest_counts(bench: Bench) -> None:
    erp, window = (
        ShelfErp([Level("SHIRT", "Main", 3, 3)]),
        Window([Unknown("no answer"), VendorTrouble("down"), Declined("x", "no such SKU", "y")]),
    )
    publisher = Publisher(bench.shop, ["uk"], erp, window, {"Main": "7001"}, SETTLE)  # type: ignore[arg-type]
    wanted(bench)
    for error in ("no answer", "down", "no such SKU: y"):
        bench.later(seconds=60)
        assert publisher.step()
        assert rows(bench.house)[0]["error"] == error
    bench.later(seconds=60)
    assert not publisher.step(), "a person has to see to it"
    erp.found = [Level("SHIRT", "Main", 8, 8)]
    wanted(bench)
    bench.later(seconds=60)
    assert publisher.step()
    assert window.told[-1] == ("SHIRT", "7001", 8)
    assert (rows(bench.house)[0]["error"], rows(bench.house)[0]["told"]) == (None, {"7001": 8})


def wanted(bench: Bench) -> None:
    """Goods of a return were moved."""
    if not bench.state().work.issued:
        bench.announce()
        bench.tell("ScannedAtReturnBar")
        bench.work()
    issued = next(one for one in bench.state().work.issued.values() if one.goods)
    with bench.house.connection() as conn, conn.cursor() as cursor:
        want_told(cursor, "uk", issued, bench.at)


def rows(house: House) -> list[dict[str, object]]:
    with house.connection() as conn:
        return availability_rows(conn)
