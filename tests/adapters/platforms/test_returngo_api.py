"""ReturnGO's API from our side: hints of any shape, polls that fit into a quota, commands with three answers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.platforms.port import Delivery, Hinting
from adapters.platforms.returngo import connect
from adapters.platforms.returngo.platform import ReturnGo
from adapters.sandbox.faults import Faults, Front
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.transport import SandboxTransport
from adapters.vendor.answers import Accepted, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from tests.adapters.platforms.contract import Inbox, MemoryHouse, SteppedClock
from tests.adapters.platforms.test_returngo import SHIRT, ReturnGoRig, connection, platform_of, rig_of


def make_rig(**options: Any) -> tuple[ReturnGoRig, ReturnGoSandbox, SteppedClock]:
    clock = SteppedClock()
    sandbox = ReturnGoSandbox(clock, **options)
    return rig_of(sandbox, clock), sandbox, clock


def deliver(rig: ReturnGoRig, body: object) -> tuple[str, str | None, list[str]]:
    """(topic, delivery id, names of the facts) of one webhook."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    label = rig.platform.label({}, raw)
    reading = rig.platform.read(Delivery("uk-returngo", label.topic, rig.clock(), {}, raw), rig.house)
    return label.topic, label.delivery_id, [fact["fact"] for fact in reading.facts]


def breaks_off_after(reads: int, rig: ReturnGoRig) -> Inbox:
    """A poll whose vendor is away once so many RMAs were read; then it is back."""
    inbox, handle, left = Inbox(rig), rig.front.simulator.handle, [reads]

    def away(request: SandboxRequest) -> SandboxResponse:
        if request.path.startswith("/rma/"):
            left[0] -= 1
        return SandboxResponse.of({"message": "away"}, 503) if left[0] < 0 else handle(request)

    rig.front.simulator.handle = away  # type: ignore[method-assign]  # a vendor that goes away
    inbox.poll()
    rig.front.simulator.handle = handle  # type: ignore[method-assign]
    return inbox


