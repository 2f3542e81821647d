"""Credit notes at set times, in batches whose totals are proved on both sides."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.outbox.batches import Proof, batch_rows
from adapters.outbox.terms import PostingTimes
from adapters.vendor.answers import Declined
from tests.adapters.outbox.conftest import Bench


def test_the_next_posting_time_is_in_its_time_zone() -> None:
    times = PostingTimes(("12:00", "18:00"), "Europe/London")
    assert times.next_after(datetime(2026, 7, 1, 10, 30, tzinfo=UTC)) == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert times.next_after(datetime(2026, 7, 1, 11, tzinfo=UTC)) == datetime(2026, 7, 1, 17, tzinfo=UTC)
    assert times.next_after(datetime(2026, 12, 1, 18, 0, tzinfo=UTC)) == datetime(2026, 12, 2, 12, tzinfo=UTC)


def prove(bench: Bench) -> list[dict[str, object]]:
    proof = Proof(bench.shop, "uk-erp", bench.erp)
    while proof.step():
        pass
    with bench.house.connection() as conn:
        return batch_rows(conn)


def test_notes_wait_for_their_time_and_goods_do_not(bench: Bench) -> None:
    bench.with_policy(posting=PostingTimes(("12:00", "18:00"), "Europe/London"))
    for n in range(3):
        bench.announce(f"R-{n}")
        bench.tell("Received", f"R-{n}")
        bench.tell("Inspected", f"R-{n}", lines=[{"line": "1", "quantity": 1, "disposition": "saleable"}])
    bench.work()
    assert {row["kind"] for row in bench.erp.documents()} == {"book_in", "restock"}
    assert prove(bench)[0]["proved"] is None
    bench.later(hours=4)
    bench.work()
    notes = bench.erp.documents("post_credit_note")
    assert len(notes) == 3
    assert {note["batch"] for note in notes} == {"uk-erp-20261120T1200Z"}
    (batch,) = prove(bench)
    assert (batch["proved"], batch["notes"], batch["told"], batch["booked"]) == (True, 3, {"GBP": "144.00"}, {"GBP": "144.00"})


def test_what_waits_for_a_person_does_not_keep_the_others_from_proving_themselves(bench: Bench) -> None:
    """The first note of R-0 is declined, and a second one waits behind it: nobody knows for how long."""
    bench.with_policy(posting=PostingTimes(("12:00", "18:00"), "Europe/London"))
    bench.announce("R-0", quantity=2)
    bench.tell("Received", "R-0", lines=[{"line": "1", "quantity": 1}])
    bench.work()
    bench.later(minutes=1)
    bench.tell("Received", "R-0", lines=[{"line": "1", "quantity": 1}])
    bench.announce("R-1")
    bench.tell("Received", "R-1")
    bench.work()
    bench.later(hours=4)
    bench.erp.faults = [Declined("over_credit", "it is credited already", "see what was credited")]
    bench.work()
    assert [state for (state,) in bench.rows("state", where="kind = 'post_credit_note'")] == ["waiting", "pending", "done"]
    (batch,) = prove(bench)
    assert (batch["proved"], batch["notes"], batch["told"], batch["waiting"]) == (True, 1, {"GBP": "48.00"}, 2)


def test_a_batch_that_the_erp_shows_otherwise_does_not_prove_itself_until_it_is_told(bench: Bench) -> None:
    bench.with_policy(posting=PostingTimes(("12:00",)))
    bench.announce()
    bench.tell("Received")
    bench.work()
    bench.later(hours=4)
    bench.work()
    bench.erp.amended["D-2"] = 1
    (batch,) = prove(bench)
    assert (batch["proved"], batch["told"], batch["booked"]) == (False, {"GBP": "48.00"}, {"GBP": "0.01"})
    bench.erp.amended.clear()
    bench.later(hours=2)
    assert prove(bench)[0]["proved"] is True
