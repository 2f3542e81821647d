"""What people change in the ERP becomes facts within a poll."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from adapters.erps.port import Changes, DocumentLine, ErpDocument
from adapters.outbox.drift import Drift
from adapters.outbox.folding import fold_one
from domain.content import Amount
from domain.deciding import Retry, rule
from domain.decisions import RetryAsked
from domain.gaps import open_gaps
from domain.refusals import Unfitting
from domain.telling import ReturnKey
from tests.adapters.outbox.conftest import BEGINS, EVERY, Bench
from tests.adapters.outbox.ledgers_erp import DOWN, LOST_AFTER, BookErp


@dataclass
class TellsOnce(BookErp):
    """Its feed is a log that is read on from where the cursor stands."""

    log: list[ErpDocument] = field(default_factory=list)

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        yield Changes(tuple(self.log[(cursor or {}).get("seen", 0) :]), {"seen": len(self.log)})

    def all_documents(self) -> list[ErpDocument]:
        return [one for page in super().changes(None, BEGINS) for one in page.documents]


def poll(bench: Bench) -> None:
    bench.later(minutes=11)
    drift = Drift(bench.shop, "uk-erp", bench.erp, ["acme"], EVERY)
    assert drift.due()
    while drift.step():
        pass
    bench.work()


def credited(bench: Bench, return_id: str = "R-1") -> None:
    bench.announce(return_id)
    bench.tell("Received", return_id)
    bench.work()


def kinds(bench: Bench) -> set[str]:
    return {str(gap.kind) for gap in open_gaps(bench.state(), bench.terms.policy, bench.at)}


def note(number: str, total: int, *, instruction: str | None = None) -> ErpDocument:
    """A note made by hand on the order #1001."""
    lines, amount = (DocumentLine("L1", "SHIRT", 1),), Amount(total=total)
    bare = ErpDocument("credit_note", number, "active", BEGINS, order_reference="#1001", instruction=instruction)
    return replace(bare, currency="GBP", amount=amount, lines=lines)


def test_our_own_documents_tell_nothing_new(bench: Bench) -> None:
    credited(bench)
    before = bench.facts()
    poll(bench)
    poll(bench)
    assert bench.facts() == before


def test_a_note_voided_by_hand_is_told_and_not_posted_again_until_a_person_says_so(bench: Bench) -> None:
    credited(bench)
    bench.erp.voided.add("D-1")
    poll(bench)
    poll(bench)
    assert bench.facts().count("CreditNoteVoided") == 1
    assert len(bench.erp.documents("post_credit_note")) == 1
    bench.record(RetryAsked(reason="voided by mistake"))
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 2


def test_a_note_that_is_active_again_after_it_was_voided_counts_again(bench: Bench) -> None:
    credited(bench)
    bench.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
    bench.erp.voided.add("D-1")
    poll(bench)
    assert bench.state().active_notes() == []
    assert "refund_without_credit_note" in kinds(bench)
    bench.erp.voided.clear()
    for _ in range(2):
        bench.later(minutes=1)
        poll(bench)
    assert [one.credit_note for one in bench.state().active_notes()] == ["D-1"]
    assert kinds(bench) == {"uninspected_items"}
    assert bench.facts()[-2:] == ["CreditNoteVoided", "CreditNoteAmended"]
    with pytest.raises(Unfitting):
        rule(bench.state(), bench.terms.policy, bench.at, Retry())
    bench.erp.voided.add("D-1")
    bench.later(minutes=1)
    poll(bench)
    assert bench.state().active_notes() == []


def test_a_note_that_is_gone_before_the_first_read_back_is_noticed(bench: Bench) -> None:
    credited(bench)
    bench.erp.removed.add("D-1")
    early = Drift(bench.shop, "uk-erp", bench.erp, ["acme"], EVERY)
    while early.step():
        pass
    assert "CreditNoteVoided" not in bench.facts(), "what was written a moment ago may not show yet"
    for _ in range(2):
        poll(bench)
    assert bench.facts().count("CreditNoteVoided") == 1
    assert bench.state().active_notes() == []


def test_a_note_changed_by_hand_is_told_once(bench: Bench) -> None:
    credited(bench)
    bench.erp.amended["D-1"] = 4000
    poll(bench)
    poll(bench)
    assert bench.facts().count("CreditNoteAmended") == 1
    assert [one.amount.total for one in bench.state().active_notes()] == [4000]


def test_what_happened_to_a_note_before_anybody_knew_that_it_was_made_is_read_back_once_it_is_known(bench: Bench) -> None:
    """Its acknowledgement was lost on the way; the ERP tells of each change once, to whoever asks from before it."""
    erp = TellsOnce(bench.erp.book, bench.erp.orders)
    bench.erp = erp
    bench.with_policy(move_on="never")
    bench.announce()
    bench.tell("Received")
    erp.faults = [LOST_AFTER]
    worker = bench.worker()
    while not erp.documents("post_credit_note"):
        bench.decider.catch_up()
        assert worker.go()
    made = next(one for one in erp.all_documents() if one.kind == "credit_note")
    erp.log = [made, replace(made, status="voided")]
    drift = Drift(bench.shop, "uk-erp", erp, ["acme"], EVERY)
    while drift.step():
        pass
    assert "CreditNoteVoided" not in bench.facts()
    bench.later(minutes=1)
    bench.work()
    assert [one.credit_note for one in bench.state().active_notes()] == [made.number]
    assert bench.account("cursor") == ({"seen": 2},)
    for _ in range(2):
        poll(bench)
    assert bench.facts().count("CreditNoteVoided") == 1
    assert bench.state().active_notes() == []
    assert bench.rows("id", where="read_early IS NOT NULL") == []