class TestHints:
    @pytest.mark.parametrize(
        "body",
        [
            {"eventName": "RMA_CREATED", "eventDate": "2026-10-02T09:00:00+00:00", "rmaId": "9856537"},
            {"eventName": "RMA_CREATED", "data": {"rma_id": 9856537}},
            {"event": "RMA_CREATED", "rma": {"id": "RMA9856537"}},
            {"eventName": "RMA_STATUS_UPDATED", "id": "9856537"},
            {"eventName": "SHIPMENT_STATUS_UPDATED", "shipment": {"shipmentId": "S1", "rma": {"rmaId": "9856537"}}},
            {"eventName": "REFUND_CREATED", "transactions": [{"id": 1, "RMA_ID": "9856537"}]},
            [{"eventName": "RMA_CREATED", "payload": {"rmaSummary": {"rmaId": "9856537"}}}],
            {"eventName": "TRANSACTION_CREATED", "id": "880001"},
            {"eventName": "TRANSACTION_CREATED", "transactionId": 880001},
            {"eventName": "SHIPMENT_TRACKER_STATUS_UPDATED", "trackingNumber": "RM70001GB"},
            {"eventName": "RMA_CREATED", "order_name": "#1001"},
        ],
    )
    def test_wherever_it_names_an_rma_the_rma_is_read(self, body: object) -> None:
        rig, sandbox, _ = make_rig()
        rma = sandbox.rmas.create([SHIRT], order="#1001")
        sandbox.rmas.ship(rma)
        sandbox.rmas.refund(rma, "45.99")
        assert deliver(rig, body)[2] == ["Initiated", "Refunded"]

    def test_labels(self) -> None:
        rig, sandbox, _ = make_rig()
        sandbox.rmas.create([SHIRT])
        at = "2026-10-02T09:00:00+00:00"
        topic, delivery_id, _ = deliver(rig, {"eventName": "RMA_STATUS_UPDATED", "eventDate": at, "rmaId": "9856537", "status": "Approved"})
        assert (topic, delivery_id) == ("RMA_STATUS_UPDATED", f"RMA_STATUS_UPDATED/9856537/{at}/status=Approved")
        assert deliver(rig, {"eventName": "RMA_STATUS_UPDATED", "rmaId": "9856537"})[1] is None
        assert rig.platform.label({}, b"\xff") == ("unreadable", None)

    def test_hints_of_one_rma_have_one_subject(self) -> None:
        rig, _, _ = make_rig()
        assert isinstance(rig.platform, Hinting)

        def subject(body: bytes) -> str | None:
            assert isinstance(rig.platform, Hinting)
            return rig.platform.subject(Delivery("uk-returngo", "x", rig.clock(), {}, body))

        assert subject(b'{"rmaId": 12, "eventName": "RMA_CREATED"}') == subject(b'{"rma": {"id": "RMA12"}}') == "12"
        assert subject(b'[{"rmaId": 12}, {"rmaId": 13}]') is None
        assert subject(b"") is None

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"RMA_CREATED"', b'{"rmaId": {}}', b'{"rmaId": "../../webhooks"}', b"{" * 9000])
    def test_what_points_nowhere_is_not_understood(self, body: bytes) -> None:
        rig, _, _ = make_rig()
        with pytest.raises(NotUnderstood):
            deliver(rig, body)

    def test_an_rma_that_is_not_there_is_not_understood(self) -> None:
        rig, _, _ = make_rig()
        with pytest.raises(NotUnderstood, match="ReturnGO has no RMA 4711"):
            deliver(rig, {"eventName": "RMA_CREATED", "rmaId": "4711"})

    def test_an_event_that_leads_nowhere_is_ignored_with_the_reason(self) -> None:
        rig, _, _ = make_rig()
        body = b'{"eventName": "SHIPMENT_CREATED", "shipmentId": "S1"}'
        reading = rig.platform.read(Delivery("uk-returngo", "x", rig.clock(), {}, body), rig.house)
        assert reading.ignored == "SHIPMENT_CREATED names no RMA that ReturnGO knows; polling finds what it meant"


