"""When a command to Patchworks counts as done, when it is sent again, and when a person has to look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapters.erps.patchworks.acks import Ack, amount_of, read_acks
from adapters.erps.patchworks.envelope import instruction_envelope, read_envelope, schema
from adapters.erps.port import FOUND_TWICE, REFUSED, FoundTwice, NotThere, Unfinished, Work
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorRefused, VendorTrouble
from domain.content import Amount
from domain.erp_facts import OrderMatched
from tests.adapters.erps.contract import SHIRT, matched
from tests.adapters.erps.rig import Worker, credited, moved, work_of
from tests.adapters.erps.test_patchworks import CALLBACK, START, WEBHOOK, PatchworksRig

POLLED = (WEBHOOK, "api_key")
BLIND = (WEBHOOK,)
COMMAND = "rl-0123456789abcdef0"


def note(rig: PatchworksRig) -> Work:
    """One unit of a seeded order, as for a flow that reads no orders."""
    rig.seed_order("#1001", [SHIRT])
    number = rig.sandbox.behind.orders["#1001"]["lines"][0]["order_line"]
    lines = rig.sandbox.behind.orders["#1001"]["lines"]
    assert [line["sku"] for line in lines] == ["SHIRT-M"]
    order = OrderMatched.model_validate(
        {
            "erp": "erp",
            "order": "SO-1001",
            "currency": "GBP",
            "invoice": "authorised",
            "lines": [{"order_line": number, "sku": "SHIRT-M", "quantity": 3, "items": 11498, "tax": 2300}],
        }
    )
    return work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])


def later(rig: PatchworksRig, **by: int) -> None:
    rig.clock.advance(timedelta(**by))
    rig.settle()


def test_a_trigger_that_said_200_has_done_nothing_yet() -> None:
    rig = PatchworksRig(credentials=POLLED)
    work = note(rig)
    assert isinstance(rig.erp.carry_out(work), Unknown)
    assert rig.notes("#1001") == []
    assert isinstance(rig.erp.find(work), Unfinished)
    later(rig, seconds=5)
    found = rig.erp.find(work)
    assert isinstance(found, Accepted)
    assert found.reference == rig.notes("#1001")[0].number
    assert found.amount is not None
    assert work.issued.amount is not None
    assert found.amount.total == work.issued.amount.total


def test_asked_again_and_again_it_goes_out_once() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"run_seconds": 300})
    work = note(rig)
    for _ in range(5):
        assert isinstance(rig.connected().carry_out(work), Unknown)
        rig.clock.advance(timedelta(seconds=10))
    assert len(rig.sandbox.flow.runs) == 1


def test_without_an_api_key_only_an_acknowledgement_says_anything() -> None:
    rig = PatchworksRig(credentials=BLIND, flow={"acknowledge": "tracked"})
    work = note(rig)
    assert isinstance(rig.erp.find(work), NotThere)
    assert isinstance(rig.erp.carry_out(work), Unknown)
    later(rig, hours=23)
    assert isinstance(rig.erp.find(work), Unfinished)
    assert isinstance(rig.erp.carry_out(work), Unknown)
    later(rig, hours=1)
    answer = rig.erp.carry_out(work)
    assert isinstance(answer, Declined)
    assert "no acknowledgement since" in answer.reason
    assert work.issued.instruction in answer.what_to_do
    # The flow says it at last: what is done counts, whatever was thought before.
    rig.acks.take(read_acks({"command_id": work.issued.instruction, "status": "accepted", "document": "CN-9"}))
    found = rig.erp.find(work)
    assert isinstance(found, Accepted)
    assert found.reference == "CN-9"


def test_two_documents_of_one_command_are_a_persons() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"dedupes": False, "acknowledge": "callback"})
    work = note(rig)
    rig.erp.carry_out(work)
    rig.sandbox.flow.begin("Webhook", rig.sandbox.flow.runs[0].payload, rig.clock())
    later(rig, minutes=1)
    later(rig, minutes=1)
    with pytest.raises(FoundTwice, match="CN-00001 and CN-00002"):
        rig.erp.find(work)
    answer = rig.erp.carry_out(work)
    assert isinstance(answer, Declined)
    assert answer.code == FOUND_TWICE


def test_shapes_that_are_run_again_deliver_twice_and_book_once() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"failing": ["after", "before", "after"]})
    work = note(rig)
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert rig.sandbox.behind.deliveries == [work.issued.instruction] * 3
    assert len(rig.notes("#1001")) == 1


def test_a_failed_run_is_begun_anew_and_then_given_to_a_person() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"failing": ["before"] * 12, "finds": False})
    work = note(rig)
    answer = Worker(rig).drive(work)
    assert isinstance(answer, Declined)
    assert answer.code == REFUSED
    assert "the connection shape timed out" in answer.reason
    assert "sent 3 times" in answer.reason
    assert len(rig.sandbox.flow.runs) == 3
    # Mended, and begun again from the dashboard: it counts.
    rig.sandbox.seed({"retry": rig.sandbox.flow.runs[0].number})
    later(rig, minutes=1)
    assert isinstance(rig.erp.find(work), Accepted)


@pytest.mark.parametrize("acks", [(), ("ack_secret",)])
def test_a_run_that_succeeded_without_a_document_is_done_under_the_commands_own_id(acks: tuple[str, ...]) -> None:
    rig = PatchworksRig(credentials=(START, "api_key", *acks), flow={"acknowledge": "none"})
    work = note(rig)
    rig.erp.carry_out(work)
    later(rig, seconds=5)
    # An acknowledgement may be on its way, where there is an address for it.
    assert isinstance(rig.erp.find(work), Unfinished if acks else Accepted)
    later(rig, seconds=60)
    # Its payload says which command it carried: the flow tracks nothing.
    found = rig.erp.find(work)
    assert isinstance(found, Accepted)
    assert found.reference == work.issued.instruction


def test_a_run_is_known_by_the_id_that_its_start_was_answered_with() -> None:
    rig = PatchworksRig(credentials=(START, "api_key"), flow={"acknowledge": "none"})
    work = note(rig)
    rig.erp.carry_out(work)
    later(rig, minutes=1)
    run = rig.sandbox.flow.runs[0]
    run.payload, run.tracked = "replaced", {"document": "CN-00001"}
    later(rig, minutes=1)
    found = rig.connected().find(work)
    assert isinstance(found, Accepted)
    assert found.reference == "CN-00001"


def test_beyond_what_is_kept_nothing_can_be_known() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"acknowledge": "none"}, mappings={"acknowledgement": {"within": "30d"}})
    work = note(rig)
    rig.erp.carry_out(work)
    later(rig, minutes=1)
    rig.clock.advance(timedelta(days=8))
    erp = rig.connected()
    assert isinstance(erp.find(work), Unfinished)
    answer = erp.carry_out(work)
    assert isinstance(answer, Unknown)
    assert "7 days" in answer.reason
    assert len(rig.notes("#1001")) == 1


def test_runs_that_do_not_say_whose_they_are_bar_a_second_sending() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"acknowledge": "none"})
    work = note(rig)
    rig.erp.carry_out(work)
    later(rig, minutes=1)
    run = rig.sandbox.flow.runs[0]
    run.payload = "a payload that another shape has replaced"
    rig.clock.advance(timedelta(hours=1))
    erp = rig.connected()
    assert isinstance(erp.find(work), Unfinished)
    answer = erp.carry_out(work)
    assert isinstance(answer, Unknown)
    assert "do not say which command" in answer.reason


def test_of_a_webhook_only_the_runs_of_its_flow_are_asked_about() -> None:
    rig = PatchworksRig(credentials=POLLED, flow={"acknowledge": "tracked"})
    work = note(rig)
    asked: list[str] = []
    handle = rig.sandbox.handle

    def listening(request: SandboxRequest) -> SandboxResponse:
        if request.path.endswith("/flow-runs"):
            asked.append(request.query.get("filter[flow_id]", ""))
        return handle(request)

    rig.sandbox.handle = listening  # type: ignore[method-assign]
    rig.erp.carry_out(work)
    later(rig, seconds=5)
    assert isinstance(rig.erp.find(work), Accepted)
    assert set(asked) == {"1041"}


def test_what_never_arrived_is_sent_again_soon() -> None:
    rig = PatchworksRig(credentials=POLLED)
    work = note(rig)
    rig.acks.sending(work.issued.instruction, rig.clock())  # killed between the note and the sending
    rig.clock.advance(timedelta(seconds=10))
    assert isinstance(rig.erp.find(work), Unfinished)
    rig.clock.advance(timedelta(seconds=20))
    assert isinstance(rig.erp.find(work), NotThere)
    assert isinstance(rig.erp.carry_out(work), Unknown)
    assert len(rig.sandbox.flow.runs) == 1


def test_without_a_callback_flow_the_order_has_no_lines() -> None:
    rig = PatchworksRig(credentials=POLLED, mappings={"orders": {"currency": "EUR"}})
    assert matched(rig, "#77") == OrderMatched(erp="erp", order="#77", currency="EUR", invoice="authorised", lines=())
    assert rig.erp.levels(["SHIRT-M"]) == []
    pages = list(rig.erp.changes(None, rig.clock()))
    assert [page.documents for page in pages] == [()]


def test_a_flow_that_is_gone_or_not_enabled_is_the_connections_trouble() -> None:
    rig = PatchworksRig(credentials=(START, "api_key"))
    assert "Returns Ledger commands" in rig.erp.check()
    rig.sandbox.seed({"flow": {"enabled": False}})
    with pytest.raises(VendorRefused, match="not enabled"):
        rig.erp.check()
    rig = PatchworksRig(credentials=POLLED, flow={"enabled": False})
    work = note(rig)
    with pytest.raises(VendorRefused) as refused:
        rig.erp.carry_out(work)
    assert "sandbox-signature" not in str(refused.value)
    assert rig.acks.of(work.issued.instruction).sendings == ()


def test_a_quota_that_is_used_up_sends_nothing() -> None:
    rig = PatchworksRig(credentials=POLLED)
    work = note(rig)
    for _ in range(120):
        rig.sandbox._count("webhooks")
    with pytest.raises(VendorTrouble):
        rig.erp.carry_out(work)
    assert rig.acks.of(work.issued.instruction).sendings == ()


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        ((), "needs webhook_url, or api_key and flow_id"),
        ((START,), "api_key is missing"),
    ],
)
def test_credentials_that_lead_nowhere_are_refused_with_their_key(credentials: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PatchworksRig(credentials=credentials)


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ({"flows": {}}, "has no such table"),
        ({"commands": {"by": "start"}}, "needs the credential flow_id"),
        ({"commands": {"by": "pigeon"}}, "must be one of"),
        ({"acknowledgement": {"within": "soon"}}, "is not a duration"),
        ({"acknowledgement": {"sendings": "0"}}, "from 1 to 100"),
        ({"notes": {"goods_in": "perhaps"}}, "yes or no"),
    ],
)
def test_mappings_that_say_nothing_are_refused_with_their_key(mappings: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PatchworksRig(credentials=POLLED, mappings=mappings)


# The envelope


def test_an_envelope_says_each_amount_twice_and_fits_its_schema() -> None:
    rig = PatchworksRig(credentials=(WEBHOOK, CALLBACK, "api_key"))
    envelope = instruction_envelope(note(rig))
    assert envelope["amount"] == {
        "total": "46.00",
        "total_minor": 4600,
        "items": "38.33",
        "items_minor": 3833,
        "tax": "7.67",
        "tax_minor": 767,
        "shipping": "0.00",
        "shipping_minor": 0,
        "fees": "0.00",
        "fees_minor": 0,
    }
    assert envelope["source"] == {"platform": "returngo", "merchant": "acme", "return_id": "RMA-501", "order_ref": "#1001"}
    goods = instruction_envelope(work_of(rig, "move", goods=[moved("SHIRT-M", 2, "Quarantine", "Damaged")]))
    for told in (envelope, goods, read_envelope("levels", {"skus": ["SHIRT-M"]}, rig.clock())):
        fits(told, schema())


def fits(told: dict[str, Any], rules: dict[str, Any]) -> None:
    """What of JSON Schema this one uses of objects: every field is named, and none that must be there is left out."""
    assert set(told) <= set(rules["properties"])
    assert set(rules["required"]) <= set(told)
    way = next(way for way in rules["oneOf"] if told["command_type"] in way["properties"]["command_type"]["enum"])
    assert set(way["required"]) <= set(told)
    for name in ("money", "goods", "exchange"):
        one = rules["properties"][name]["items"]
        for row in told.get(name, ()):
            assert set(one["required"]) <= set(row) <= set(one["properties"])


# Acknowledgements, read as they come


@pytest.mark.parametrize(
    "content",
    [
        {"command_id": COMMAND, "status": "accepted", "document": "CN-1"},
        [{"command_id": COMMAND, "status": "success", "document_number": "CN-1"}],
        [[{"commandId": COMMAND, "success": True, "credit_note": "CN-1"}]],
        {"data": {"command_id": COMMAND, "document": "CN-1"}},
        {"command_id": COMMAND, "result": {"command_id": COMMAND, "status": "ok", "number": "CN-1"}},
        [{"name": "command_id", "value": COMMAND}, {"name": "status", "value": "Accepted"}, {"name": "document", "value": "CN-1"}],
    ],
)
def test_an_acknowledgement_is_read_however_it_is_wrapped(content: object) -> None:
    assert [(ack.command_id, ack.status, ack.document) for ack in read_acks(content)] == [(COMMAND, "accepted", "CN-1")]


@pytest.mark.parametrize(
    "content", [None, 7, "accepted", [], {}, {"status": "accepted", "document": "CN-1"}, {"command_id": "CN-1", "status": "ok"}]
)
def test_what_names_no_command_of_ours_says_nothing(content: object) -> None:
    assert read_acks(content) == []


def test_reasons_are_kept_without_addresses() -> None:
    ack = read_acks({"command_id": COMMAND, "status": "declined", "code": "over_credit", "reason": "ada@example.com has\x00 it"})[0]
    assert (ack.status, ack.code, ack.reason) == ("declined", "over_credit", "(an address) has  it")


def test_amounts_are_read_in_the_commands_currency() -> None:
    assert amount_of(Ack(COMMAND, "accepted", amount=(("total", "41"), ("tax", "6.83"))), "GBP") == Amount(total=4100, tax=683)
    assert amount_of(Ack(COMMAND, "accepted", amount=(("total_minor", "4100"),)), "GBP") == Amount(total=4100)
    assert amount_of(Ack(COMMAND, "accepted", currency="EUR", amount=(("total", "41"),)), "GBP") is None
    assert amount_of(Ack(COMMAND, "accepted", amount=(("total", "41.005"),)), "GBP") is None
    assert amount_of(Ack(COMMAND, "accepted"), "GBP") is None