def test_a_note_by_hand_belongs_to_the_one_return_of_its_order(bench: Bench) -> None:
    bench.announce()
    bench.work()
    bench.erp.by_hand.append(note("CN-9", 4800))
    poll(bench)
    (made,) = bench.state().active_notes()
    assert (made.credit_note, made.lines and made.lines[0].line) == ("CN-9", "1")
    bench.tell("Received")
    bench.work()
    assert bench.erp.documents("post_credit_note") == [], "what a person credited is not credited again"


def test_a_copy_with_our_id_is_another_note(bench: Bench) -> None:
    credited(bench)
    bench.erp.by_hand.append(note("CN-COPY", 4800, instruction=bench.erp.documents()[0]["instruction"]))
    poll(bench)
    assert [one.credit_note for one in bench.state().active_notes()] == ["D-1", "CN-COPY"]


def test_found_twice_before_it_was_recorded_both_count(bench: Bench) -> None:
    bench.announce()
    bench.tell("Received")
    bench.erp.faults = [LOST_AFTER]
    bench.work()
    with bench.erp.book.open("a") as file:
        file.write(bench.erp.book.read_text().replace("D-1", "D-77"))
    bench.later(minutes=1)
    bench.work()
    assert bench.rows("state", "waits_for", where="kind = 'post_credit_note'") == [("waiting", "found_twice")]
    poll(bench)
    assert sorted(one.credit_note for one in bench.state().active_notes()) == ["D-1", "D-77"]


def test_an_orphan_stands_for_itself_until_its_return_turns_up(bench: Bench) -> None:
    bench.erp.by_hand.append(note("CN-5", 4800))
    poll(bench)
    alone = fold_one(bench.house.ledger, ReturnKey("acme", "erp.uk-erp", "CN-5"))
    assert [one.amount.total for one in alone.active_notes()] == [4800]
    bench.announce()
    bench.tell("Received")
    bench.work()
    alone = fold_one(bench.house.ledger, ReturnKey("acme", "erp.uk-erp", "CN-5"))
    assert alone.active_notes() == []
    assert [one.credit_note for one in bench.state().active_notes()] == ["CN-5"]
    assert bench.erp.documents("post_credit_note") == []
    poll(bench)
    assert bench.facts().count("CreditNoted") == 1


def test_a_note_of_an_order_with_two_returns_is_an_orphan(bench: Bench) -> None:
    bench.announce("R-1")
    bench.announce("R-2")
    bench.work()
    bench.erp.by_hand.append(note("CN-6", 4800))
    poll(bench)
    assert bench.state("R-1").active_notes() == bench.state("R-2").active_notes() == []
    assert fold_one(bench.house.ledger, ReturnKey("acme", "erp.uk-erp", "CN-6")).active_notes()


def test_goods_at_another_place_than_instructed_are_told(bench: Bench) -> None:
    credited(bench)
    (moved,) = bench.erp.documents("book_in")
    bench.erp.misplaced[moved["instruction"]] = "Shelf 7"
    poll(bench)
    poll(bench)
    declined = [one for one in bench.state().work.answers.values() if one.status == "declined"]
    assert [(one.code, "Shelf 7" in one.reason) for one in declined] == [("wrong_location", True)]
    assert bench.facts().count("InstructionDeclined") == 1


def test_an_erp_that_cannot_be_read_back_is_asked_again_later(bench: Bench) -> None:
    bench.later(minutes=11)
    drift = Drift(bench.shop, "uk-erp", bench.erp, ["acme"], EVERY)
    bench.erp.always = DOWN
    assert not drift.step()
    assert not drift.due()
    (poll_at,) = bench.account("poll_at")
    assert 5 < (poll_at - bench.at).total_seconds() <= 10


def test_a_document_and_its_return_that_came_at_the_same_moment_find_each_other(bench: Bench) -> None:
    bench.erp.by_hand.append(note("CN-5", 4800))
    poll(bench)
    with bench.house.connection() as conn:
        # As if the return had been decided on before the orphan was there.
        conn.execute("UPDATE outbox_documents SET order_key = NULL")
        bench.announce()
        bench.work()
        conn.execute("UPDATE outbox_documents SET order_key = '1001' WHERE platform LIKE 'erp.%'")
    assert bench.state().active_notes() == []
    bench.later(minutes=2)
    bench.work()
    assert [one.credit_note for one in bench.state().active_notes()] == ["CN-5"]


def test_a_document_that_makes_no_sense_does_not_end_the_reading(bench: Bench) -> None:
    bench.announce()
    bench.work()
    bench.erp.by_hand += [note("", 100), note("CN-9", 4800)]
    poll(bench)
    assert [one.credit_note for one in bench.state().active_notes()] == ["CN-9"]
