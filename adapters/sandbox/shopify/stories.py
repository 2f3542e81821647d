"""Stories of a shop, by seed: refunds outside of returns, returns from the request to the money, and some that go wrong."""

from __future__ import annotations

from random import Random
from typing import Final

from adapters.sandbox.shopify.shop import Order, Return, Shop

_SKUS: Final = ("TEE-S", "TEE-M", "JEANS-32", "SHIRT-L", "CAP", "SOCKS-3")
_GATEWAYS: Final = ("shopify_payments", "shopify_payments", "shopify_payments", "paypal", "shopify_store_credit")


def play(shop: Shop, rng: Random, stories: int) -> list[str]:
    """Says of each story which it was."""
    told = []
    for _ in range(stories):
        story = rng.choice(_STORIES)
        story(shop, _ordered(shop, rng), rng)
        told.append(story.__name__.removeprefix("_"))
    return told


def _ordered(shop: Shop, rng: Random) -> Order:
    lines = []
    for sku in rng.sample(_SKUS, rng.randint(1, 3)):
        quantity, price = rng.randint(1, 3), rng.randrange(500, 12_000)
        discount = rng.choice((0, 0, price // 10))
        lines.append({"sku": sku, "quantity": quantity, "price": price, "discount": discount, "tax": (price * quantity - discount) // 5})
    return shop.order(lines, shipping=rng.choice((0, 395)), gateway=rng.choice(_GATEWAYS))


def _some(order: Order, rng: Random) -> dict[int, int]:
    lines = rng.sample(order.lines, rng.randint(1, len(order.lines)))
    return {line.id: rng.randint(1, line.quantity) for line in lines}


def _returned(shop: Shop, order: Order, rng: Random, exchange: bool = False) -> Return:
    wanted = [{"sku": rng.choice(_SKUS), "quantity": 1}] if exchange else None
    made = shop.request_return(order, _some(order, rng), exchange=wanted)
    shop.approve(made)
    return made


def _goodwill_refund(shop: Shop, order: Order, rng: Random) -> None:
    shop.refund(order, _some(order, rng), shipping=rng.random() < 0.3, kept=rng.choice((0, 100)))


def _late_refund(shop: Shop, order: Order, rng: Random) -> None:
    shop.settle(shop.refund(order, _some(order, rng), status="pending"), rng.choice(("success", "success", "failure")))


def _return_restocked(shop: Shop, order: Order, rng: Random) -> None:
    made = _returned(shop, order, rng)
    shop.process(made)
    shop.close(made)


def _return_damaged(shop: Shop, order: Order, rng: Random) -> None:
    made = _returned(shop, order, rng)
    for line in made.lines:
        shop.dispose(made, line.line.id, rng.choice(("NOT_RESTOCKED", "PROCESSING_REQUIRED", "MISSING")), line.quantity)
    shop.refund(order, {line.line.id: line.quantity for line in made.lines}, shop_return=made)


def _exchange(shop: Shop, order: Order, rng: Random) -> None:
    shop.process(_returned(shop, order, rng, exchange=True), refund=False)


def _declined(shop: Shop, order: Order, rng: Random) -> None:
    shop.decline(shop.request_return(order, _some(order, rng)))


def _cancelled(shop: Shop, order: Order, rng: Random) -> None:
    shop.cancel(_returned(shop, order, rng))


_STORIES: Final = (
    _goodwill_refund,
    _late_refund,
    _return_restocked,
    _return_restocked,
    _return_damaged,
    _exchange,
    _declined,
    _cancelled,
)
