"""What may be sold, set in the shop: absolute, compared with what stood there, and never twice, over real HTTP too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.platforms.port import Stocking
from adapters.platforms.shopify import Shopify, connect
from adapters.sandbox.faults import Faults, Front
from adapters.sandbox.serving import sandbox_app
from adapters.sandbox.shopify import ShopifySimulator
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorRefused, VendorTrouble
from tests.adapters.erps.rig import ScriptedFront
from tests.adapters.platforms.shop_rig import connection, platform_of
from tests.api.serving import served

LONDON = 7001


def shop_of(made: Callable[..., Front] = Front, version: str = "2026-04", **options: Any) -> tuple[ShopifySimulator, Front, Shopify]:
    simulator = ShopifySimulator(lambda: datetime(2026, 11, 20, 9, 0, tzinfo=UTC), **options)
    simulator.seed(
        {"stock": [{"sku": "SHIRT", "location": LONDON, "available": 3}, {"sku": "SHIRT-LONG", "location": LONDON, "available": 9}]}
    )
    front = made(simulator)
    return simulator, front, platform_of(front, connection(api={"version": version}))


@pytest.mark.parametrize("version", ["2025-07", "2026-01", "2026-04", "unstable"])
def test_it_is_set_in_the_words_of_each_version(version: str) -> None:
    simulator, _, shop = shop_of(version=version)
    assert isinstance(shop, Stocking)
    assert isinstance(shop.publish_available("SHIRT", str(LONDON), 5), Accepted)
    assert (simulator.stock.of("SHIRT", LONDON), simulator.stock.of("SHIRT-LONG", LONDON)) == (5, 9)
    calls = len(simulator.stock.calls)
    assert isinstance(shop.publish_available("SHIRT", str(LONDON), 5), Accepted)
    assert len(simulator.stock.calls) == calls, "what is so already is not set again"


def test_a_change_in_between_is_read_afresh_and_not_written_over_unseen() -> None:
    simulator, _, shop = shop_of()
    assert isinstance(shop.publish_available("SHIRT", str(LONDON), 5), Accepted)
    compared, sales = simulator.stock._wrong, [1, 1]

    def sold_meanwhile(asked: Any, version: str) -> Any:
        if sales:
            simulator.stock.available[simulator.stock.items["SHIRT"], LONDON] -= sales.pop()
        return compared(asked, version)

    simulator.stock._wrong = sold_meanwhile  # type: ignore[method-assign]
    assert isinstance(shop.publish_available("SHIRT", str(LONDON), 7), Accepted)
    assert simulator.stock.of("SHIRT", LONDON) == 7
    sales.extend([1, 1, 1])
    with pytest.raises(VendorTrouble, match="keeps changing"):
        shop.publish_available("SHIRT", str(LONDON), 9)


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "torn_answer", "rate_limited", "server_error"])
@pytest.mark.parametrize("number", range(3))
def test_whichever_call_fails_it_is_so_in_the_end(number: int, fault: str) -> None:
    simulator, front, shop = shop_of(ScriptedFront)
    assert isinstance(front, ScriptedFront)
    front.script = {number: fault}
    for _ in range(3):
        try:
            answer = shop.publish_available("SHIRT", str(LONDON), 5)
        except VendorTrouble:
            continue
        if isinstance(answer, Accepted):
            break
        assert isinstance(answer, Unknown)
    assert simulator.stock.of("SHIRT", LONDON) == 5


def test_what_a_person_has_to_see_to_is_declined() -> None:
    simulator, _, shop = shop_of()
    for sku, location, code in (
        ("SHIRT-X", LONDON, "sku_unmatched"),
        ("SHIRT", 7002, "unknown_location"),
        ("shirt", LONDON, "sku_unmatched"),
    ):
        answer = shop.publish_available(sku, str(location), 5)
        assert isinstance(answer, Declined)
        assert (answer.code, bool(answer.what_to_do)) == (code, True)
    assert simulator.stock.of("SHIRT", LONDON) == 3
    _, _, without = shop_of(scopes=("read_orders", "read_returns", "read_inventory"))
    with pytest.raises(VendorRefused, match="write_inventory"):
        without.publish_available("SHIRT", str(LONDON), 5)


def test_over_real_http_on_a_bad_day() -> None:
    simulator, front, _ = shop_of()
    with served(sandbox_app({"shopify": front})) as address:  # type: ignore[arg-type]  # any ASGI application will do
        front.set_faults(Faults(seed=2, rate_limited=0.2, server_error=0.2, torn_answer=0.2))
        settings = connection()
        told = type(settings)(
            settings.name, settings.merchant, "shopify", base_url=f"{address}/shopify", credentials=dict(settings.credentials)
        )
        with httpx.Client() as http:
            shop = connect(connection=told, http=http, wait_turn=lambda: None)
            for wanted in range(10, 20):
                for _ in range(30):
                    try:
                        if isinstance(shop.publish_available("SHIRT", str(LONDON), wanted), Accepted):
                            break
                    except VendorTrouble:
                        continue
                assert simulator.stock.of("SHIRT", LONDON) == wanted
