"""A simulated Cin7 Core: keys, quota and routes of its API v2; what it knows is in `sales`, `warehouse` and `seeding`."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.sandbox.cin7_core.amounts import Refused, Row, as_json
from adapters.sandbox.cin7_core.lists import paged, sale_rows
from adapters.sandbox.cin7_core.sales import Sales
from adapters.sandbox.cin7_core.seeding import seed_account
from adapters.sandbox.cin7_core.warehouse import Warehouse
from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse

CALLS, WITHIN = 60, timedelta(seconds=60)
LIMIT = "You have reached 60 calls per 60 seconds API limit."
BASE = "/externalapi/v2"
_REFUND = ("ID", "Reference", "Amount", "DatePaid", "Account", "CurrencyRate", "DateCreated")


class Cin7CoreSandbox:
    """`sales` and `warehouse` are the account. `limit_status` is how the quota answers: 429, or 503 or 400 as elsewhere reported;
    `errors_in_200`: refusals come with status 200, as some of its endpoints do."""

    def __init__(
        self,
        clock: Clock,
        *,
        account_id: str = "sandbox-account",
        application_key: str = "sandbox-key",
        calls_per_minute: int = CALLS,
        limit_status: int = 429,
        errors_in_200: bool = False,
        checks_over_credit: bool = True,
        second_note_on_simple: bool = False,
        first: int = 0,
    ) -> None:
        self.warehouse = Warehouse(clock, first=first)
        self.sales = Sales(self.warehouse, checks_over_credit=checks_over_credit, second_note_on_simple=second_note_on_simple)
        self.sales.tax_rules |= {"Standard": Decimal(20), "Zero": Decimal(0)}
        for name in ("Main Warehouse", "In transit", "Quarantine", "Damaged"):
            self.warehouse.add_location(name, is_default=name == "Main Warehouse")
        self._clock, self._keys = clock, (account_id, application_key)
        self._calls_per_minute, self._limit_status, self._errors_in_200 = calls_per_minute, limit_status, errors_in_200
        self._calls: deque[datetime] = deque()

    # The port

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        if (request.headers.get("api-auth-accountid"), request.headers.get("api-auth-applicationkey")) != self._keys:
            return self.refuse(403)
        if self._over_quota():
            return self.refuse(self._limit_status)
        try:
            content = self._route(request)
        except Refused as refused:
            status = 200 if self._errors_in_200 and refused.status == 400 else refused.status
            return _error(str(refused), status, 400)
        except (ValueError, TypeError, AttributeError, ArithmeticError):
            return _error("The object passed to the API could not be parsed", 500, 500)
        return SandboxResponse.of(as_json(_dated(content)))

    def refuse(self, status: int) -> SandboxResponse:
        match status:
            case 403:
                return SandboxResponse.of("Incorrect credentials!", 403)
            case 429:
                headers = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60", "retry-after": "60 Seconds"}
                return _error(LIMIT, 429, 429, headers)
            case 400 | 503:
                return _error(LIMIT, status, status)
            case _:
                return _error("Internal server error", status, status)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        """None: its webhooks carry no signature and come a minute late, so the ledger polls."""
        return []

    def state(self) -> dict[str, Any]:
        stock = [{"SKU": sku, "Location": place, "OnHand": units} for (sku, place), units in sorted(self.warehouse.on_hand.items())]
        told: dict[str, Any] = as_json(
            _dated(
                {
                    "sales": list(self.sales.documents.values()),
                    "stock": stock,
                    "transfers": self.warehouse.transfers,
                    "adjustments": self.warehouse.adjustments,
                    "write_offs": self.warehouse.write_offs,
                    "products": list(self.warehouse.products.values()),
                    "locations": self.warehouse.locations,
                }
            )
        )
        return told

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = as_json(seed_account(self.sales, self.warehouse, told))
        return made

    # The API

    def _over_quota(self) -> bool:
        now = self._clock()
        while self._calls and now - self._calls[0] >= WITHIN:
            self._calls.popleft()
        if len(self._calls) >= self._calls_per_minute:
            return True
        self._calls.append(now)
        return False

    def _route(self, request: SandboxRequest) -> Any:
        path = request.path.lower().removeprefix(BASE).strip("/")
        query = request.query
        match request.method:
            case "GET":
                return self._read(path, query)
            case "POST":
                return self._post(path, _object(request))
            case "DELETE":
                return self._delete(path, query)
            case _:
                raise Refused("Method is not allowed", 405)

    def _read(self, path: str, query: Mapping[str, str]) -> Any:
        sales, warehouse = self.sales, self.warehouse
        match path:
            case "me":
                return {
                    "Company": "Sandbox Ltd",
                    "Currency": "GBP",
                    "TimeZone": "Europe/London",
                    "LockDate": None,
                    "DefaultLocation": "Main Warehouse",
                }
            case "sale":
                return _told(sales.sale(query.get("ID")))
            case "sale/order":
                return {"SaleID": query.get("SaleID"), **sales.sale(query.get("SaleID"))["Order"]}
            case "sale/invoice":
                return {"SaleID": query.get("SaleID"), "Invoices": sales.sale(query.get("SaleID"))["Invoices"]}
            case "sale/creditnote":
                return {"SaleID": query.get("SaleID"), "CreditNotes": _told(sales.sale(query.get("SaleID")))["CreditNotes"]}
            case "sale/payment":
                return sales.sale(query.get("SaleID"))["_payments"]
            case "salelist":
                return paged(query, "SaleList", sale_rows(sales.documents.values(), query))
            case "salecreditnotelist":
                noted = (sale for sale in sales.documents.values() if sale["CreditNotes"])
                return paged(query, "SaleList", sale_rows(noted, query))
            case "product":
                return paged(query, "Products", self._products(query))
            case "ref/productavailability":
                rows = [row for row in warehouse.availability() if query.get("Sku", "").lower() in row["SKU"].lower()]
                return paged(
                    query, "ProductAvailabilityList", [row for row in rows if query.get("Location") in (None, "", row["Location"])]
                )
            case "ref/location":
                return paged(query, "LocationList", warehouse.locations)
            case "ref/tax":
                rules = [
                    {"Name": name, "TaxPercent": percent, "IsActive": True, "IsTaxForSale": True, "TaxInclusive": False}
                    for name, percent in sales.tax_rules.items()
                ]
                return paged(query, "TaxRuleList", rules)
            case "stocktransferlist":
                search = query.get("Search", "").lower()
                names = ("FromLocation", "ToLocation", "Status", "Number")
                found = [one for one in warehouse.transfers if any(search in str(one[name]).lower() for name in names)]
                return paged(query, "StockTransferList", _of_status(found, query))
            case "stockadjustmentlist":
                return paged(query, "StockAdjustmentList", _of_status(warehouse.adjustments, query))
            case "inventorywriteofflist":
                search = query.get("Search", "").lower()
                names = ("InventoryWriteOffNumber", "Location", "Status", "Notes")
                written_off = [one for one in warehouse.write_offs if any(search in str(one[name]).lower() for name in names)]
                rows = [{**one, "Date": one["_date"]} for one in written_off]
                return paged(query, "InventoryWriteOffs", _of_status(rows, query, "Account", "EffectiveDate"))
            case "stocktransfer":
                return _task(warehouse.transfers, query)
            case "stockadjustment":
                return _task(warehouse.adjustments, query)
            case "inventorywriteoff":
                return _task(warehouse.write_offs, query)
            case _:
                raise Refused("Endpoint does not exist", 404)

    def _products(self, query: Mapping[str, str]) -> list[Row]:
        wanted = query.get("Sku", "").lower()
        with_bom = query.get("IncludeBOM", "").lower() == "true"
        with_old = query.get("IncludeDeprecated", "").lower() == "true"
        return [
            product if with_bom else {**product, "BillOfMaterialsProducts": [], "BillOfMaterialsServices": []}
            for product in self.warehouse.products.values()
            # "Containing", whatever its name promises.
            if wanted in product["SKU"].lower()
            and query.get("ID") in (None, "", product["ID"])
            and (with_old or product["Status"] != "Deprecated")
        ]

    def _post(self, path: str, told: Row) -> Any:
        match path:
            case "sale":
                return _told(self.sales.create(told))
            case "sale/order":
                return self.sales.order(told)
            case "sale/creditnote":
                sale = self.sales.credit(told)
                return {"SaleID": sale["ID"], "CreditNotes": _told(sale)["CreditNotes"]}
            case "sale/payment":
                return self.sales.pay(told)
            case "stocktransfer":
                return self.warehouse.transfer(told)
            case "stockadjustment":
                return self.warehouse.adjust(told)
            case "inventorywriteoff":
                return self.warehouse.write_off(told)
            case _:
                raise Refused("Endpoint does not exist", 404)

    def _delete(self, path: str, query: Mapping[str, str]) -> Any:
        void, number = query.get("Void", "false").lower() == "true", query.get("ID", "")
        match path:
            case "sale":
                return _told(self.sales.void(number, void))
            case "sale/creditnote":
                return self.sales.withdraw_note(query.get("TaskID", ""), void)
            case "stocktransfer":
                return self.warehouse.withdraw(self.warehouse.transfers, number, void)
            case "stockadjustment":
                return self.warehouse.withdraw(self.warehouse.adjustments, number, void)
            case "inventorywriteoff":
                return self.warehouse.withdraw(self.warehouse.write_offs, number, void)
            case _:
                raise Refused("Endpoint does not exist", 404)


def _told(sale: Row) -> Row:
    """A sale as the API shows it: a draft's restock part stays empty until it is authorised."""
    notes = []
    for note in sale["CreditNotes"]:
        restock = note["_restock"] if note["Status"] == "AUTHORISED" else []
        refunds = [{name: payment[name] for name in _REFUND} for payment in note["Refunds"]]
        notes.append({**note, "Restock": restock, "Refunds": refunds})
    return {**sale, "CreditNotes": notes}