class TestPolls:
    def test_the_request_is_what_the_vendor_asks_for(self) -> None:
        clock, asked = SteppedClock(), []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append((request.headers["x-api-key"], request.headers["x-shop-name"], str(request.url)))
            return httpx.Response(200, json={"rmas": [], "transactions": [], "next_cursor": None})

        http = httpx.Client(transport=httpx.MockTransport(answer))
        platform = connect(connection=connection(), http=http, wait_turn=lambda: None)
        list(platform.poll({"rmas_since": "2026-10-02T08:30:00Z", "transactions_since": "2026-10-02T08:30:00Z"}, MemoryHouse(clock)))
        host = "https://api.returngo.ai"
        since = "gte%3A2026-10-02T08%3A20%3A00"
        assert asked == [
            ("sandbox-key", "sandbox.myshopify.com", f"{host}/rmas?pagesize=100&sort_by=%2Brma_updated_at&rma_updated_at={since}"),
            ("sandbox-key", "sandbox.myshopify.com", f"{host}/transactions?pagesize=100&updated_at={since}"),
        ]

    def test_every_page_is_read_and_each_rma_once(self) -> None:
        rig, sandbox, clock = make_rig()
        for number in range(230):
            sandbox.rmas.create([SHIRT], order=f"#{number}")
            clock.advance(timedelta(seconds=1))
        Inbox(rig).poll()
        assert len(rig.facts("Initiated")) == 230
        # Three pages of RMAs, one of transactions, and one call an RMA.
        assert sandbox.calls_today == 234

    def test_a_shipment_that_moves_no_date_is_found(self) -> None:
        rig, sandbox, clock = make_rig()
        rma = sandbox.rmas.create([SHIRT])
        parcel = sandbox.rmas.ship(rma)
        inbox = Inbox(rig)
        inbox.poll()
        clock.advance(timedelta(days=3))
        sandbox.rmas.move_shipment(parcel, "Received")
        inbox.poll()
        (received,) = rig.facts("Received")
        assert received["occurred_at"] == "2026-10-05T09:00:00Z"

    def test_open_rmas_share_an_allowance_longest_unread_first(self) -> None:
        rig, sandbox, clock = make_rig()
        for number in range(250):
            sandbox.rmas.create([SHIRT], order=f"#{number}")
        clock.advance(timedelta(hours=1))
        inbox = Inbox(rig)
        inbox.poll()
        clock.advance(timedelta(days=1))
        inbox.poll()
        # A day's quiet gives no more than what may be saved up: 100, and the two lists.
        assert sandbox.calls_today == 102
        clock.advance(timedelta(hours=1))
        inbox.poll()
        assert inbox.cursor is not None
        read_at = list(inbox.cursor["watched"].values())
        assert sandbox.calls_today == 102 + 2 + 20
        assert len(read_at) == 250
        assert sorted({read_at.count(at) for at in set(read_at)}) == [20, 100, 130]

    def test_polls_in_quick_succession_spare_the_quota_and_see_what_changes(self) -> None:
        rig, sandbox, clock = make_rig()
        rma = sandbox.rmas.create([SHIRT])
        parcel = sandbox.rmas.ship(rma)
        inbox = Inbox(rig)
        for _ in range(30):
            inbox.poll()
            clock.advance(timedelta(seconds=2))
        # In a minute: thirty lists, one of transactions, and the RMA every 15 seconds.
        assert sandbox.calls_today == 30 + 1 + 4
        sandbox.rmas.set_status(rma, "Approved")
        inbox.poll()
        assert sandbox.calls_today == 35 + 3, "what changes in the list is read at once"
        sandbox.rmas.move_shipment(parcel, "Received")
        clock.advance(timedelta(seconds=16))
        inbox.poll()
        assert len(rig.facts("Received")) == 1

    def test_what_is_over_is_not_looked_at_again(self) -> None:
        rig, sandbox, clock = make_rig()
        over = sandbox.rmas.create([SHIRT])
        sandbox.rmas.cancel(over)
        done = sandbox.rmas.create([SHIRT])
        sandbox.rmas.ship(done)
        sandbox.rmas.receive(done)
        sandbox.rmas.finish(done)
        forgotten = sandbox.rmas.create([SHIRT])
        inbox = Inbox(rig)
        inbox.poll()
        assert inbox.cursor is not None
        assert list(inbox.cursor["watched"]) == [forgotten]
        clock.advance(timedelta(days=130))
        inbox.poll()
        assert inbox.cursor["watched"] == {}

    def test_a_round_that_breaks_off_at_the_quota_goes_on_the_next_day(self) -> None:
        rig, sandbox, clock = make_rig(quota_per_day=50)
        for number in range(70):
            sandbox.rmas.create([SHIRT], order=f"#{number}")
        inbox = Inbox(rig)
        inbox.poll()
        # One list, and an RMA for each call that is left.
        assert len(rig.facts("Initiated")) == 49
        clock.advance(timedelta(days=1))
        inbox.poll()
        assert len(rig.facts("Initiated")) == 70
        # What was read is not read again: two lists, and the 21 that were left.
        assert sandbox.calls_today == 2 + 21
        assert not rig.house.conflicts

    @pytest.mark.parametrize("waits", [timedelta(seconds=6), timedelta(hours=8)])
    def test_what_a_broken_round_has_read_may_have_changed_when_it_goes_on(self, waits: timedelta) -> None:
        """A payment moves no date of its RMA: its transaction's list alone shows it."""
        rig, sandbox, clock = make_rig()
        paid, _ = sandbox.rmas.create([SHIRT]), sandbox.rmas.create([SHIRT])
        clock.advance(timedelta(hours=1))
        inbox = breaks_off_after(1, rig)
        clock.advance(waits)
        sandbox.rmas.refund(paid, "45.99")
        inbox.poll()
        assert len(rig.facts("Refunded")) == 1

    def test_an_rma_at_which_a_round_broke_off_is_read_when_it_goes_on_a_moment_later(self) -> None:
        """It was listed, but not read; and the next round's list begins too late to show it."""
        rig, sandbox, clock = make_rig()
        for number in range(3):
            sandbox.rmas.create([SHIRT], order=f"#{number}")
        clock.advance(timedelta(hours=1))
        inbox = breaks_off_after(1, rig)
        assert len(rig.facts("Initiated")) == 1
        clock.advance(timedelta(seconds=6))
        inbox.poll()
        assert len(rig.facts("Initiated")) == 3

    def test_a_page_that_the_vendor_has_forgotten_begins_anew(self) -> None:
        rig, sandbox, _ = make_rig()
        sandbox.rmas.create([SHIRT])
        inbox = Inbox(rig)
        inbox.cursor = {"began": "2026-10-02T08:00:00Z", "page": "%%%", "rmas_since": "2026-10-01T00:00:00Z"}
        inbox.poll()
        assert len(rig.facts("Initiated")) == 1

    def test_one_rma_that_cannot_be_read_does_not_stop_the_round(self) -> None:
        rig, sandbox, _ = make_rig()
        bad, good = sandbox.rmas.create([SHIRT]), sandbox.rmas.create([SHIRT])
        handle = rig.front.simulator.handle

        def strange(request: SandboxRequest) -> SandboxResponse:
            return SandboxResponse.of({"items": []}) if request.path == f"/rma/{bad}" else handle(request)

        rig.front.simulator.handle = strange  # type: ignore[method-assign]  # a vendor on a strange day
        readings = [reading for polled in rig.platform.poll(None, rig.house) for reading in polled.readings]
        assert [reading.waits_for for reading in readings] == [f"ReturnGO's answer for RMA {bad} has no rmaId", None]
        assert readings[1].facts[0]["return"] == good
        # What is kept of a polled record is a hint, and nothing personal.
        assert [reading.delivery.body for reading in readings if reading.delivery] == [
            b'{"rmaId": "%s"}' % rma.encode() for rma in (bad, good)
        ]

    def test_turns_are_waited_for(self) -> None:
        rig, sandbox, _ = make_rig()
        sandbox.rmas.create([SHIRT])
        turns: list[None] = []
        http = httpx.Client(transport=SandboxTransport(rig.front))
        platform = connect(connection=connection(), http=http, wait_turn=lambda: turns.append(None))
        list(platform.poll(None, rig.house))
        assert len(turns) == sandbox.calls_today == 3

    @pytest.mark.parametrize(("status", "error"), [(401, VendorRefused), (403, VendorRefused), (400, VendorTrouble), (404, VendorTrouble)])
    def test_a_list_that_is_refused_is_trouble_with_the_connection(self, status: int, error: type[Exception]) -> None:
        http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status, json={"message": "no"})))
        platform = connect(connection=connection(), http=http, wait_turn=lambda: None)
        with pytest.raises(error):
            list(platform.poll(None, MemoryHouse(SteppedClock())))


