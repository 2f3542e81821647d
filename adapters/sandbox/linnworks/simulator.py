"""A simulated Linnworks: sessions that expire, a quota for each method, and the methods that this house calls."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.sandbox.linnworks import refunding, returning, selling, stocking
from adapters.sandbox.linnworks.books import Books, Document, Refused, plain
from adapters.sandbox.linnworks.stories import play
from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse

# As the configuration names them.
SANDBOX_CREDENTIALS: Final[Mapping[str, str]] = {
    "application_id": "9a1c2f8e-0000-4000-8000-000000000001",
    "application_secret": "9a1c2f8e-0000-4000-8000-000000000002",
    "token": "9a1c2f8e-0000-4000-8000-000000000003",
}
SESSION_LASTS: Final = timedelta(minutes=20)
USUAL_LIMIT: Final = 150
# Methods with 250 a minute [V].
FASTER: Final = frozenset(
    {
        *("Orders/GetOrderDetailsByReferenceId", "Orders/GetOrderDetailsByNumOrderId", "Orders/GetOrdersById", "Orders/ChangeOrderTag"),
        *("Stock/GetItemChangesHistory", "Stock/GetStockLevel_Batch", "Stock/SetStockLevel", "Stock/SKUExists"),
        *("ProcessedOrders/AddOrderNote", "Inventory/GetStockItemIdsBySKU", "Inventory/GetInventoryItemCompositions"),
    }
)
FASTER_LIMIT: Final = 250
_LONGEST_SEARCH: Final = timedelta(days=93)


class LinnworksSandbox:
    """`server` is what a session names for all further calls; None: this host, below `prefix`."""

    def __init__(
        self,
        clock: Clock,
        *,
        credentials: Mapping[str, str] = SANDBOX_CREDENTIALS,
        server: str | None = None,
        prefix: str = "/linnworks",
        limit_factor: int = 1,
        first: int = 0,
    ) -> None:
        self.books = Books(clock, first)
        self.state_of_account = "AVAILABLE"
        self.calls: dict[str, int] = defaultdict(int)
        self._clock = clock
        names = {"application_id": "ApplicationId", "application_secret": "ApplicationSecret", "token": "Token"}
        self._credentials = {names[name]: said for name, said in credentials.items()}
        self._server, self._prefix, self._limit_factor = server, prefix, limit_factor
        self._sessions: dict[str, datetime] = {}
        self._minute, self._of_minute = "", defaultdict[str, int](int)
        self._methods = self._served()

    # The port

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        method = request.path.removeprefix("/api/").strip("/")
        over = self._counted(method)
        if over is not None:
            return over
        try:
            if method == "Auth/AuthorizeByApplication":
                return self._authorise(request)
            return self._route(method, request)
        except stocking.TornChange:
            return self.refuse(500)
        except (Refused, ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as wrong:
            return _said(400, str(wrong))

    def refuse(self, status: int) -> SandboxResponse:
        return _said(status, "Too many requests" if status == 429 else "Unauthorized" if status in (401, 403) else "An error has occurred.")

    def take_webhooks(self) -> list[OutgoingWebhook]:
        """Linnworks sends none."""
        return []

    def state(self) -> dict[str, Any]:
        books = self.books
        return {
            "orders": plain(copy.deepcopy(list(books.orders.values()))),
            "refunds": plain(copy.deepcopy(list(books.refunds.values()))),
            "rmas": plain(copy.deepcopy(list(books.rmas.values()))),
            "scraps": plain(copy.deepcopy(books.scraps)),
            "stock": [
                {"sku": item.sku, "location": name, "level": books.level(item, place)}
                for item in books.items.values()
                for place, name in books.locations.items()
                if books.level(item, place)
            ],
            "paid_by_channel": [header for _, header in books.paid_by_channel],
            "calls": dict(self.calls),
        }

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Orders, products, locations, stock and kits, and what people do by hand: see `stories`."""
        if "account" in told:
            self.state_of_account = str(told["account"])
        return play(self.books, {name: told[name] for name in told if name != "account"})

    def expire_sessions(self) -> None:
        self._sessions.clear()

    # The API

    def _authorise(self, request: SandboxRequest) -> SandboxResponse:
        asked = request.json() or {}
        if request.method != "POST" or any(str(asked.get(name)) != said for name, said in self._credentials.items()):
            return _said(401, "Application is not authorised")
        token = self.books.new_id("session")
        self._sessions[token] = self._clock()
        server = self._server or f"http://{request.headers.get('host', 'localhost')}{self._prefix}"
        session = {"Id": token, "Token": token, "Server": server, "TTL": int(SESSION_LASTS.total_seconds()), "Locality": "EU"}
        return SandboxResponse.of({**session, "Status": {"State": self.state_of_account, "Reason": "", "Parameters": {}}})

    def _route(self, method: str, request: SandboxRequest) -> SandboxResponse:
        used = self._sessions.get(request.headers.get("authorization", ""))
        if used is None or self._clock() - used > SESSION_LASTS:
            return _said(401, "Token is invalid or has expired")
        self._sessions[request.headers["authorization"]] = self._clock()
        served = self._methods.get((request.method, method))
        if served is None:
            return _said(404, f"No method {request.method} {method}")
        told = request.query if request.method == "GET" else request.json() or {}
        answer = served(told)
        return SandboxResponse(204) if answer is None else SandboxResponse.of(plain(answer))

    def _served(self) -> dict[tuple[str, str], Callable[[Any], Any]]:
        books = self.books

        def inside(serve: Callable[[Books, Any], Any]) -> Callable[[Any], Any]:
            """For bodies that wrap their arguments as `request`."""

            def served(told: Mapping[str, Any]) -> Any:
                if not isinstance(told.get("request"), Mapping):
                    raise Refused("request is required")
                return serve(books, told["request"])

            return served

        return {
            ("GET", "Inventory/GetStockLocations"): lambda told: stocking.locations(books),
            ("POST", "Inventory/GetStockItemIdsBySKU"): inside(stocking.ids_by_sku),
            ("GET", "Inventory/GetInventoryItemCompositions"): lambda told: stocking.compositions(books, told.get("inventoryItemId")),
            ("GET", "Inventory/GetScrapCategories"): lambda told: {
                "ScrapCategories": [{"CategoryId": n, "CategoryName": name} for n, name in enumerate(books.scrap_categories, start=1)]
            },
            ("POST", "Inventory/GetScrapHistory"): inside(stocking.scrap_history),
            ("POST", "Inventory/AddScrapItem"): inside(stocking.scrap),
            ("GET", "Stock/SKUExists"): lambda told: told.get("SKU") in books.items,
            ("POST", "Stock/GetStockLevel_Batch"): inside(stocking.levels),
            ("POST", "Stock/UpdateStockLevelsBySKU"): lambda told: stocking.change(books, told),
            ("POST", "Stock/SetStockLevel"): lambda told: stocking.change(books, told, absolute=True),
            ("GET", "Stock/GetItemChangesHistory"): lambda told: stocking.history(books, told),
            ("GET", "Orders/GetOrderDetailsByReferenceId"): lambda told: [
                _shown(one) for one in books.by_reference(told.get("ReferenceId", ""))
            ],
            ("GET", "Orders/GetOrderDetailsByNumOrderId"): lambda told: next(
                (_shown(one) for one in books.orders.values() if str(one["NumOrderId"]) == told.get("OrderId")), {}
            ),
            ("GET", "Orders/GetOrderById"): lambda told: _shown(books.order(told.get("pkOrderId"))),
            ("POST", "Orders/GetOrdersById"): lambda told: [
                _shown(books.orders[str(one).lower()]) for one in told.get("pkOrderIds") or [] if str(one).lower() in books.orders
            ],
            ("POST", "Orders/CreateOrders"): self._create_orders,
            ("POST", "Orders/ChangeStatus"): self._change_status,
            ("POST", "Orders/ChangeOrderTag"): self._change_tag,
            ("POST", "ProcessedOrders/AddOrderNote"): self._add_note,
            ("GET", "ProcessedOrders/GetReturnsExchanges"): lambda told: returning.follow_ups(books, told.get("pkOrderId")),
            ("POST", "ProcessedOrders/SearchProcessedOrders"): inside(_processed_orders),
            ("POST", "ReturnsRefunds/GetRefundOptions"): inside(refunding.options),
            ("POST", "ReturnsRefunds/CreateRefund"): inside(refunding.create),
            ("POST", "ReturnsRefunds/ActionRefund"): inside(refunding.action),
            ("POST", "ReturnsRefunds/DeleteRefund"): inside(refunding.delete),
            ("POST", "ReturnsRefunds/GetRefundHeadersByOrderId"): inside(refunding.headers),
            ("POST", "ReturnsRefunds/GetRefundLinesByHeaderId"): inside(refunding.lines_of),
            ("POST", "ReturnsRefunds/GetReturnOptions"): inside(returning.options),
            ("POST", "ReturnsRefunds/CreateRMABooking"): inside(returning.book),
            ("POST", "ReturnsRefunds/ActionRMABooking"): inside(returning.action),
            ("POST", "ReturnsRefunds/DeleteRMA"): inside(returning.delete),
            ("POST", "ReturnsRefunds/GetRMAHeadersByOrderId"): inside(returning.headers),
            ("GET", "ReturnsRefunds/SearchReturnsRefundsPaged"): self._search,
        }

    def _create_orders(self, told: Mapping[str, Any]) -> list[str]:
        saved = [selling.create(self.books, one, str(told.get("location") or "Default")) for one in told["orders"]]
        return [one for one in saved if one is not None]

    def _add_note(self, told: Mapping[str, Any]) -> str:
        note = {"OrderNoteId": self.books.new_id("note"), "NoteDate": self.books.now(), "Internal": bool(told.get("isInternal"))}
        self.books.order(told["pkOrderID"])["Notes"].append({**note, "Note": str(told["noteText"])})
        return str(note["OrderNoteId"])

    def _change_status(self, told: Mapping[str, Any]) -> list[str]:
        for order_id in told["orderIds"]:
            self.books.order(order_id)["GeneralInfo"]["Status"] = int(told["status"])
        return list(told["orderIds"])

    def _change_tag(self, told: Mapping[str, Any]) -> list[str]:
        for order_id in told["orderIds"]:
            tag = int(told.get("tag") or 0)
            self.books.order(order_id)["GeneralInfo"] |= {"Marker": tag, "IsParked": tag == selling.PARKED}
        return list(told["orderIds"])

    def _search(self, told: Mapping[str, str]) -> Document:
        since, until = _instant(told["from"]), _instant(told["to"])
        if until - since > _LONGEST_SEARCH:
            raise Refused("The date range must not exceed 3 months")
        rows = refunding.rows(self.books) if told.get("historyType") == "REFUNDS" else returning.rows(self.books)
        field = {"ACTIONED": "ActionDate"}.get(told.get("dateType", ""), "CreateDate")
        found = [one for one in rows if one[field] is not None and since <= _instant(one[field]) <= until]
        return stocking.paged(found, int(told.get("pageNum", "1")), int(told.get("numEntriesPerPage", "50")))

    def _counted(self, method: str) -> SandboxResponse | None:
        minute = f"{self._clock():%Y-%m-%dT%H:%M}"
        if minute != self._minute:
            self._minute = minute
            self._of_minute.clear()
        self.calls[method] += 1
        self._of_minute[method] += 1
        if self._of_minute[method] <= (FASTER_LIMIT if method in FASTER else USUAL_LIMIT) * self._limit_factor:
            return None
        return SandboxResponse.of({"Message": "Too many requests"}, 429, {"Retry-After": str(60 - self._clock().second)})


def _processed_orders(books: Books, told: Mapping[str, Any]) -> Document:
    since, until = _instant(told["FromDate"]), _instant(told["ToDate"])
    wanted = {one["SearchField"]: one["SearchTerm"] for one in told.get("SearchFilters") or []}
    rows = []
    for order in books.orders.values():
        general = order["GeneralInfo"]
        fits = all(general.get(field) == term for field, term in wanted.items())
        if fits and order["Processed"] and since <= _instant(order["ProcessedDateTime"]) <= until:
            rows.append({**refunding.order_columns(order), "HoldOrCancel": general["HoldOrCancel"], "IsResend": False, "IsExchange": False})
    return {"ProcessedOrders": stocking.paged(rows, int(told.get("PageNumber") or 1), int(told.get("ResultsPerPage") or 50))}


def _shown(order: Document) -> Document:
    return {name: one for name, one in order.items() if name != "FollowUps"}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _said(status: int, message: str) -> SandboxResponse:
    return SandboxResponse.of({"Code": None, "Message": message}, status)
