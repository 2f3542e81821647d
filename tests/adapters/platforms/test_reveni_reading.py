"""What Reveni's returns mean, one by one: narrow and rich documents, statuses in any case, whose money it is, and lists of any shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.platforms.port import ConnectionSettings, Delivery, Reading, Unmapped
from adapters.platforms.reveni import Reveni, Verdict, connect
from adapters.sandbox.faults import Faults
from adapters.sandbox.transport import SandboxTransport
from adapters.vendor.answers import Accepted, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from domain.telling import ReturnKey, Telling, read_telling
from tests.adapters.platforms.contract import MERCHANT, Inbox, MemoryHouse
from tests.adapters.platforms.returns_rig import KnownOrders, facts, order_of
from tests.adapters.platforms.test_reveni import COAT, ORDER_ID, SHIRT, ReveniRig, connection, platform_of, rig

RETURN = "5b0c6d3e9c9a4b21a7a9ce3b6b1f0a11"
ORDERS = [order_of("1001", ("11", "SHIRT-M", 2, 7_665, 1_533), ("12", "HAT", 1, 900, 180), order_id="450789469")]


class Vendor:
    """Reveni as a test says it answers, and the house it tells."""

    def __init__(self, settings: ConnectionSettings | None = None, orders: KnownOrders | None = None) -> None:
        self.at = datetime(2026, 10, 2, 9, 0, tzinfo=UTC)
        self.house = MemoryHouse(lambda: self.at, orders if orders is not None else KnownOrders(ORDERS))
        self.asked: list[httpx.Request] = []
        self.answers: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(404)
        self.platform: Reveni = connect(
            connection=settings or connection(), http=httpx.Client(transport=httpx.MockTransport(self._answer)), wait_turn=lambda: None
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers(request)

    def read(self, document: dict[str, Any] | str, *, status: str = "in_progress", event: str = "return.updated", **hint: Any) -> Reading:
        """A webhook comes, and the API shows this document (or says this)."""
        content = document if isinstance(document, str) else json.dumps(document)
        self.answers = lambda request: httpx.Response(200, content=content.encode())
        return self.hint({"event": event, "data": {"resource_id": RETURN, "status": status}, "id": "evt-1", **hint})

    def hint(self, content: Any) -> Reading:
        delivery = Delivery("es-reveni", "t", self.at, {}, json.dumps(content).encode())
        reading = self.platform.read(delivery, self.house)
        self.house.record(reading)
        return reading

    def tell(self, **fact: Any) -> Telling:
        """Somebody else tells of it."""
        raw = {"merchant": MERCHANT, "platform": "reveni", "return": RETURN, "occurred_at": "2026-10-01T00:00:00Z", **fact}
        self.house.record(Reading((raw,)))
        return read_telling(raw)

    def facts(self, *names: str) -> list[dict[str, Any]]:
        return facts(self.house, *names)

    def names(self) -> list[str]:
        return [row["fact"] for row in self.facts()]


Rows = list[dict[str, Any]]


def document(status: str = "IN_PROGRESS", *refunds: dict[str, Any], items: Rows | None = None, **more: Any) -> dict[str, Any]:
    """What the one connector reads, and no more; refunds where a test is about them."""
    usual = [{"sku": "SHIRT-M", "quantity": 2, "return_reason": "too_small", "exchange": False}]
    of = {"id": RETURN, "status": status, "order": {"external_id": 450789469}, "type": "refund", "return_items": items or usual}
    return {**of, **({"refunds": list(refunds)} if refunds else {}), **more}


def refund(amount: Any = "91.98", method: str | None = "original payment method", **more: Any) -> dict[str, Any]:
    return {"id": "rf-1", "amount": amount, "currency": "GBP", "method": method, "status": "completed", "created_at": 1_790_000_000, **more}


# Where it looks


def test_a_narrow_document_is_enough() -> None:
    vendor = Vendor()
    vendor.read(document(), created=1_790_929_200)
    assert vendor.facts() == [
        {
            "fact": "Initiated",
            "return": RETURN,
            "occurred_at": "2026-10-02T08:20:00Z",
            "order": "#1001",
            "currency": "GBP",
            "resolution": "refund",
            "lines": [
                {
                    "line": "SHIRT-M",
                    "order_line": "11",
                    "sku": "SHIRT-M",
                    "quantity": 2,
                    "items": "76.65",
                    "tax": "15.33",
                    "reason": "too_small",
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    "base_url", ["https://rv.test", "https://rv.test/", "https://rv.test/merchants/v0", "https://rv.test/x/merchants/v0/"]
)
def test_the_base_url_may_have_the_versions_path(base_url: str) -> None:
    vendor = Vendor(replace(connection(), base_url=base_url))
    vendor.read(document())
    before = "/x" if "/x" in base_url else ""
    assert vendor.asked[0].url.path == f"{before}/merchants/v0/stores/sandbox-store/returns/{RETURN}"
    assert vendor.asked[0].headers["authorization"] == "Bearer sandbox-key"


def test_the_vendors_own_address_is_the_default() -> None:
    vendor = Vendor()
    vendor.read({"data": document()})
    assert vendor.asked[0].url.host == "api.reveni.io"
    assert vendor.names() == ["Initiated"]


def test_labels_and_subjects() -> None:
    platform = Vendor().platform
    body = json.dumps({"id": "evt-9", "created": 1, "event": "return.updated", "data": {"resource_id": RETURN}}).encode()
    assert tuple(platform.label({}, body)) == ("return.updated", "evt-9")
    assert tuple(platform.label({}, b"[1]")) == ("unreadable", None)
    assert platform.subject(Delivery("c", "t", datetime.now(UTC), {}, body)) == RETURN
    assert platform.subject(Delivery("c", "t", datetime.now(UTC), {}, b"")) is None
    assert platform.authentic({}, b"")


def test_hints_that_lead_nowhere() -> None:
    vendor = Vendor()
    assert vendor.hint({"event": "invoice.created", "data": {"resource_id": "1"}}).ignored == "invoice.created is not about a return"
    silly: tuple[Any, ...] = (
        {},
        [],
        {"event": "return.updated", "data": {"resource_id": "../../etc"}},
        {"event": "return.updated", "data": 1},
    )
    for nonsense in silly:
        with pytest.raises(NotUnderstood):
            vendor.hint(nonsense)
    assert vendor.asked == []
    unknown = {"event": "return.created", "data": {"resource_id": RETURN}}
    assert vendor.hint(unknown).waits_for == f"return {RETURN}, which Reveni's API does not know yet"
    late = Delivery("es-reveni", "t", vendor.at - timedelta(hours=1), {}, json.dumps(unknown).encode())
    with pytest.raises(NotUnderstood, match="Reveni has no return"):
        vendor.platform.read(late, vendor.house)


def test_another_event_may_name_its_return() -> None:
    vendor = Vendor()
    vendor.answers = lambda request: httpx.Response(200, json=document())
    vendor.hint({"event": "refund.created", "data": {"resource_id": "r-1", "return_id": RETURN}})
    assert vendor.names() == ["Initiated"]


def test_an_api_older_than_its_webhook_is_asked_again() -> None:
    vendor = Vendor()
    assert vendor.read(document(), status="received").waits_for == "the API to show received: it still shows IN_PROGRESS"
    assert vendor.read(document("COMPLETED"), status="received").waits_for is None


# Statuses


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("pending", []),
        ("For Review", []),
        ("ON_HOLD", []),
        ("shipped", ["ScannedAtReturnBar"]),
        ("Received", ["ScannedAtReturnBar", "Received"]),
        ("accepted", ["ScannedAtReturnBar", "Received", "Inspected"]),
        ("Completed", ["ScannedAtReturnBar", "Received", "Inspected"]),
        ("partly accepted", ["ScannedAtReturnBar", "Received"]),
        ("REJECTED", []),
        ("expired", ["Expired"]),
        ("canceled", ["Cancelled"]),
    ],
)
def test_statuses_in_any_case(status: str, told: list[str]) -> None:
    vendor = Vendor()
    vendor.read(document(status))
    vendor.read(document(status))
    assert vendor.names() == ["Initiated", *told]
    assert vendor.house.conflicts == []


def test_a_status_that_nobody_named_is_shown() -> None:
    vendor = Vendor()
    assert vendor.read(document("LOST_IN_SPACE")).unmapped == (Unmapped("status", "LOST_IN_SPACE", RETURN),)
    assert vendor.names() == ["Initiated"]
    mapped = Vendor(connection(return_status={"lost_in_space": "handed_in"}))
    mapped.read(document("LOST_IN_SPACE"))
    assert mapped.names() == ["Initiated", "ScannedAtReturnBar"]


def test_step_by_step_each_is_told_once() -> None:
    vendor = Vendor()
    for status in ("IN_PROGRESS", "SHIPPED", "RECEIVED", "FOR_REVIEW", "ACCEPTED", "COMPLETED"):
        vendor.read(document(status))
    assert vendor.names() == ["Initiated", "ScannedAtReturnBar", "Received", "Inspected"]
    assert vendor.facts("Inspected")[0]["lines"] == [{"line": "SHIRT-M", "quantity": 2, "disposition": "saleable"}]


def test_dates_of_the_document_go_before_its_last_change() -> None:
    vendor = Vendor()
    vendor.read(
        document("COMPLETED", created_at="2026-09-01T10:00:00Z", received_at="2026-09-05T10:00:00+02:00", updated_at="2026-09-09T10:00:00Z")
    )
    assert [row["occurred_at"] for row in vendor.facts()] == [
        "2026-09-01T10:00:00Z",
        "2026-09-05T08:00:00Z",
        "2026-09-05T08:00:00Z",
        "2026-09-09T10:00:00Z",
    ]


def test_items_have_verdicts_of_their_own() -> None:
    items: Rows = [
        {"sku": "SHIRT-M", "quantity": 2, "status": "Accepted"},
        {"sku": "HAT", "status": "rejected", "reject_reason": "not_received"},
        {"sku": "HAT", "status": "pending validation"},
    ]
    vendor = Vendor(orders=KnownOrders([order_of("1001", ("11", "SHIRT-M", 2, 10, 2), ("12", "HAT", 2, 4, 0), order_id="450789469")]))
    vendor.read(document("Partly accepted", items=items))
    assert vendor.facts("Received")[0]["lines"] == [{"line": "HAT#1", "quantity": 1}, {"line": "SHIRT-M", "quantity": 2}]
    assert vendor.facts("Inspected")[0]["lines"] == [{"line": "SHIRT-M", "quantity": 2, "disposition": "saleable"}]
    items[2]["status"] = "rejected"
    items[2]["reject_reason"] = "defect"
    vendor.read(document("Partly accepted", items=items))
    assert vendor.facts("Inspected")[1]["lines"] == [{"line": "HAT#1", "quantity": 1, "disposition": "quarantine"}]
    assert vendor.house.conflicts == []


def test_a_reason_may_have_a_disposition_of_its_own() -> None:
    vendor = Vendor(connection(dispositions={"defect": "defective"}))
    vendor.read(document("REJECTED", items=[{"sku": "HAT", "status": "rejected", "reject_reason": "Defect"}]))
    assert vendor.names() == ["Initiated", "ScannedAtReturnBar", "Received", "Inspected"]
    assert vendor.facts("Inspected")[0]["lines"][0]["disposition"] == "defective"
    assert Vendor().read(document(items=[{"sku": "HAT", "status": "melted"}])).unmapped == (Unmapped("item.status", "melted", RETURN),)


def test_what_the_warehouse_has_told_is_not_told_again() -> None:
    vendor = Vendor()
    vendor.tell(fact="Received", lines=[{"line": "SHIRT-M", "quantity": 1}])
    vendor.read(document("RECEIVED"))
    assert [row["lines"][0]["quantity"] for row in vendor.facts("Received")] == [1, 1]
    all_of_it = Vendor()
    all_of_it.tell(fact="Received")
    all_of_it.read(document("RECEIVED"))
    assert len(all_of_it.facts("Received")) == 1


def test_a_rejected_return_that_came_was_looked_at() -> None:
    vendor = Vendor()
    vendor.read(document("RECEIVED"))
    vendor.read(document("REJECTED"))
    assert vendor.facts("Inspected")[0]["lines"][0]["disposition"] == "quarantine"


# What is wanted, and what it is worth


LARGER = [{"sku": "HAT", "exchange": {"variant": {"sku": "HAT-L"}}}]
TWO_OTHERS = [{"sku": "SHIRT-M", "quantity": 2, "exchange": [{"sku": "A", "quantity": 1}, {"sku": "B"}]}]


@pytest.mark.parametrize(
    ("of", "resolution", "exchange"),
    [
        (document(type="EXCHANGE"), "exchange", None),
        (document(type="Mixed", items=LARGER), "exchange", [{"sku": "HAT-L", "quantity": 1}]),
        (document(items=TWO_OTHERS), "exchange", [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]),
        (document(items=[{"sku": "HAT", "exchange": True}]), "exchange", None),
        (document(refund_method="Store Credit"), "store_credit", None),
    ],
)
def test_what_the_customer_wants(of: dict[str, Any], resolution: str, exchange: list[dict[str, Any]] | None) -> None:
    vendor = Vendor()
    vendor.read(of)
    [initiated] = vendor.facts("Initiated")
    assert (initiated["resolution"], initiated.get("exchange")) == (resolution, exchange)


def test_a_type_that_nobody_named_announces_nothing() -> None:
    vendor = Vendor()
    assert vendor.read(document(type="donation")).unmapped == (Unmapped("type", "donation", RETURN),)
    assert vendor.facts() == []


def test_amounts_of_the_document_count_where_net_and_tax_are_told() -> None:
    items: Rows = [
        {"sku": "SHIRT-M", "quantity": 2, "price": "10.005", "unit_tax": 1.5, "order": "x"},
        {"sku": "HAT", "amount": {"amount": 12.0, "currency": "GBP"}, "tax_amount": "2"},
    ]
    vendor = Vendor()
    vendor.read(document(items=items))
    assert [(line["items"], line["tax"]) for line in vendor.facts("Initiated")[0]["lines"]] == [("9.00", "1.80"), ("76.65", "15.33")]
    items[0]["price"] = "10.50"
    rich = Vendor()
    rich.read(document(items=items))
    assert [(line["items"], line["tax"]) for line in rich.facts("Initiated")[0]["lines"]] == [("10.00", "2.00"), ("18.00", "3.00")]


def test_a_named_and_priced_return_needs_no_order() -> None:
    of = document(items=[{"sku": "HAT", "net_price": 9, "unit_tax": 1}], currency="eur", order={"name": "#77", "external_id": "1"})
    vendor = Vendor(orders=KnownOrders([], away=True))
    vendor.read(of)
    [told] = vendor.facts("Initiated")
    assert (told["order"], told["currency"], told["lines"][0]["items"]) == ("#77", "EUR", "9.00")


def test_without_a_source_of_orders_a_price_with_its_tax_is_better_than_none() -> None:
    vendor = Vendor()
    vendor.house = MemoryHouse(lambda: vendor.at, None)
    assert "set refunds_from, or an erp" in (vendor.read(document("SHIPPED")).waits_for or "")
    assert vendor.names() == ["ScannedAtReturnBar"]
    vendor.read(document("SHIPPED", items=[{"sku": "SHIRT-M", "quantity": 2, "price": 45.99}], currency="GBP"))
    [told] = vendor.facts("Initiated")
    assert (told["order"], told["lines"][0]["items"], told["lines"][0]["tax"]) == ("450789469", "91.98", "0.00")


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (document(order={"external_id": "1"}), "order 1, which the source of orders does not know"),
        (document(order={}), "the order: the return names none"),
        (document(items=[{"sku": "SHOE"}]), "SHOE of order #1001: the order has no such line, or several that it could be"),
        ({**document(), "return_items": []}, "its items: the return lists none"),
    ],
)
def test_what_has_to_be_known_first(of: dict[str, Any], said: str) -> None:
    assert Vendor().read(of).waits_for == said


def test_one_sku_at_two_prices_is_not_guessed() -> None:
    alike = order_of("1001", ("1", "HAT", 1, 900, 0), ("2", "HAT", 2, 1_800, 0), order_id="450789469")
    vendor = Vendor(orders=KnownOrders([alike]))
    vendor.read(document(items=[{"sku": "HAT"}, {"sku": "HAT", "quantity": 2}]))
    assert [(line["order_line"], line["items"]) for line in vendor.facts("Initiated")[0]["lines"]] == [("1", "9.00"), ("2", "18.00")]
    dear = order_of("1001", ("1", "HAT", 1, 900, 0), ("2", "HAT", 2, 1_900, 0), order_id="450789469")
    assert Vendor(orders=KnownOrders([dear])).read(document(items=[{"sku": "HAT"}])).waits_for is not None


# Refunds


@pytest.mark.parametrize(
    ("said", "method"),
    [
        (refund(method="Instant bank transfer"), "platform_instant"),
        (refund(method="bank_transfer", instant=True), "platform_instant"),
        (refund(method="BANK TRANSFER"), "bank_transfer"),
        (refund(method=None, is_instant=1), "platform_instant"),
        (refund(method="store credit"), "store_credit"),
        (refund(method="ORIGINAL_PAYMENT_METHOD"), "original_payment"),
    ],
)
def test_methods(said: dict[str, Any], method: str) -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", said))
    assert [row["method"] for row in vendor.facts("Refunded")] == [method]


def test_the_mode_of_the_return_counts_where_its_refund_says_nothing() -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund(method="bank transfer"), mode="INSTANT"))
    assert vendor.facts("Refunded")[0]["method"] == "platform_instant"


@pytest.mark.parametrize(
    ("amount", "total"),
    [
        ("45.9", "45.90"),
        (45.9, "45.90"),
        (45, "45.00"),
        (30.000000000000004, "30.00"),
        ({"amount": "7.10", "currency": "GBP"}, "7.10"),
        (0, "0.00"),
    ],
)
def test_amounts_are_exact(amount: Any, total: str) -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund(amount)))
    assert vendor.facts("Refunded")[0]["amount"]["total"] == total


@pytest.mark.parametrize("amount", ["45.999", "a lot", None, -5, [], True, "1e30"])
def test_what_is_no_amount_is_shown(amount: Any) -> None:
    vendor = Vendor()
    reading = vendor.read(document("IN_PROGRESS", refund(amount)))
    assert [unmapped.field for unmapped in reading.unmapped] == ["refunds.amount"]
    assert vendor.facts("Refunded") == []


def test_amounts_with_many_digits_never_pass_through_a_float() -> None:
    vendor = Vendor()
    vendor.read(json.dumps(document("IN_PROGRESS", refund(0))).replace('"amount": 0', '"amount": 9007199254740.93'))
    assert vendor.facts("Refunded")[0]["amount"]["total"] == "9007199254740.93"


def test_fees_lessen_and_bonuses_add() -> None:
    parts: dict[str, Any] = {
        "items_amount": "76.65",
        "tax_amount": "15.33",
        "shipping_amount": 0,
        "fees": [{"amount": 4.5}, "-0.48"],
        "bonus": 5,
    }
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund("92.00", **parts), refund("1.00", id="rf-2", fee=-2), refund("1.00", id="rf-3", **parts)))
    assert [row["amount"] for row in vendor.facts("Refunded")] == [
        {"items": "76.65", "tax": "15.33", "shipping": "0.00", "fees": "0.02", "total": "92.00"},
        {"fees": "-2.00", "total": "1.00"},
        {"total": "1.00"},
    ]


def test_a_refund_without_a_currency_has_the_returns() -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund(currency=None)))
    assert vendor.facts("Refunded")[0]["currency"] == "GBP"


def test_several_refunds_each_with_its_id_and_only_those_that_were_paid() -> None:
    vendor = Vendor()
    said = [
        refund(),
        refund("5", "store_credit", id="rf-2"),
        refund("6", id="rf-3", status="Processing"),
        refund("7", id="rf-4", status="FAILED"),
    ]
    vendor.read(document("IN_PROGRESS", *said))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["rf-1", "rf-2"]
    assert vendor.facts("Refunded")[0]["occurred_at"] == "2026-09-21T14:13:20Z"
    reading = vendor.read(document("IN_PROGRESS", refund(status="dematerialised"), refund(method="in kind", id="rf-5")))
    assert [unmapped[:2] for unmapped in reading.unmapped] == [("refunds.status", "dematerialised"), ("refunds.method", "in kind")]


def test_a_rejection_later_does_not_take_back_what_reveni_paid() -> None:
    vendor = Vendor()
    paid = refund(method="instant bank transfer")
    vendor.read(document("IN_PROGRESS", paid, instant=True))
    vendor.read(
        document("REJECTED", paid, instant=True, items=[{"sku": "SHIRT-M", "quantity": 2, "status": "rejected", "reject_reason": "defect"}])
    )
    assert vendor.names() == ["Initiated", "Refunded", "ScannedAtReturnBar", "Received", "Inspected"]


def test_a_refund_that_was_cancelled_is_reversed_once() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund(method="store credit")))
    vendor.read(document("ACCEPTED", refund(method="store credit", status="Cancelled")))
    vendor.read(document("ACCEPTED", refund(method="store credit", status="Cancelled")))
    assert [row["fact"] for row in vendor.facts("Refunded", "RefundReversed")] == ["Refunded", "RefundReversed"]


def test_a_refund_that_changed_is_a_conflict_to_be_seen() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund("10.00", created_at=None)))
    vendor.read(document("ACCEPTED", refund("10.00", created_at=None), updated_at="2026-10-09T00:00:00Z"))
    assert vendor.house.conflicts == []
    vendor.read(document("ACCEPTED", refund("12.00")))
    assert [(raw["refund"], raw["amount"]) for raw in vendor.house.conflicts] == [("rf-1", {"total": "12.00"})]


# The shop's own voice


def shops(vendor: Vendor, of: str, number: str = "98765", total: str = "91.98", platform: str = "reveni") -> None:
    amount = {"fact": "Refunded", "refund": number, "currency": "GBP", "amount": {"total": total}, "method": "original_payment"}
    vendor.tell(**amount, platform=platform, source_id=f"shopify/refund/{number}", **{"return": of})


def test_a_refund_that_the_shop_has_told_already_is_not_told_again() -> None:
    vendor = Vendor()
    shops(vendor, RETURN)
    reading = vendor.read(document("ACCEPTED", refund(), refund("5.00", id="rf-2")))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["98765", "rf-2"]
    assert [(joined.what, joined.key) for joined in reading.joined] == [("refund 98765", ReturnKey(MERCHANT, "reveni", RETURN))]


def test_two_refunds_of_one_amount_are_two_of_the_shops() -> None:
    vendor = Vendor()
    shops(vendor, RETURN)
    vendor.read(document("ACCEPTED", refund(), refund(id="rf-2")))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["98765", "rf-2"]


def test_a_refund_that_stands_outside_any_return_is_told_under_the_shops_number() -> None:
    vendor = Vendor()
    shops(vendor, "order-450789469", platform="shopify")
    vendor.read(document("ACCEPTED", refund()))
    assert [(row["return"], row["refund"]) for row in vendor.facts("Refunded")] == [("order-450789469", "98765"), (RETURN, "98765")]
    vendor.read(document("ACCEPTED", refund()))
    assert len(vendor.facts("Refunded")) == 2


def test_which_of_two_outside_any_return_is_not_guessed() -> None:
    vendor = Vendor()
    shops(vendor, "order-450789469", platform="shopify")
    shops(vendor, "order-450789469", "98766", platform="shopify")
    vendor.read(document("ACCEPTED", refund()))
    assert vendor.facts("Refunded")[-1]["refund"] == "rf-1"


def test_a_refund_that_the_shop_tells_later_counts_once() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund()))
    shops(vendor, RETURN)
    for _ in range(2):
        vendor.read(document("ACCEPTED", refund()))
    [told, _, reversed_] = vendor.facts("Refunded", "RefundReversed")
    assert (reversed_["fact"], reversed_["refund"], reversed_["occurred_at"]) == ("RefundReversed", "rf-1", told["occurred_at"])
    assert vendor.house.conflicts == []


def test_a_refund_that_names_the_shops_is_the_shops() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund(shopify_refund_id="gid://shopify/Refund/98765")))
    assert vendor.facts("Refunded")[0]["refund"] == "98765"
    first = Vendor()
    shops(first, RETURN)
    first.read(document("ACCEPTED", refund(shopify_refund_id=98765)))
    assert len(first.facts("Refunded")) == 1


def test_what_reveni_pays_itself_is_never_taken_for_the_shops() -> None:
    vendor = Vendor()
    shops(vendor, RETURN)
    vendor.read(document("ACCEPTED", refund(method="instant bank transfer")))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["98765", "rf-1"]


# Polling


def one_of(rows: Any, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        named = request.url.path.rsplit("/", 1)[-1]
        if named == "returns":
            return httpx.Response(200, json=rows, headers=headers)
        return httpx.Response(200, json={**document(), "id": named})

    return answer


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": RETURN}, {"id": "other"}],
        {"results": [{"id": RETURN}, {"id": "other"}], "next": None},
        {"returns": [{"return_id": RETURN}, {"uuid": "other"}, {"id": "../x"}, "?"]},
        {"data": [{"id": RETURN}, {"id": "other"}], "meta": {"next_cursor": "abc"}},
    ],
)
def test_a_list_of_any_shape_is_read(rows: Any) -> None:
    vendor = Vendor()
    vendor.answers = one_of(rows)
    told = [fact["return"] for polled in vendor.platform.poll(None, vendor.house) for reading in polled.readings for fact in reading.facts]
    assert told == [RETURN, "other"]


def test_a_list_that_says_where_it_goes_on_is_followed() -> None:
    pages = {"1": ("a", "https://rv.test/x?page=2&page_size=1"), "2": ("b", "3"), "3": ("c", None)}

    def answer(request: httpx.Request) -> httpx.Response:
        named = request.url.path.rsplit("/", 1)[-1]
        if named != "returns":
            return httpx.Response(200, json={**document(), "id": named})
        return_id, onward = pages[request.url.params["page"]]
        return httpx.Response(200, json={"results": [{"id": return_id}], "next": onward})

    vendor = Vendor()
    vendor.answers = answer
    assert len([fact for polled in vendor.platform.poll(None, vendor.house) for one in polled.readings for fact in one.facts]) == 3


def test_rows_that_look_the_same_are_not_asked_for_again() -> None:
    vendor = Vendor()
    vendor.answers = one_of([{"id": RETURN, "status": "EXPIRED"}])
    inbox_cursor: dict[str, Any] | None = None
    for _ in range(2):
        for polled in vendor.platform.poll(inbox_cursor, vendor.house):
            inbox_cursor = json.loads(json.dumps(polled.cursor))
    listed = [request for request in vendor.asked if request.url.path.endswith("/returns")]
    assert [request.url.params["updated_after"] for request in listed] == ["2026-08-03T08:50:00Z", "2026-10-02T08:50:00Z"]
    # Once by the list; once more because it is under way, as a list of summaries hides refunds.
    assert len(vendor.asked) - len(listed) == 2


def test_where_there_is_no_list_returns_under_way_are_looked_at() -> None:
    of = rig(listing=False)
    assert of.sandbox is not None
    return_id = of.sandbox.create([SHIRT], order_id=ORDER_ID)
    of.go_on()
    of.sandbox.receive(return_id)
    of.front.webhooks()
    of.platform = platform_of(of.front) if of.inbox.cursor else of.platform
    of.inbox.poll()
    assert [row["fact"] for row in of.facts()] == ["Initiated", "ScannedAtReturnBar", "Received"]
    of.platform = platform_of(of.front)
    of.sandbox.validate(return_id)
    of.inbox.poll()
    assert of.facts()[-1]["fact"] == "Inspected", "the cursor knows whom to look at"


def test_another_path_and_other_names_are_configuration() -> None:
    vendor = Vendor(connection(polling={"path": "/v2/list/", "since": "from", "page": "", "size": "limit"}))
    vendor.answers = lambda request: httpx.Response(200, json=[])
    list(vendor.platform.poll(None, vendor.house))
    assert vendor.asked[0].url.path.endswith("/stores/sandbox-store/v2/list")
    assert sorted(vendor.asked[0].url.params) == ["from", "limit"]


def test_trouble_comes_through_as_what_it_is() -> None:
    of = rig()
    assert of.platform.check() == "Reveni answers for store sandbox-store"
    of.front.set_faults(Faults(rate_limited=1.0))
    with pytest.raises(VendorTrouble) as trouble:
        of.platform.check()
    assert trouble.value.retry_after_seconds == 7
    of.front.set_faults(Faults())
    wrong = replace(connection(), credentials={"api_key": "wrong", "store_id": "sandbox-store"})
    with pytest.raises(VendorRefused):
        connect(connection=wrong, http=httpx.Client(transport=SandboxTransport(of.front)), wait_turn=lambda: None).check()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (replace(connection(), credentials={"api_key": "k"}), r"connections\.es-reveni\.credentials\.store_id is missing"),
        (connection(refund_methods={"cash": "banknotes"}), r"mappings\.refund_methods\.cash"),
        (connection(methods={"cash": "exchange"}), r"mappings\.methods"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key(settings: ConnectionSettings, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Vendor(settings)


def test_nobodys_name_or_address_gets_through() -> None:
    personal = {"customer": {"name": "Ada Lovelace", "email": "ada@example.com"}, "note": "Ada was here"}
    items = [{"sku": "HAT", "return_reason": "ask ada@example.com", "status": "seen by ada@example.com"}]
    vendor = Vendor()
    reading = vendor.read(document("ada@example.com", refund(method="to ada@example.com", iban="ES91"), items=items, **personal))
    assert vendor.names() == ["Initiated"]
    assert "ada" not in repr((reading.facts, reading.unmapped, reading.waits_for)).lower()


# Commands


def waiting() -> tuple[ReveniRig, Reveni, str]:
    of = rig()
    assert of.sandbox is not None
    return of, platform_of(of.front), of.sandbox.create([SHIRT, COAT], order_id=ORDER_ID)


def test_verdicts_are_sent_once() -> None:
    of, platform, return_id = waiting()
    first, second = Verdict(f"{return_id[:8]}-1", 2, True), Verdict(f"{return_id[:8]}-2", 1, False, "defect")
    assert platform.partial_validate(return_id, [first]) == Accepted(return_id)
    assert platform.partial_validate(return_id, [first, second]) == Accepted(return_id)
    assert platform.partial_validate(return_id, [first, second]) == Accepted(return_id)
    assert of.sandbox is not None
    shown = of.sandbox.documents[return_id]
    assert shown["status"] == "PARTLY_ACCEPTED"
    assert [(item["status"], item.get("reject_reason")) for item in shown["return_items"]] == [("accepted", None), ("rejected", "defect")]
    Inbox(of).settle()
    assert [row["fact"] for row in of.facts()] == ["Initiated", "ScannedAtReturnBar", "Received", "Inspected"]


def test_a_verdict_whose_answer_was_lost_is_asked_about() -> None:
    of, platform, return_id = waiting()
    quiet, sent = of.front.answer, []

    def swallow(request: Any) -> Any:
        if request.path.endswith("/partial_validate"):
            sent.append(request)
            return replace(quiet(replace(request, method="GET", path="/")), status=502)
        return quiet(request)

    of.front.answer = swallow  # type: ignore[method-assign]  # the vendor has it, and is slow
    verdict = Verdict(f"{return_id[:8]}-1", 2, True)
    assert isinstance(platform.partial_validate(return_id, [verdict]), Unknown)
    assert isinstance(platform.partial_validate(return_id, [verdict]), Unknown)
    assert len(sent) == 1
    assert of.sandbox is not None
    of.sandbox.validate(return_id)
    assert isinstance(platform.partial_validate(return_id, [verdict]), Accepted)


def test_what_cannot_be_decided_any_more_is_declined() -> None:
    of, platform, return_id = waiting()
    assert of.sandbox is not None
    item = f"{return_id[:8]}-1"
    assert isinstance(platform.partial_validate("nobody", []), Declined)
    assert isinstance(platform.partial_validate(return_id, [Verdict("x", 1, True)]), Declined)
    assert isinstance(platform.partial_validate(return_id, [Verdict(item, 9, True)]), Declined), "the vendor says no"
    of.sandbox.validate(return_id)
    assert isinstance(platform.partial_validate(return_id, [Verdict(item, 2, False)]), Declined)
    of.sandbox.cancel(return_id)
    assert isinstance(platform.partial_validate(return_id, [Verdict(item, 2, True)]), Declined)


def test_a_return_that_cannot_be_read_does_not_keep_the_others_from_it() -> None:
    vendor = Vendor()
    broken = {"bad"}

    def answer(request: httpx.Request) -> httpx.Response:
        named = request.url.path.rsplit("/", 1)[-1]
        if named == "returns":
            return httpx.Response(200, json=[{"id": "a"}, {"id": "bad"}, {"id": "b"}])
        return httpx.Response(503) if named in broken else httpx.Response(200, json={**document(), "id": named})

    vendor.answers = answer
    cursors: list[dict[str, Any]] = []

    def poll() -> list[str]:
        told = []
        for polled in vendor.platform.poll(cursors[-1] if cursors else None, vendor.house):
            for reading in polled.readings:
                vendor.house.record(reading)
                told += [fact["return"] for fact in reading.facts]
            cursors.append(json.loads(json.dumps(polled.cursor)))
        return told

    with pytest.raises(VendorTrouble, match="503"):
        poll()
    assert [key.return_id for key in vendor.house.returns_of_order("#1001")] == ["a", "b"]
    assert cursors[-1]["since"] == "2026-08-03T09:00:00Z", "the list is asked from there again"
    broken.clear()
    assert poll() == ["bad"]