class TestConnecting:
    def test_the_check_says_what_works(self) -> None:
        rig, _, _ = make_rig()
        assert rig.platform.check() == "ReturnGO answers for sandbox.myshopify.com"
        wrong, _, _ = make_rig(api_key="another")
        with pytest.raises(VendorRefused, match="check the credentials"):
            wrong.platform.check()
        elsewhere, _, _ = make_rig(shop="another.myshopify.com")
        with pytest.raises(VendorRefused, match="403"):
            elsewhere.platform.check()

    def test_missing_credentials_are_refused_with_their_key(self) -> None:
        without = connection()
        object.__setattr__(without, "credentials", {"api_key": "k"})
        with pytest.raises(ValueError, match=r"connections\.uk-returngo\.credentials\.shop is missing"):
            connect(connection=without, http=httpx.Client(), wait_turn=lambda: None)


class TestCommands:
    def ready(self) -> tuple[ReturnGo, Front, ReturnGoSandbox, str, str]:
        sandbox = ReturnGoSandbox(SteppedClock())
        rma = sandbox.rmas.create([SHIRT])
        parcel = sandbox.rmas.ship(rma)
        front = Front(sandbox)
        return platform_of(front), front, sandbox, rma, parcel

    def test_a_parcel_is_marked_received_once(self) -> None:
        platform, _, sandbox, rma, parcel = self.ready()
        assert platform.mark_shipment_received(rma, parcel) == Accepted(parcel)
        assert sandbox.rmas.shipment(parcel)[1]["status"] == "Received"
        sandbox.rmas.take_events()
        assert platform.mark_shipment_received(rma, parcel) == Accepted(parcel)
        assert sandbox.rmas.take_events() == []

    def test_a_move_that_the_vendor_would_refuse_is_declined(self) -> None:
        platform, _, sandbox, rma, parcel = self.ready()
        assert platform.set_shipment_status(rma, parcel, "Validated") == Accepted(parcel)
        calls = sandbox.calls_today
        answer = platform.mark_shipment_received(rma, parcel)
        assert isinstance(answer, Declined)
        assert (answer.code, answer.reason) == ("illegal_move", f"shipment {parcel} is Validated and cannot become Received")
        assert sandbox.calls_today == calls + 1

    def test_a_shipment_that_is_not_there_is_declined(self) -> None:
        platform, _, _, rma, _ = self.ready()
        for of_rma in (rma, "4711"):
            answer = platform.mark_shipment_received(of_rma, "S0")
            assert isinstance(answer, Declined)
            assert answer.code == "unknown_shipment"

    def test_an_answer_that_was_lost_is_unknown_and_asking_again_is_safe(self) -> None:
        platform, front, sandbox, rma, parcel = self.ready()
        sandbox.rmas.take_events()
        answers = []
        ask = front.answer

        def lose_the_answer(request: SandboxRequest) -> SandboxResponse:
            if request.method == "PUT":
                front.set_faults(Faults(timeout_after=1.0))
            return ask(request)

        front.answer = lose_the_answer  # type: ignore[method-assign]  # only the command's answer is lost
        answers.append(platform.mark_shipment_received(rma, parcel))
        front.set_faults(Faults())
        answers.append(platform.mark_shipment_received(rma, parcel))
        assert isinstance(answers[0], Unknown)
        assert answers[1] == Accepted(parcel)
        assert len(sandbox.rmas.take_events()) == 1

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [("server_error", Unknown), ("timeout_before", Unknown), ("torn_answer", Accepted), ("rate_limited", VendorTrouble)],
    )
    def test_a_transactions_status(self, fault: str, expected: type) -> None:
        platform, front, sandbox, rma, _ = self.ready()
        transaction = sandbox.rmas.refund(rma, "45.99", status="Requested")
        front.set_faults(Faults(**{fault: 1.0}))  # type: ignore[arg-type]
        if issubclass(expected, Exception):
            with pytest.raises(expected):
                platform.set_transaction_status(transaction, "Success")
        else:
            assert isinstance(platform.set_transaction_status(transaction, "Success"), expected)
        front.set_faults(Faults())
        assert platform.set_transaction_status(transaction, "Success") == Accepted(transaction)
        assert sandbox.rmas.transaction(transaction)[1]["status"] == "Success"
        answer = platform.set_transaction_status("0", "Success")
        assert isinstance(answer, Declined)
        assert answer.code == "404"
