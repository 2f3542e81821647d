"""The simulated shop: does it answer as Shopify does, refuse as Shopify does, and add up?"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.sandbox.shopify import ShopifySimulator
from domain.money import to_minor
from tests.adapters.platforms.contract import SteppedClock
from tests.adapters.platforms.shop_rig import COAT, SHIRT, units

TOKEN = {"x-shopify-access-token": "shpat_sandbox"}


@pytest.fixture
def sandbox() -> ShopifySimulator:
    return ShopifySimulator(SteppedClock())


def get(sandbox: ShopifySimulator, path: str, **query: str) -> Any:
    response = sandbox.handle(SandboxRequest("GET", f"/admin/api/2026-04/{path}", query, TOKEN))
    assert response.status == 200
    return json.loads(response.body)


def ask(sandbox: ShopifySimulator, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    response = sandbox.handle(SandboxRequest("POST", "/admin/api/2026-04/graphql.json", {}, TOKEN, body))
    assert response.status == 200, "GraphQL refuses with 200"
    return json.loads(response.body)


def code_of(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


def test_a_payout_is_what_came_in_less_fees_and_appears_as_a_movement_of_its_own(sandbox: ShopifySimulator) -> None:
    shop = sandbox.shop
    order = shop.order([SHIRT, COAT])
    refund = shop.refund(order, units(order, 0, 1))
    shop.refund(shop.order([COAT], gateway="paypal"), {})
    made = shop.pay_out()
    assert made is not None
    [payout] = get(sandbox, "shopify_payments/payouts.json")["payouts"]
    assert get(sandbox, f"shopify_payments/payouts/{made.id}.json")["payout"] == payout
    summary = {name: to_minor(text, "GBP") for name, text in payout["summary"].items()}
    gross = sum(amount for name, amount in summary.items() if name.endswith("gross_amount"))
    fees = sum(amount for name, amount in summary.items() if name.endswith("fee_amount"))
    assert to_minor(payout["amount"], "GBP") == gross - fees
    movements = get(sandbox, "shopify_payments/balance/transactions.json", payout_id=str(made.id))["transactions"]
    assert [each["type"] for each in movements] == ["payout", "refund", "charge"]
    assert sum(to_minor(each["net"], "GBP") for each in movements) == 0
    assert movements[1]["source_order_transaction_id"] == refund.transactions[0].id
    assert movements[1]["amount"] == "-226.80"
    assert shop.pay_out() is None


def test_pages_go_back_from_last_id(sandbox: ShopifySimulator) -> None:
    for _ in range(5):
        order = sandbox.shop.order([SHIRT])
        sandbox.shop.refund(order, units(order, 1))
    seen: list[int] = []
    for _ in range(6):
        page = get(sandbox, "shopify_payments/balance/transactions.json", limit="4", last_id=str(seen[-1] if seen else 0))["transactions"]
        seen += [each["id"] for each in page]
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen, reverse=True)
    newer = get(sandbox, "shopify_payments/balance/transactions.json", since_id=str(seen[3]))["transactions"]
    assert [each["id"] for each in newer] == seen[:3]


def test_parts_of_a_line_are_refunded_to_the_penny(sandbox: ShopifySimulator) -> None:
    order = sandbox.shop.order([{"sku": "A", "quantity": 3, "price": 333, "discount": 1, "tax": 200}])
    refunds = [sandbox.shop.refund(order, units(order, 1)) for _ in range(3)]
    assert sum(each.lines[0].subtotal for each in refunds) == 998
    assert sum(each.lines[0].tax for each in refunds) == 200


def test_the_bucket_empties_and_fills(sandbox: ShopifySimulator) -> None:
    clock = SteppedClock()
    sandbox = ShopifySimulator(clock, points=10, points_a_second=2)
    sandbox.shop.order([SHIRT])
    query = "{ orders(first: 8) { nodes { id } } }"
    assert ask(sandbox, query)["extensions"]["cost"]["requestedQueryCost"] == 8
    answers = [ask(sandbox, query) for _ in range(3)]
    assert code_of(answers[-1]) == "THROTTLED"
    assert "data" not in answers[-1]
    clock.advance(timedelta(seconds=5))
    assert "data" in ask(sandbox, query)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ orders(first: 2) { nodes { colour } } }", "undefinedField"),
        ("{ nothing }", "undefinedField"),
        ("{ orders(first: 2000) { nodes { id } } }", "MAX_COST_EXCEEDED"),
        ("{ orders(first: 2) { nodes { id }", "parseError"),
        ("{ orders(first: 2) { nodes ; } }", "parseError"),
        ("", "parseError"),
        ("{ shop }", "selectionMismatch"),
        ("{ order { id } }", "argumentLiteralsIncompatible"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_code(sandbox: ShopifySimulator, query: str, code: str) -> None:
    sandbox.shop.order([SHIRT])
    assert code_of(ask(sandbox, query)) == code


def test_names_can_be_given_to_fields_and_types_narrow_them(sandbox: ShopifySimulator) -> None:
    order = sandbox.shop.order([SHIRT])
    back = sandbox.shop.request_return(order, units(order, 1))
    lines = "lines: returnLineItems(first: 1) { nodes { ... on ReturnLineItem { n: quantity } ... on UnverifiedReturnLineItem { id } } }"
    answer = ask(sandbox, f"query R($id: ID!) {{ return(id: $id) {{ {lines} }} }}", id=f"gid://shopify/Return/{back.id}")
    assert answer["data"] == {"return": {"lines": {"nodes": [{"n": 1}]}}}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (SandboxRequest("GET", "/admin/api/2026-04/shopify_payments/payouts.json"), 401),
        (SandboxRequest("GET", "/admin/api/2026-04/shopify_payments/payouts.json", {}, {"x-shopify-access-token": "wrong"}), 401),
        (SandboxRequest("GET", "/admin/api/2026-04/shopify_payments/payouts/7.json", {}, TOKEN), 404),
        (SandboxRequest("GET", "/admin/oauth", {}, TOKEN), 404),
        (SandboxRequest("DELETE", "/admin/api/2026-04/shopify_payments/payouts.json", {}, TOKEN), 404),
        (SandboxRequest("POST", "/admin/api/2026-04/graphql.json", {}, TOKEN, b"{"), 200),
        (SandboxRequest("POST", "/admin/api/2026-04/graphql.json", {}, TOKEN, b"[]"), 200),
    ],
)
def test_anything_may_be_sent(sandbox: ShopifySimulator, request_: SandboxRequest, status: int) -> None:
    response = sandbox.handle(request_)
    assert response.status == status
    assert "errors" in json.loads(response.body)


def test_refusals_are_the_vendors_own(sandbox: ShopifySimulator) -> None:
    slowed: SandboxResponse = sandbox.refuse(429)
    assert (slowed.status, slowed.headers["retry-after"]) == (429, "2.0")
    assert sandbox.refuse(503).status == 503


def test_a_story_is_the_same_for_the_same_seed() -> None:
    told = []
    for _ in range(2):
        sandbox = ShopifySimulator(SteppedClock())
        made = sandbox.seed({"stories": 40, "seed": 5})
        told.append((made, sandbox.state(), [webhook.body for webhook in sandbox.take_webhooks()]))
    assert told[0] == told[1]
    assert len(set(told[0][0]["stories"])) >= 6


def test_a_shop_is_seeded_with_orders_refunds_and_payouts(sandbox: ShopifySimulator) -> None:
    made = sandbox.seed({"orders": [{"name": "#77", "id": 5001, "shipping": 395, "lines": [{"id": 6001, **SHIRT}, COAT]}]})
    assert (made["orders"][0]["id"], made["orders"][0]["lines"][0]["id"]) == (5001, 6001)
    made = sandbox.seed({"refund": {"order": "#77", "units": {"SHIRT-M": 1}, "shipping": True}, "pay_out": True})
    assert [webhook.topic for webhook in sandbox.take_webhooks()].count("refunds/create") == 1
    assert made["payout"] in sandbox.shop.payouts
    assert sandbox.state()["refunds"] == [{"id": made["refund"]["id"], "order": "#77", "transactions": ["shopify_payments success"]}]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"ordres": []}, "'ordres' is not known"),
        ({"orders": [{"colour": 1, "lines": []}]}, "colour"),
        ({"refund": {"order": "#9"}}, "there is no order '#9'"),
        ({"refund": {}}, "cannot be put into the shop"),
    ],
)
def test_a_seed_that_cannot_be_sown_says_why(sandbox: ShopifySimulator, told: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sandbox.seed(told)
