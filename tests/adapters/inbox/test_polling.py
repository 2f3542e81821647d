"""Polling catches what webhooks lose: page by page, from where it was, and with whatever is left to do kept in the inbox."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.inbox.lines import Line
from adapters.inbox.listing import connection_rows
from domain.telling import read_instant
from tests.adapters.inbox.conftest import Bench, initiated, received, refunded

FIVE = timedelta(minutes=5)


def polled(bench: Bench, line: Line | None = None, **other: Any) -> Line:
    """Until there is nothing more to do."""
    line = line or bench.line(poll=FIVE, **other)
    while not line.go():
        pass
    return line


def cursor(bench: Bench) -> dict[str, Any]:
    with bench.house.connection() as conn:
        names = ("cursor", "polled_at", "next_at", "error", "failing_since")
        row = conn.execute(f"SELECT {', '.join(names)} FROM poll_cursors".encode()).fetchone()
    return dict(zip(names, row or (None,) * 5, strict=True))


def test_every_page_is_recorded_and_the_cursor_kept(bench: Bench) -> None:
    for n in range(5):
        bench.vendor.tell(str(n), received(f"R-{n}"))
    line = polled(bench)
    assert len(bench.facts()) == 5
    assert cursor(bench) == {
        "cursor": {"since": 5},
        "polled_at": bench.clock(),
        "next_at": bench.clock() + FIVE,
        "error": None,
        "failing_since": None,
    }
    assert {event.cause for event in bench.house.ledger.notifications(0, 10)} == {"poll:uk"}
    calls = len(bench.vendor.calls)
    bench.vendor.tell("6", received("R-6"))
    polled(bench, line)
    assert len(bench.vendor.calls) == calls, "not before its time"
    bench.later(300)
    polled(bench, line)
    assert len(bench.facts()) == 6
    assert bench.vendor.calls[calls] == "/changes/5"
    assert bench.rows() == [], "what is all in the ledger needs no place in the inbox"


def test_a_poll_that_breaks_off_goes_on_where_it_was(bench: Bench) -> None:
    for n in range(6):
        bench.vendor.tell(str(n), received(f"R-{n}"))
    line = bench.line(poll=FIVE)
    assert line.go() == 0
    bench.vendor.faults.append((503, {}))
    line.go()
    assert (cursor(bench)["cursor"], cursor(bench)["error"]) == ({"since": 2}, "answered 503")
    assert cursor(bench)["failing_since"] == bench.clock()
    wait = (cursor(bench)["next_at"] - bench.clock()).total_seconds()
    assert 0 < wait <= 10
    bench.later(wait)
    polled(bench, line)
    assert len(bench.facts()) == 6
    assert bench.vendor.calls.count("/changes/0") == 1
    assert cursor(bench)["error"] is None


def test_how_polling_fares_shows_at_the_connection(bench: Bench) -> None:
    bench.vendor.faults.append((401, {}))
    line = polled(bench)
    row = shown(bench)
    assert (row["state"], row["error"]) == ("refused", "refused: 401")
    assert read_instant(row["failing_since"]) == bench.clock()
    bench.deliver({"facts": [received("R-1")]})
    line.go()
    assert shown(bench)["state"] == "refused", "that a webhook could be read says nothing of the credentials"
    bench.later(3600)
    polled(bench, line)
    assert (shown(bench)["state"], shown(bench)["failing_since"]) == ("ok", None)


def test_a_poll_that_works_ends_the_trouble_that_deliveries_had(bench: Bench) -> None:
    bench.vendor.faults.append((500, {}))
    bench.deliver({"record": "1"})
    line = bench.line()
    line.go()
    assert shown(bench)["state"] == "failing"
    polled(bench, bench.line(poll=FIVE))
    assert shown(bench)["state"] == "ok"


def shown(bench: Bench) -> dict[str, Any]:
    with bench.house.connection() as conn:
        (row,) = connection_rows(conn, [bench.connection])
    return row


def test_deliveries_go_between_the_pages(bench: Bench) -> None:
    for n in range(6):
        bench.vendor.tell(str(n), received(f"R-{n}"))
    line = bench.line(poll=FIVE)
    line.go()
    id_ = bench.deliver({"facts": [refunded("R-0", "RF")]})
    line.go()
    assert bench.row(id_)["state"] == "done"
    assert line.poller is not None
    assert line.poller.under_way


def test_what_has_a_value_nobody_mapped_stands_in_the_inbox(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"), conditions=["torn"])
    bench.vendor.tell("2", received("R-2"))
    line = polled(bench)
    (row,) = bench.rows()
    assert (row["state"], row["topic"], row["recorded"]) == ("done", "poll", 1)
    assert row["unmapped"] == [{"field": "condition", "value": "torn", "return": None}]
    bench.later(300)
    bench.vendor.tell("1", received("R-1"), conditions=["torn"])
    polled(bench, line)
    assert len(bench.rows()) == 1, "the same record again is the same"
    mapped = bench.line(replace(bench.connection, mappings={"conditions": {"torn": "damaged"}}))
    (outcome,) = mapped.drain.again([row["id"]])
    assert (outcome.state, outcome.unmapped) == ("done", ())
    assert bench.rows()[0]["unmapped"] == []


def test_what_waits_stands_in_the_inbox_and_is_read_again(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"), waits_for="order #1")
    line = polled(bench)
    (row,) = bench.rows()
    assert (row["state"], row["waits_for"]) == ("pending", "order #1")
    assert read_instant(row["next_at"]) > bench.clock()
    assert cursor(bench)["cursor"] == {"since": 1}
    bench.vendor.records["1"] = {"id": "1", "facts": [received("R-1"), initiated("R-1", "#1")]}
    bench.later(10)
    polled(bench, line)
    assert (bench.rows()[0]["state"], bench.rows()[0]["waits_for"]) == ("done", None)
    assert bench.facts() == ["Received", "Initiated"]


def test_what_waits_and_cannot_stand_alone_is_polled_again(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"), waits_for="order #1", nameless=True)
    bench.vendor.tell("2", received("R-2"))
    bench.vendor.tell("3", received("R-3"))
    line = polled(bench)
    assert (len(bench.facts()), bench.rows(), cursor(bench)["cursor"]) == (3, [], None)
    bench.vendor.records["1"] = {"id": "1", "facts": [received("R-1"), initiated("R-1", "#1")]}
    bench.later(300)
    polled(bench, line)
    assert bench.facts() == ["Received", "Received", "Received", "Initiated"]
    assert cursor(bench)["cursor"] == {"since": 3}


@pytest.mark.parametrize("nameless", [True, False])
def test_what_is_refused_stands_in_the_inbox(bench: Bench, nameless: bool) -> None:
    bench.vendor.tell("1", received("R-1", source_id="2", occurred_at="yesterday"), received("R-1"), nameless=nameless)
    line = polled(bench)
    (row,) = bench.rows()
    assert (row["state"], row["recorded"]) == ("failed", 1)
    assert "occurred_at: 'yesterday' is not an instant" in row["error"]
    (outcome,) = line.drain.again([row["id"]])
    assert (outcome.state, outcome.known) == ("failed", 1)


def test_a_conflict_is_looked_at_again_before_it_fails(bench: Bench) -> None:
    bench.deliver({"facts": [refunded("R-1", "RF-1", "47.00")]})
    bench.vendor.tell("1", refunded("R-1", "RF-1"))
    line = polled(bench)
    row = bench.rows()[-1]
    assert row["state"] == "pending"
    bench.later(3)
    polled(bench, line)
    row = bench.rows()[-1]
    assert row["state"] == "failed"
    assert "47.00" in row["error"]
    assert "48.00" in row["error"]


def test_a_mistake_in_a_room_shows_and_is_tried_again(bench: Bench) -> None:
    bench.vendor.records["1"] = {"no": "id"}
    line = polled(bench)
    assert "our mistake: KeyError" in cursor(bench)["error"]
    assert cursor(bench)["next_at"] > bench.clock()
    bench.vendor.records.clear()
    bench.later(3600)
    polled(bench, line)
    assert cursor(bench)["error"] is None


def test_no_webhook_can_pass_for_polled_facts(bench: Bench) -> None:
    from adapters.inbox.doors import Door
    from adapters.inbox.store import FACTS_TOPIC
    from tests.adapters.inbox.vendor import SIGNATURE, VendorPlatform, sign

    door = Door(bench.connection, VendorPlatform(bench.connection, bench.http), bench.seal, bench.clock)
    body = json.dumps([received("R-1")]).encode()
    arrival = door.admit({SIGNATURE: sign(body), "x-vendor-topic": FACTS_TOPIC}, body)
    assert arrival is not None
    assert arrival.topic == "unlabelled"
