"""Working the inbox off: every delivery comes to an end, or is tried again when its time has come; every fact is recorded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.inbox.queue import MOST_ROWS
from adapters.inbox.schedule import FIRST_SECONDS, LONGEST_SECONDS, next_try
from domain.telling import read_instant
from tests.adapters.inbox.conftest import Bench, initiated, received, refunded
from tests.adapters.inbox.vendor import Clock


def test_what_is_understood_is_recorded_once(bench: Bench) -> None:
    bench.vendor.tell("1", initiated("R-1", "#1001"), received("R-1"))
    line = bench.line()
    first, told = bench.deliver({"record": "1"}), bench.deliver({"facts": [received("R-2")]})
    line.go()
    assert bench.facts() == ["Initiated", "Received", "Received"]
    row = bench.row(first)
    assert (row["state"], row["recorded"], row["known"], row["error"], row["attempts"]) == ("done", 2, 0, None, 1)
    assert (row["returns"], row["orders"]) == (["acme/happy_returns/R-1"], ["#1001"])
    assert row["finished_at"]
    assert bench.row(told)["joined"] == [{"what": "this", "return": "acme/test/R", "why": "it fits", "others": ["that"]}]
    again = bench.deliver({"record": "1"}, id_="another")
    line.go()
    assert (bench.row(again)["recorded"], bench.row(again)["known"]) == (0, 2)
    assert len(bench.facts()) == 3
    causes = {event.cause for event in bench.house.ledger.notifications(0, 10)}
    assert causes == {f"webhook:uk:{first}", f"webhook:uk:{told}"}


def test_a_replay_is_known(bench: Bench) -> None:
    assert bench.deliver({"facts": []}, id_="7")
    assert bench.deliver({"facts": [1]}, id_="7") is None, "the vendor's own id tells"
    assert bench.deliver({"facts": []}, id_="7", topic="other") is not None, "one event may have deliveries of several topics"
    assert bench.deliver(b"some bytes")
    assert bench.deliver(b"some bytes") is None, "without an id the content tells"
    assert bench.deliver(b"some bytes", connection="de") is not None


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[]", b"nonsense", b'"text"'])
def test_what_nobody_understands_stays_with_its_error(bench: Bench, body: bytes) -> None:
    id_ = bench.deliver(body)
    good = bench.deliver({"facts": [received("R-1")]})
    bench.line().go()
    assert bench.row(id_)["state"] == "failed"
    assert "JSON" in bench.row(id_)["error"]
    assert bench.row(good)["state"] == "done"


def test_what_is_none_of_ours_is_ignored_and_says_why(bench: Bench) -> None:
    ids = [bench.deliver({"other": 1}), bench.deliver({"facts": []})]
    bench.line().go()
    assert [bench.row(id_)["state"] for id_ in ids] == ["ignored", "ignored"]
    assert [bench.row(id_)["note"] for id_ in ids] == ["nothing of ours", "there is nothing in it for the ledger"]


def test_a_mistake_of_a_room_fails_one_delivery_only(bench: Bench) -> None:
    broken, good = bench.deliver({"break": 1}), bench.deliver({"facts": [received("R-1")]})
    bench.line().go()
    assert bench.row(broken)["state"] == "failed"
    assert "our mistake: KeyError" in bench.row(broken)["error"]
    assert bench.row(good)["state"] == "done"


def test_a_refused_fact_names_its_field_and_the_others_are_recorded(bench: Bench) -> None:
    wrong = received("R-1", source_id="other", lines=[{"line": "1", "quantity": 0}])
    foreign = received("R-1", merchant="somebody")
    id_ = bench.deliver({"facts": [received("R-1"), wrong, foreign]})
    bench.line().go()
    row = bench.row(id_)
    assert (row["state"], row["recorded"]) == ("failed", 1)
    assert "Received of R-1: lines[0].quantity: must be a whole number from 1 to 1000000, not 0" in row["error"]
    assert "merchant: must be 'acme'" in row["error"]
    assert bench.facts() == ["Received"]


def test_a_conflict_shows_both_contents_after_a_second_look(bench: Bench) -> None:
    bench.deliver({"facts": [refunded("R-1", "RF-1")]})
    id_ = bench.deliver({"facts": [refunded("R-1", "RF-1", "47.00"), received("R-1")]})
    line = bench.line()
    line.go()
    assert (bench.row(id_)["state"], bench.row(id_)["recorded"]) == ("pending", 1)
    bench.later(2.5)
    line.go()
    row = bench.row(id_)
    assert (row["state"], row["recorded"], row["known"]) == ("failed", 1, 1)
    assert "48.00" in row["error"]
    assert "47.00" in row["error"]
    assert bench.facts() == ["Refunded", "Received"]


def test_two_voices_of_one_happening_at_the_same_time_end_well(bench: Bench) -> None:
    """Each reads before the other has recorded; the later one sees at its second look that it is told."""
    bench.vendor.tell("1", {**refunded("R-1", "RF-1", occurred_at="2026-10-06T09:00:00Z"), "undated": True})
    id_ = bench.deliver({"record": "1"})
    line = bench.line()
    drain, original = line.drain, bench.house.ledger.append

    def append_late(prepared: Any) -> Any:
        bench.house.ledger.append = original  # type: ignore[method-assign]
        bench.deliver({"facts": [refunded("R-1", "RF-1", source_id="refund/RF-1")]}, connection="de")
        bench.line(replace(bench.connection, name="de")).go()
        return original(prepared)

    bench.house.ledger.append = append_late  # type: ignore[method-assign]
    drain.round()
    assert bench.row(id_)["state"] == "pending"
    bench.later(2.5)
    drain.round()
    assert (bench.row(id_)["state"], bench.facts()) == ("ignored", ["Refunded"])


def test_trouble_is_tried_again_ever_more_rarely(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"))
    bench.vendor.faults += [(500, {})] * 3
    id_ = bench.deliver({"record": "1"})
    line = bench.line()
    waited = []
    for attempt in range(1, 4):
        line.go()
        row = bench.row(id_)
        assert (row["state"], row["attempts"], row["error"]) == ("pending", attempt, "answered 500")
        waited.append((read_instant(row["next_at"]) - bench.clock()).total_seconds())
        line.go()
        assert bench.row(id_)["attempts"] == attempt, "nothing is tried before its time"
        bench.clock.at = read_instant(row["next_at"])
    assert all(FIRST_SECONDS * 2**n * 0.75 <= seconds <= FIRST_SECONDS * 2**n for n, seconds in enumerate(waited))
    line.go()
    assert (bench.row(id_)["state"], bench.row(id_)["error"], bench.row(id_)["attempts"]) == ("done", None, 4)


def test_the_schedule() -> None:
    now = Clock()()

    def seconds(attempts: int, asked: float | None = None) -> float:
        return (next_try(now, attempts, asked) - now).total_seconds()

    assert all(6 <= seconds(1) <= 10 for _ in range(200))
    assert all(seconds(n) <= LONGEST_SECONDS for n in range(1, 2000, 7))
    assert seconds(30) >= LONGEST_SECONDS * 0.75
    assert len({seconds(5) for _ in range(20)}) > 10, "what failed together does not come back together"
    assert (seconds(1, 42.5), seconds(9, 0), seconds(1, -3), seconds(1, 1e12)) == (42.5, 0, 0, 86_400)


def test_what_the_vendor_asks_for_goes_before_and_holds_for_all(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"))
    bench.vendor.tell("2", received("R-2"))
    bench.vendor.faults.append((429, {"retry-after": "120"}))
    ids = [bench.deliver({"record": "1"}), bench.deliver({"record": "2"})]
    line = bench.line(poll=timedelta(minutes=5))
    line.go()
    assert len(bench.vendor.calls) == 1
    assert read_instant(bench.row(ids[0])["next_at"]) == bench.clock() + timedelta(seconds=120)
    for _ in range(3):
        bench.later(35)
        line.go()
    assert len(bench.vendor.calls) == 1, "nobody asks before the time, a poll neither"
    bench.later(20)
    line.go()
    assert [bench.row(id_)["state"] for id_ in ids] == ["done", "done"]


def test_a_refusal_keeps_deliveries_and_shows_at_the_connection(bench: Bench) -> None:
    bench.vendor.faults += [(403, {})]
    id_ = bench.deliver({"record": "1"})
    line = bench.line()
    line.go()
    row = bench.row(id_)
    assert (row["state"], row["error"]) == ("pending", "refused: 403")
    assert shown(bench)["state"] == "refused"
    assert (shown(bench)["error"], shown(bench)["pending"]) == ("403", 1)
    bench.vendor.tell("1", received("R-1"))
    bench.clock.at = read_instant(row["next_at"])
    line.go()
    assert bench.row(id_)["state"] == "done"
    assert (shown(bench)["state"], shown(bench)["pending"]) == ("ok", 0)
    assert shown(bench)["last_delivery_at"] == row["received_at"]


def test_what_waits_is_read_again_until_it_can_be(bench: Bench) -> None:
    id_ = bench.deliver({"record": "9"})
    line = bench.line()
    line.go()
    assert (bench.row(id_)["state"], bench.row(id_)["waits_for"]) == ("pending", "record 9")
    bench.vendor.tell("9", received("R-9"), waits_for="its order")
    bench.later(10)
    line.go()
    assert (bench.row(id_)["state"], bench.row(id_)["waits_for"], bench.facts()) == ("pending", "its order", ["Received"])
    bench.vendor.tell("9", received("R-9"), initiated("R-9", "#9"))
    bench.later(20)
    line.go()
    row = bench.row(id_)
    assert (row["state"], row["waits_for"], row["recorded"], row["known"]) == ("done", None, 2, 1)


def test_unmapped_values_are_shown_and_the_rest_recorded(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"), conditions=["Torn\x00"])
    id_ = bench.deliver({"record": "1"})
    bench.line().go()
    row = bench.row(id_)
    assert (row["state"], row["recorded"]) == ("done", 1)
    assert row["unmapped"] == [{"field": "condition", "value": "Torn\\0", "return": None}]


def test_hints_about_one_record_are_answered_by_one_look(bench: Bench) -> None:
    bench.vendor.tell("1", received("R-1"))
    bench.vendor.tell("2", received("R-2"))
    ids = [bench.deliver({"record": str(1 + n % 2), "n": n}) for n in range(10)]
    bench.line().go()
    assert sorted(bench.vendor.calls) == ["/records/1", "/records/2"]
    rows = [bench.row(id_) for id_ in ids]
    assert [row["state"] for row in rows] == ["done"] * 10
    assert sum(row["recorded"] for row in rows) == 2
    assert rows[0]["note"] == f"read together with delivery {ids[8]}"
    assert rows[0]["returns"] == ["acme/happy_returns/R-1"]


def test_no_more_than_a_few_calls_in_vain_a_round(bench: Bench) -> None:
    bench.vendor.faults += [(500, {})] * 50
    for n in range(10):
        bench.deliver({"record": str(n)})
    line = bench.line()
    assert line.go() > 0, "a vendor in trouble is left in peace for a moment"
    assert len(bench.vendor.calls) == 3
    rows = bench.rows()
    assert [row["attempts"] for row in rows] == [1, 1, 1, *[0] * 7]
    assert {row["next_at"] for row in rows[3:]} == {rows[0]["received_at"]}, "the others are due as before"


def test_a_large_backlog_is_taken_in_bites(bench: Bench) -> None:
    for n in range(MOST_ROWS * 2 + 50):
        bench.deliver({"facts": [received(f"R-{n}")]})
    line = bench.line()
    done = []
    while any(row["state"] == "pending" for row in bench.rows()):
        line.go()
        done.append(sum(row["state"] == "done" for row in bench.rows()))
    assert done == [MOST_ROWS, MOST_ROWS * 2, MOST_ROWS * 2 + 50]
    assert len(bench.facts()) == MOST_ROWS * 2 + 50


def test_another_process_at_the_same_connection_is_waited_for(bench: Bench) -> None:
    bench.deliver({"facts": [received("R-1")]})
    with type(bench.turnstile)(bench.house.url, bench.house.schema) as other, other.attempt("uk") as mine:
        assert mine
        assert bench.line().go() > 0
        assert bench.rows()[0]["state"] == "pending"
    bench.line().go()
    assert bench.rows()[0]["state"] == "done"


def test_a_vendor_in_trouble_does_not_stop_the_others(bench: Bench) -> None:
    bench.vendor.silent.set()
    slow, other = bench.line(), bench.line(replace(bench.connection, name="de"))
    bench.deliver({"record": "1"})
    good = bench.deliver({"facts": [received("R-1")]}, connection="de")
    import threading

    thread = threading.Thread(target=slow.go)
    thread.start()
    other.go()
    assert bench.row(good)["state"] == "done"
    assert thread.is_alive()
    bench.vendor.silent.clear()
    thread.join(10)
    assert not thread.is_alive()


def shown(bench: Bench) -> dict[str, Any]:
    from adapters.inbox.listing import connection_rows

    with bench.house.connection() as conn:
        (row,) = connection_rows(conn, [bench.connection])
    return row


def test_a_connection_that_is_configured_no_more_is_still_shown(bench: Bench) -> None:
    from adapters.inbox.listing import connection_rows

    bench.deliver({"facts": []}, connection="gone")
    with bench.house.connection() as conn:
        rows = connection_rows(conn, [bench.connection])
    assert [(row["name"], row["state"], row["pending"]) for row in rows] == [("uk", "idle", 0), ("gone", "not configured", 1)]


def test_times_are_the_house_clock(bench: Bench) -> None:
    id_ = bench.deliver({"facts": [received("R-1")]})
    bench.later(5)
    bench.line().go()
    assert datetime.fromisoformat(bench.row(id_)["finished_at"]) == bench.clock()
