"""ReturnGO against its simulator: what every platform has to keep, over everything that can become of an RMA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.returngo import connect
from adapters.platforms.returngo.platform import ReturnGo
from adapters.sandbox.faults import Front
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.transport import SandboxTransport
from domain.telling import write_telling
from tests.adapters.platforms.contract import MERCHANT, Inbox, PlatformContract, Rig, SteppedClock, Story

SHIRT = {"sku": "SHIRT-M", "price": "45.99", "tax": "7.67"}
COAT = {"sku": "COAT-38", "price": "189.00", "tax": "31.50"}
SOCKS = {"sku": "SOCKS", "price": "8.10", "tax": "1.35", "returnFee": 2.5, "restockingFee": 0.45}


@dataclass
class ReturnGoRig(Rig):
    """A rig whose vendor can be told what to do."""

    sandbox: ReturnGoSandbox | None = None

    def facts(self, *names: str) -> list[dict[str, object]]:
        """The ledger's facts of these kinds, as the contract writes them, without whose they are."""
        rows = [write_telling(telling) for telling in self.house.tellings]
        common = ("merchant", "platform", "source_id", "return")
        return [{name: value for name, value in row.items() if name not in common} for row in rows if row["fact"] in names]


def connection(**mappings: dict[str, str]) -> ConnectionSettings:
    credentials = {"api_key": "sandbox-key", "shop": "sandbox.myshopify.com"}
    return ConnectionSettings("uk-returngo", MERCHANT, "returngo", credentials=credentials, mappings=mappings)


def platform_of(front: Front, **mappings: dict[str, str]) -> ReturnGo:
    http = httpx.Client(transport=SandboxTransport(front))
    return connect(connection=connection(**mappings), http=http, wait_turn=lambda: None)


def rig_of(
    sandbox: ReturnGoSandbox,
    clock: SteppedClock,
    undated: frozenset[str] = frozenset(),
    mappings: dict[str, dict[str, str]] | None = None,
) -> ReturnGoRig:
    front = Front(sandbox)

    def large_ids() -> list[str]:
        items = [item for document in sandbox.rmas.documents.values() for item in document["items"]]
        return [str(item["shopLineItemId"]) for item in items] + ["9988776655443322110"]

    return ReturnGoRig(
        clock, front, platform_of(front, **(mappings or {})), stories_of(sandbox), undated=undated, large_ids=large_ids, sandbox=sandbox
    )


def stories_of(sandbox: ReturnGoSandbox) -> dict[str, Story]:
    rmas = sandbox.rmas

    def step_by_step() -> Iterator[None]:
        rma = rmas.create([SHIRT, COAT], order="#1001")
        yield
        rmas.approve(rma)
        yield
        rmas.ship(rma)
        yield
        rmas.receive(rma)
        yield
        rmas.validate(rma, {0: "restockable", 1: "damaged"})
        yield
        rmas.refund(rma, "234.99", refund_id="9988776655443322110")
        rmas.finish(rma)
        yield

    def jump_to_done() -> Iterator[None]:
        rma = rmas.create([SHIRT, SHIRT])
        rmas.approve(rma)
        rmas.ship(rma)
        yield
        rmas.validate(rma, {0: "restockable", 1: "missing"}, status=None)
        rmas.finish(rma)
        yield

    def refunds_of_all_kinds() -> Iterator[None]:
        rma = rmas.create([SOCKS, SHIRT, COAT])
        yield
        waiting = rmas.refund(rma, "5.15", lines=[0], status="Requested", kind="RefundToBankAccount", processor="Manual")
        yield
        rmas.settle(waiting)
        yield
        # A gift card first, then the card: one refund of the shop.
        rmas.refund(rma, "20.00", refund_id="gid://shopify/Refund/77", kind="RefundToGiftCard", lines=[1])
        rmas.refund(rma, "25.99", refund_id="gid://shopify/Refund/77", lines=[1])
        yield
        rmas.refund(rma, "200.00", kind="StoreCredit", lines=[2])
        rmas.settle(rmas.refund(rma, "1.00", status="Requested"), "Failed")
        yield

    def rejected_after_inspection() -> Iterator[None]:
        rma = rmas.create([SHIRT])
        yield
        rmas.approve(rma)
        rmas.ship(rma)
        yield
        rmas.receive(rma)
        rmas.validate(rma, "damaged")
        yield
        rmas.reject(rma)
        yield

    def cancelled() -> Iterator[None]:
        rma = rmas.create([SHIRT])
        yield
        rmas.cancel(rma)
        yield

    def exchanged() -> Iterator[None]:
        rma = rmas.create([{**SHIRT, "exchange": "SHIRT-L"}], resolution="VariantExchange")
        yield
        rmas.approve(rma)
        rmas.ship(rma)
        rmas.ship(rma, lines=(), outbound=True)
        yield
        rmas.receive(rma)
        rmas.validate(rma)
        rmas.exchange(rma, draft="D-55")
        yield
        rmas.exchange(rma, order="6001", name="#1002")
        yield

    def parcel_by_parcel() -> Iterator[None]:
        rma = rmas.create([SHIRT, COAT, SOCKS])
        rmas.approve(rma)
        first = rmas.ship(rma, lines=[0, 2])
        second = rmas.ship(rma, lines=[1])
        yield
        rmas.receive(rma, first)
        yield
        rmas.receive(rma, second)
        yield

    def paid_at_once_and_back_later() -> Iterator[None]:
        rma = rmas.create([COAT])
        rmas.approve(rma)
        parcel = rmas.ship(rma)
        rmas.refund(rma, "189.00", refund_id="4001")
        rmas.finish(rma)
        yield
        yield
        # No word of it in the RMA's own date, and its status is final.
        rmas.move_shipment(parcel, "Received")
        yield

    return {
        "step by step": step_by_step,
        "jump to done": jump_to_done,
        "refunds of all kinds": refunds_of_all_kinds,
        "rejected after inspection": rejected_after_inspection,
        "cancelled": cancelled,
        "exchanged": exchanged,
        "parcel by parcel": parcel_by_parcel,
        "paid at once and back later": paid_at_once_and_back_later,
    }


