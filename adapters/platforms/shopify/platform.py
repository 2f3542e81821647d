"""One Shopify shop behind the port: what each webhook topic means, and where to look for what a webhook does not say."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from adapters.files.exact_json import loads
from adapters.files.shopify_amounts import objects
from adapters.platforms.port import ConnectionSettings, Delivery, Desk, Label, Polled, Reading
from adapters.platforms.shopify import queries
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.inventory import Inventory
from adapters.platforms.shopify.joins import PLATFORM, unjoined
from adapters.platforms.shopify.mapping import REREAD_AFTER_EMPTY_BODY, Mappings
from adapters.platforms.shopify.orders import ShopOrders
from adapters.platforms.shopify.polling import changed_orders, poll
from adapters.platforms.shopify.reader import POLLED, Reader, together
from adapters.platforms.shopify.releasing import Release
from adapters.platforms.shopify.shapes import id_of, number_of
from adapters.vendor.answers import Answer, NotUnderstood, VendorRefused
from domain.refusals import Rejected
from domain.telling import ReturnKey, read_instant

# What a topic tells that another one, or nobody here, has to do with.
IGNORED: Final = {
    "orders/create": "an order is read when a return or refund needs it",
    "orders/updated": "an order is read when a return or refund needs it",
    "orders/edited": "an order is read when a return or refund needs it",
    "orders/cancelled": "what is paid back for a cancelled order comes as a refund",
    "orders/paid": "the first payment of an order is no part of a return",
    "orders/fulfilled": "what goes out to the customer is no part of a return",
    "tender_transactions/create": "the refund itself tells what was paid back",
    "disputes/create": "a dispute is between the customer and the bank; a refund that comes of it tells itself",
    "disputes/update": "a dispute is between the customer and the bank; a refund that comes of it tells itself",
    "reverse_deliveries/attach_deliverable": "a label or tracking number moves no goods yet",
    "app/uninstalled": "the app was removed from the shop: its access token no longer works",
    "customers/data_request": "a privacy request: facts hold no person; `returns-ledger forget` erases by order",
    "customers/redact": "a privacy request: facts hold no person; `returns-ledger forget` erases by order",
    "shop/redact": "a privacy request: facts hold no person; `returns-ledger forget` erases by order",
}
NEEDED_SCOPES: Final = ("read_orders", "read_returns")
WISHED_SCOPES: Final = ("read_all_orders", "read_shopify_payments_payouts")
_MOST_RETURNS_OF_AN_EMPTY_BODY: Final = 20


class Shopify:
    """A connection. `orders` is what other platforms' connections with `refunds_from` read the original orders from."""

    def __init__(self, connection: ConnectionSettings, admin: Admin) -> None:
        self._connection, self._admin = connection, admin
        self._secret = (connection.webhook_secret or "").encode()
        self._mappings = Mappings(connection.mappings, connection.erp_posts)
        self._reader = Reader(connection.name, connection.merchant, admin, self._mappings)
        self._release = Release(admin, self._mappings)
        self._inventory = Inventory(admin)
        self.orders = ShopOrders(admin)

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """base64(HMAC-SHA256(client secret, raw body)), says the vendor."""
        told = _header(headers, "x-shopify-hmac-sha256")
        if not self._secret or told is None:
            return False
        due = base64.b64encode(hmac.new(self._secret, body, hashlib.sha256).digest())
        return hmac.compare_digest(due, told.strip().encode("utf-8", "surrogateescape"))

    def label(self, headers: Mapping[str, str], body: bytes) -> Label:
        """Duplicates share the event's id. One event can cause deliveries of several topics, so the topic belongs to it."""
        topic = (_header(headers, "x-shopify-topic") or "").strip().casefold()
        event = _header(headers, "x-shopify-event-id") or _header(headers, "x-shopify-webhook-id")
        return Label(topic or "unknown", f"{topic}:{event.strip()}" if event and event.strip() else None)

    def subject(self, delivery: Delivery) -> str | None:
        """Webhooks about a return only say where to look."""
        if not delivery.topic.startswith(("returns/", POLLED)):
            return None
        try:
            document = _document(delivery.body)
        except NotUnderstood:
            return None
        number = id_of(document)
        return f"{document.get('kind') if delivery.topic == POLLED else 'return'}/{number}" if number else None

    def foresee(self, delivery: Delivery) -> list[ReturnKey]:
        """Where the refund of a webhook may stand: on the return that it names, and outside any."""
        if delivery.topic != "refunds/create":
            return []
        try:
            document = _document(delivery.body)
        except NotUnderstood:
            return []
        merchant, order, named = self._connection.merchant, number_of(document.get("order_id")), id_of(document.get("return"))
        return [unjoined(merchant, order), *([ReturnKey(merchant, PLATFORM, named)] if named else [])]

    def read(self, delivery: Delivery, desk: Desk) -> Reading:
        topic = delivery.topic
        if topic in IGNORED:
            return Reading(ignored=IGNORED[topic])
        match topic:
            case "refunds/create":
                return self._reader.refund_of_body(_document(delivery.body), desk)
            case "order_transactions/create":
                return self._transaction(_document(delivery.body), desk)
            case "reverse_fulfillment_orders/dispose":
                number = id_of(_document(delivery.body))
                if number is None:
                    raise NotUnderstood("a disposition that does not name its reverse fulfilment order")
                return self._reader.return_of_fulfilment(number, desk)
            case "poll":
                return self._polled(_document(delivery.body), desk)
            case "unknown":
                raise NotUnderstood("the delivery names no topic (X-Shopify-Topic)")
            case _ if topic.startswith("returns/"):
                number = id_of(_document(delivery.body))
                return self._reader.shop_return(number, desk)[0] if number else self._recent_returns(delivery, desk)
        return Reading(ignored=f"topic {topic!r} is none that tells of returns or refunds")

    def poll(self, cursor: Mapping[str, Any] | None, desk: Desk) -> Iterator[Polled]:
        """Orders that changed, with their refunds and returns; then what was left open before."""
        return poll(cursor, desk, self._admin, self._reader, self._mappings)

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str] | None = None) -> Answer:
        """Process the return with the refund that Shopify suggests. Needs the scope write_returns."""
        return self._release.release(return_id)

    def publish_available(self, sku: str, location: str, available: int) -> Answer:
        """`location` is the digits of the shop's own id. Needs the scopes read_inventory and write_inventory."""
        return self._inventory.publish(sku, location, available)

    def check(self) -> str:
        found = self._admin.ask(queries.SHOP)
        scopes = {str(each.get("handle")) for each in objects((found.get("current_app_installation") or {}).get("access_scopes"))}
        lacking = [scope for scope in NEEDED_SCOPES if scope not in scopes]
        if lacking:
            raise VendorRefused(f"the access token lacks the scope {' and '.join(lacking)}: give it to the app and install it again")
        shop = found.get("shop") or {}
        wished = [scope for scope in WISHED_SCOPES if scope not in scopes]
        without = f"; without {' and '.join(wished)}" if wished else ""
        return f"{shop.get('myshopify_domain')} answers in API version {self._admin.version}, books in {shop.get('currency_code')}{without}"

    def _polled(self, document: dict[str, Any], desk: Desk) -> Reading:
        number = id_of(document)
        if number is None:
            raise NotUnderstood("a polled record without its id")
        match document.get("kind"):
            case "refund":
                return self._reader.refund(number, desk)
            case "settlement":
                return self._reader.settlement(document, desk)
            case "return":
                return self._reader.shop_return(number, desk)[0]
        raise NotUnderstood(f"a polled record of kind {document.get('kind')!r}")

    def _transaction(self, document: dict[str, Any], desk: Desk) -> Reading:
        kind, status = str(document.get("kind")).casefold(), self._mappings.transaction_status(document.get("status"))
        if kind != "refund":
            return Reading(ignored=f"a transaction of kind {kind} pays nothing back")
        number, order_id = id_of(document), number_of(document.get("order_id"))
        if number is None or order_id is None:
            raise NotUnderstood("a refund transaction that does not name itself and its order")
        if status == "failed":
            return Reading(ignored=f"transaction {number} failed: no money was paid back by it")
        return self._reader.refund_of_transaction(number, order_id, desk)

    def _recent_returns(self, delivery: Delivery, desk: Desk) -> Reading:
        """`returns/process` can come with an empty body: what changed at that time is read, whichever return it was."""
        since = _triggered_at(delivery) - REREAD_AFTER_EMPTY_BODY
        returns = (each for order in changed_orders(self._admin, since) for each in objects(order.get("returns")))
        numbers = dict.fromkeys(number for each in returns if (number := id_of(each)))
        readings = [self._reader.shop_return(number, desk)[0] for number in list(numbers)[-_MOST_RETURNS_OF_AN_EMPTY_BODY:]]
        if not readings:
            return Reading(ignored="names no return, and no order with a return has changed since; polling goes on looking")
        return together(readings[0], readings[1:])


def _document(body: bytes) -> dict[str, Any]:
    """Numbers keep every digit. Raises NotUnderstood."""
    if not body.strip():
        return {}
    try:
        document = loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotUnderstood("the body is not UTF-8 text") from None
    except ValueError as wrong:
        raise NotUnderstood(f"the body is not JSON: {wrong}") from None
    except RecursionError:
        raise NotUnderstood("the body is nested too deep") from None
    if not isinstance(document, dict):
        raise NotUnderstood("the body is no JSON object")
    return document


def _header(headers: Mapping[str, str], name: str) -> str | None:
    found = headers.get(name)
    return found if found is not None else next((text for key, text in headers.items() if key.casefold() == name), None)


def _triggered_at(delivery: Delivery) -> datetime:
    try:
        at = read_instant(_header(delivery.headers, "x-shopify-triggered-at"), "triggered_at")
    except Rejected:
        at = delivery.received_at
    return min(at, delivery.received_at)
