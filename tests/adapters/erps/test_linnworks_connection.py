"""Sessions with Linnworks, the turns of its methods, and what people change there, read back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.erps.linnworks import connect
from adapters.erps.linnworks.searching import LONGEST
from adapters.erps.port import Changes, ErpDocument, ErpSettings
from adapters.sandbox.faults import Front
from adapters.sandbox.linnworks import SANDBOX_CREDENTIALS
from adapters.sandbox.linnworks.simulator import USUAL_LIMIT
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.vendor.answers import Accepted, Unknown, VendorRefused, VendorTrouble
from domain.content import ExchangeItem
from tests.adapters.erps.contract import SHIRT, last, matched
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.rig import ScriptedFront, Worker, credited, moved, work_of


def note(rig: LinnworksRig) -> Any:
    order = matched(rig)
    return work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])


def documents(rig: LinnworksRig, cursor: Any) -> tuple[list[ErpDocument], Any]:
    return last(rig, cursor)


# Sessions


def test_calls_go_to_the_server_that_the_session_names() -> None:
    rig = LinnworksRig()
    rig.erp.check()
    assert [str(one.request.url) for one in rig.answers] == [
        "https://sandbox.test/linnworks/api/Auth/AuthorizeByApplication",
        "https://eu-ext.sandbox.test/api/Inventory/GetStockLocations",
    ]
    assert rig.asked == ["Auth/AuthorizeByApplication", "Inventory/GetStockLocations"]


def test_a_server_below_a_path_is_followed() -> None:
    rig = LinnworksRig()
    rig.sandbox._server = None  # this host, below /linnworks
    assert "Default" in rig.erp.check()


def test_an_idle_session_is_renewed_once() -> None:
    rig = LinnworksRig()
    rig.erp.check()
    rig.clock.advance(timedelta(minutes=21))
    rig.erp.check()
    assert rig.sandbox.calls["Auth/AuthorizeByApplication"] == 2
    assert rig.sandbox.calls["Inventory/GetStockLocations"] == 3


def test_a_session_that_expires_within_an_instruction_loses_nothing() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    rig.sandbox.expire_sessions()
    assert isinstance(rig.erp.carry_out(work), Accepted)
    assert len(rig.notes("#1001")) == 1


def test_wrong_credentials_are_refused_and_said() -> None:
    rig = LinnworksRig()
    erp = rig.connect(credentials={**SANDBOX_CREDENTIALS, "token": "9a1c2f8e-0000-4000-8000-00000000000f"})
    with pytest.raises(VendorRefused, match="credentials"):
        erp.check()


@pytest.mark.parametrize("state", ["LOCKED_BASIC", "LOCKED_FULL", "MAINTENANCE"])
def test_a_closed_account_is_trouble_until_it_opens(state: str) -> None:
    rig = LinnworksRig()
    rig.sandbox.seed({"account": state})
    with pytest.raises(VendorTrouble, match=state):
        rig.erp.check()
    assert rig.sandbox.calls["Auth/AuthorizeByApplication"] == 1, "asking at once again would not help"
    rig.sandbox.seed({"account": "AVAILABLE"})
    assert rig.erp.check()


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"credentials": {"application_id": "a", "token": "t"}}, r"erps\.uk\.credentials\.application_secret"),
        ({"mappings": {"places": {}}}, r"erps\.uk\.mappings\.places"),
        ({"mappings": {"scrap": {"colour": "red"}}}, r"erps\.uk\.mappings\.scrap\.colour"),
        ({"mappings": {"references": {"strip_hash": "maybe"}}}, r"erps\.uk\.mappings\.references\.strip_hash"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_their_key(settings: dict[str, Any], key: str) -> None:
    told = ErpSettings("uk", "linnworks", **{"credentials": SANDBOX_CREDENTIALS, **settings})
    with pytest.raises(ValueError, match=key):
        connect(settings=told, http=httpx.Client(), wait_turn=lambda method: None)


def test_a_method_beyond_its_limit_is_left_alone_until_the_next_minute() -> None:
    rig = LinnworksRig()
    for _ in range(USUAL_LIMIT):
        rig.erp.check()
    with pytest.raises(VendorTrouble) as busy:
        rig.erp.check()
    assert busy.value.retry_after_seconds == 60
    assert rig.sandbox.calls["Inventory/GetStockLocations"] == USUAL_LIMIT + 1
    rig.seed_stock("SHIRT-M", rig.main, 1)
    assert rig.erp.levels(["SHIRT-M"]), "another method has its own limit"
    rig.clock.advance(timedelta(minutes=1))
    assert rig.erp.check()


def test_a_read_that_fails_in_passing_is_asked_again() -> None:
    rig = LinnworksRig(ScriptedFront)
    assert isinstance(rig.front, ScriptedFront)
    rig.front.script = {1: "torn_answer", 2: "server_error"}
    assert rig.erp.check()


def test_trouble_after_a_write_is_an_unknown_outcome_and_not_one_to_forget() -> None:
    rig = LinnworksRig(ScriptedFront)
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    assert isinstance(rig.front, ScriptedFront)
    # Headers, options, CreateRefund, then ActionRefund is refused for the rate.
    rig.front.script = {rig.front.calls + 3: "rate_limited"}
    assert isinstance(rig.erp.carry_out(work), Unknown)
    assert isinstance(Worker(rig).drive(work, sent_before=True), Accepted)
    assert len(rig.notes("#1001")) == 1


# Read back


def test_a_refund_that_a_person_changes_is_told_with_what_it_credits_now() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    answer = Worker(rig).drive(work)
    assert isinstance(answer, Accepted)
    cursor = documents(rig, documents(rig, None)[1])[1]
    assert [one for one in documents(rig, cursor)[0] if one.kind == "credit_note"] == [], "what was read twice is not told again"
    rig.by_hand(edit_refund={"refund": answer.reference, "amount": "12.34"})
    (told,) = documents(rig, cursor)[0]
    assert told.amount is not None
    assert (told.number, told.amount.total, told.instruction) == (answer.reference, 1234, work.issued.instruction)


def test_a_second_refund_of_the_order_leaves_the_first_as_it_is() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    first = rig.note_by_hand("#1001", "SHIRT-M", 1)
    cursor = documents(rig, None)[1]
    second = rig.note_by_hand("#1001", "SHIRT-M", 1)
    told, cursor = documents(rig, cursor)
    assert {(one.number, one.status) for one in told} == {(first, "active"), (second, "active")}
    rig.void_by_hand(first)
    told, cursor = documents(rig, cursor)
    assert {(one.number, one.status) for one in told} == {(first, "voided"), (second, "active")}


def test_old_refunds_leave_the_watch_without_being_called_voided() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.note_by_hand("#1001", "SHIRT-M", 1)
    told, cursor = documents(rig, None)
    for _ in range(20):
        rig.clock.advance(timedelta(days=1))
        told, cursor = documents(rig, cursor)
        assert [one.status for one in told if one.status == "voided"] == []
    assert cursor is not None
    assert cursor["seen"] == {"REFUNDS": {}, "RETURNS": {}}


def test_a_refund_that_waits_for_approval_is_no_credit_note_yet() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    cursor = documents(rig, None)[1]
    number = rig.note_by_hand("#1001", "SHIRT-M", 1)
    header = next(iter(rig.sandbox.books.refunds.values()))
    header |= {"Actioned": False, "Status": {"StatusHeader": "OPEN"}}
    header["RefundLines"][0] |= {"Actioned": False, "ActionedDate": None}
    told, cursor = documents(rig, cursor)
    assert told == []
    header |= {"Actioned": True}
    header["RefundLines"][0] |= {"Actioned": True, "ActionedDate": rig.clock().isoformat()}
    assert [one.number for one in documents(rig, cursor)[0]] == [number]


def test_returns_are_read_back_with_the_place_where_they_are() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    cursor = documents(rig, None)[1]
    number = rig.by_hand(**{"return": {"order": "#1001", "sku": "SHIRT-M", "units": 1, "location": rig.quarantine}})
    work = work_of(rig, "book_in", order=matched(rig), goods=[moved("SHIRT-M", 1, None, rig.transit)])
    ours = Worker(rig).drive(work)
    assert isinstance(ours, Accepted)
    told = [one for one in documents(rig, cursor)[0] if one.kind == "goods"]
    assert {(one.number, one.instruction, one.order_reference) for one in told} == {
        (number, None, "#1001"),
        (ours.reference, work.issued.instruction, "#1001"),
    }
    assert {line.location for one in told for line in one.lines} == {rig.quarantine, rig.transit}


def test_an_exchange_that_went_out_is_told() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-L", rig.main, 3)
    work = work_of(rig, "order_exchange", order=matched(rig), exchange=[ExchangeItem(sku="SHIRT-L", quantity=1)], status="authorised")
    answer = Worker(rig).drive(work)
    assert isinstance(answer, Accepted)
    cursor = documents(rig, None)[1]
    rig.by_hand(process=work.issued.instruction)
    (told,) = documents(rig, cursor)[0]
    assert (told.kind, told.number, told.status, told.instruction) == (
        "exchange_order",
        answer.reference,
        "dispatched",
        work.issued.instruction,
    )


def test_no_question_spans_more_than_three_months() -> None:
    rig = LinnworksRig()
    old = {"since": (rig.clock() - timedelta(days=400)).isoformat(), "seen": {}}
    pages = list(rig.erp.changes(old, rig.clock()))
    assert all(isinstance(page, Changes) for page in pages)
    asked = [one.request.url for one in rig.answers if "SearchReturnsRefundsPaged" in str(one.request.url)]
    assert len(asked) == 2 * (1 + timedelta(days=415) // LONGEST)
    assert all("customer" not in str(url) for url in asked)


def test_a_session_that_somebody_else_ends_at_once_is_trouble_and_not_a_wrong_credential() -> None:
    rig = LinnworksRig()

    class Jealous(Front):
        def answer(self, request: SandboxRequest) -> SandboxResponse:
            if "Auth/" not in request.path:
                rig.sandbox.expire_sessions()
            return super().answer(request)

    rig = LinnworksRig(Jealous)
    with pytest.raises(VendorTrouble, match="just given"):
        rig.erp.check()


def test_a_server_with_the_older_methods_only_will_do() -> None:
    """What newer methods answer at once can be asked one by one; what is not there is not missed."""
    newer = ("GetStockItemIdsBySKU", "GetStockLevel_Batch", "GetOrdersById", "GetReturnsExchanges", "AddOrderNote", "SearchProcessedOrders")
    rig = LinnworksRig()
    books = rig.sandbox.books
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-M", rig.quarantine, 4)
    rig.seed_stock("SHIRT-L", rig.main, 4)
    methods = {key: serve for key, serve in rig.sandbox._methods.items() if not key[1].endswith((*newer, "ChangeOrderTag"))}
    batch = rig.sandbox._methods["POST", "Stock/GetStockLevel_Batch"]

    def levels(told: Any) -> Any:
        return batch({"request": {"StockItemIds": [told["stockItemId"]]}})[0]["StockItemLevels"]

    def item(told: Any) -> Any:
        found = books.item_by_sku(told["sKU"])
        return {"ItemNumber": found.sku, "StockItemId": found.stock_item_id}

    rig.sandbox._methods = {**methods, ("GET", "Stock/GetStockLevel"): levels, ("GET", "Inventory/GetInventoryItem"): item}
    order = matched(rig)
    moves = work_of(rig, "restock", order=order, goods=[moved("SHIRT-M", 2, rig.quarantine, rig.main)])
    assert isinstance(Worker(rig).drive(moves), Accepted)
    assert {(one.location, one.on_hand) for one in rig.erp.levels(["SHIRT-M"]) if one.on_hand} == {(rig.quarantine, 2), (rig.main, 2)}
    wanted = [ExchangeItem(sku="SHIRT-L", quantity=1)]
    draft = Worker(rig).drive(work_of(rig, "order_exchange", order=order, exchange=wanted, status="draft"))
    assert isinstance(draft, Accepted)
    work = work_of(rig, "authorise_exchange", order=order, document=draft.reference, status="authorised")
    assert Worker(rig).drive(work) == draft
    assert list(rig.erp.changes(None, rig.clock()))