class TestReturnGoKeepsTheContract(PlatformContract):
    """With everything dated: the RMA's history says when."""

    story_names: ClassVar = ("step by step", "jump to done", "refunds of all kinds", "rejected after inspection", "cancelled")

    def rig(self, seed: int = 0) -> Rig:
        clock = SteppedClock()
        return rig_of(ReturnGoSandbox(clock, drift=seed), clock)


class TestReturnGoKeepsTheContractWithoutDates(PlatformContract):
    """Exchange orders, and parcels that come one by one, have no date in an RMA: they are dated when they are first seen."""

    story_names: ClassVar = ("exchanged", "parcel by parcel", "paid at once and back later")

    def rig(self, seed: int = 0) -> Rig:
        clock = SteppedClock()
        return rig_of(ReturnGoSandbox(clock, drift=seed), clock, frozenset({"ExchangeOrdered", "Received"}))


class TestWhatIsTold:
    """The facts themselves, of stories told by polls alone at the end."""

    def told(self, story: str, *names: str, at_once: bool = True, **mappings: dict[str, str]) -> list[dict[str, object]]:
        clock = SteppedClock()
        rig = rig_of(ReturnGoSandbox(clock), clock, mappings=mappings)
        inbox = Inbox(rig)
        for _ in rig.stories[story]():
            if not at_once:
                inbox.poll()
            clock.advance()
        rig.front.webhooks()
        inbox.settle()
        assert rig.house.conflicts == []
        return rig.facts(*names)

    def test_a_jump_to_done_is_one_receipt_and_one_inspection(self) -> None:
        assert self.told("jump to done", "Received", "Inspected") == [
            {"fact": "Received", "occurred_at": "2026-10-02T10:00:00Z", "lines": [{"line": "40001", "quantity": 1}]},
            {
                "fact": "Inspected",
                "occurred_at": "2026-10-02T10:00:00Z",
                "lines": [{"line": "40001", "quantity": 1, "disposition": "restockable"}],
            },
        ]

    def test_refunds_have_their_parts_where_they_add_up(self) -> None:
        refunds = self.told("refunds of all kinds", "Refunded")
        assert [(refund["refund"], refund["method"], refund["amount"]) for refund in refunds] == [
            # 8.10 with 1.35 tax inside, less fees of 2.95.
            (
                "returngo-880001",
                "bank_transfer",
                {"items": "6.75", "tax": "1.35", "shipping": "0.00", "fees": "-2.95", "total": "5.15"},
            ),
            (
                "77",
                "original_payment",
                {"items": "38.32", "tax": "7.67", "shipping": "0.00", "fees": "0.00", "total": "45.99"},
            ),
            # 11.00 more than the coat: nothing says what it is for.
            ("returngo-880004", "store_credit", {"total": "200.00"}),
        ]

    def test_an_exchange_wants_what_the_customer_chose(self) -> None:
        told = self.told("exchanged", "Initiated", "ExchangeOrdered")
        assert told[0]["resolution"] == "exchange"
        assert told[0]["exchange"] == [{"sku": "SHIRT-L", "quantity": 1}]
        assert [(order["order"], order["status"]) for order in told[1:]] == [("D-55", "draft"), ("#1002", "authorised")]

    def test_each_parcel_is_a_receipt(self) -> None:
        told = self.told("parcel by parcel", "Received", at_once=False)
        assert [[line["line"] for line in receipt["lines"]] for receipt in told] == [["40001", "40003"], ["40002"]]  # type: ignore[attr-defined]

    def test_goods_that_come_after_the_money_are_found(self) -> None:
        """Who refunds before the goods are there says that Done is about money only."""
        money_only = {"rma_status": {"Done": "done"}}
        told = self.told("paid at once and back later", "Refunded", "Received", "Inspected", at_once=False, **money_only)
        assert [fact["fact"] for fact in told] == ["Refunded", "Received"]

    def test_nothing_personal_is_told(self) -> None:
        clock = SteppedClock()
        rig = rig_of(ReturnGoSandbox(clock), clock)
        for tell in rig.stories.values():
            for _ in tell():
                clock.advance()
        Inbox(rig).settle()
        everything = str([write_telling(telling) for telling in rig.house.tellings])
        for personal in ("Ann", "Other", "example.com", "High Street", "GB33", "Wanda", "Olga", "Owner", "<p>", "Sleeves"):
            assert personal not in everything