def _of_status(documents: list[Row], query: Mapping[str, str], *beside: str) -> list[Row]:
    hidden = (*beside, "Lines", "Comment", "SkipOrder", "ExistingStockLines", "NewStockLines", "Transactions", "Errors")
    rows = [{name: value for name, value in one.items() if name not in hidden} for one in documents]
    return [row for row in rows if query.get("Status") in (None, "", row["Status"])]


def _task(documents: list[Row], query: Mapping[str, str]) -> Row:
    found = next((one for one in documents if one["TaskID"] == query.get("TaskID")), None)
    if found is None:
        raise Refused("Task not found")
    return found


def _object(request: SandboxRequest) -> Row:
    told = json.loads(request.body, parse_float=Decimal)
    if not isinstance(told, dict):
        raise ValueError("not an object")
    return told


def _dated(content: Any) -> Any:
    match content:
        case datetime():
            return content.strftime("%Y-%m-%dT%H:%M:%S.") + f"{content.microsecond // 1000:03}Z"
        case dict():
            return {name: _dated(member) for name, member in content.items()}
        case list():
            return [_dated(member) for member in content]
        case _:
            return content


def _error(message: str, status: int, code: int, headers: Mapping[str, str] | None = None) -> SandboxResponse:
    return SandboxResponse.of([{"ErrorCode": code, "Exception": message}], status, headers)
