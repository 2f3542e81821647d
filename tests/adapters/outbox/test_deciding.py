"""Decisions recorded: they set the outbox going again, free the other returns of a SKU, and say beforehand what they would record."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.deciding import decide
from adapters.outbox.folding import told
from adapters.policies import Policies
from adapters.sku_map import SkuMap
from adapters.stalled import StalledFilter, all_stalled, stalled_page
from adapters.vendor.answers import Declined
from domain.content import Amount, LineUnits
from domain.deciding import Assign, Decision, MapSku, MatchOrder, MatchReturn, Retry, Snooze, Waive
from domain.facts import CreditNoted
from domain.refusals import Rejected, Unfitting
from domain.telling import ReturnKey
from tests.adapters.outbox.conftest import Bench, key
from tests.adapters.outbox.ledgers_erp import order


def say(bench: Bench, decision: Decision, return_id: str = "R-1", **more: Any) -> list[dict[str, Any]]:
    return decide(bench.house.ledger, policy_of(bench), key(return_id), decision, by="ada", now=bench.at, **more)


def policy_of(bench: Bench) -> Any:
    return lambda of: bench.terms.policy


def fold(bench: Bench) -> None:
    bench.house.policies = Policies({("acme", "returngo"): bench.terms.policy})
    bench.house.catch_up()


def stalled(bench: Bench, **asked: Any) -> list[dict[str, Any]]:
    fold(bench)
    with bench.house.connection() as conn:
        return all_stalled(conn, bench.house.ledger, policy_of(bench), StalledFilter(**asked), bench.at, None)


def wait_for_a_sku(bench: Bench, *returns: str) -> None:
    bench.erp.orders["#1001"] = order("1", ("SHIRT-M", 3, 12000, 2400))
    for return_id in returns:
        bench.announce(return_id)
        bench.tell("Received", return_id)
    bench.work()


def test_a_sku_that_was_matched_frees_every_return_that_waits_with_it(bench: Bench) -> None:
    wait_for_a_sku(bench, "R-1", "R-2", "R-3")
    rows = stalled(bench)
    assert [(row["kind"], row["return"]) for row in rows] == [("sku_unmatched", name) for name in ("R-1", "R-2", "R-3")]
    assert rows[0]["actions"][0] == "returns-ledger resolve acme/returngo/R-1 map-sku --sku SHIRT --to SHIRT-M --by YOU"
    assert "SHIRT" in rows[0]["waits_for"]
    assert (rows[0]["next"], rows[0]["next_at"]) == ("nothing, until somebody decides", None)
    say(bench, MapSku("SHIRT", "SHIRT-M"), reason="they dropped the size")
    assert bench.facts()[-2:] == ["SkuMatched", "Noted"]
    fold(bench)
    sku_map = SkuMap(bench.house.ledger, policy_of(bench))
    with bench.house.connection() as conn:
        assert sku_map.free_waiting(conn, bench.at) == [key("R-2"), key("R-3")]
        assert sku_map.free_waiting(conn, bench.at) == []
        assert SkuMap(bench.house.ledger, policy_of(bench)).free_waiting(conn, bench.at) == []
    event = bench.house.ledger.events("return/acme/returngo/R-2")[-1]
    assert (event.by, event.cause) == ("ada", "person:ada")
    bench.work()
    assert stalled(bench) == []
    assert {row[0] for row in bench.rows("state", where="kind = 'post_credit_note'")} == {"done"}


def test_returns_to_come_are_freed_too(bench: Bench) -> None:
    wait_for_a_sku(bench, "R-1")
    say(bench, MapSku("SHIRT", "SHIRT-M"))
    wait_for_a_sku(bench, "R-9")
    fold(bench)
    with bench.house.connection() as conn:
        assert SkuMap(bench.house.ledger, policy_of(bench)).free_waiting(conn, bench.at) == [key("R-9")]


def test_another_erps_skus_are_left_alone(bench: Bench) -> None:
    wait_for_a_sku(bench, "R-1", "R-2")
    say(bench, MapSku("SHIRT", "SHIRT-M"))
    with bench.house.connection() as conn:
        conn.execute("UPDATE sku_map SET erp = 'another'")
        fold(bench)
        assert SkuMap(bench.house.ledger, policy_of(bench)).free_waiting(conn, bench.at) == []


def test_what_was_declined_is_carried_out_once_somebody_says_retry(bench: Bench) -> None:
    bench.announce()
    bench.tell("Received")
    bench.erp.always = Declined("refused", "the period is closed", "open it")
    bench.work()
    (row, *_) = stalled(bench, kinds=("instruction_failed",))
    assert "the period is closed" in row["waits_for"]
    assert row["next_at"] is None
    assert "returns-ledger resolve acme/returngo/R-1 retry --by YOU" in row["actions"]
    bench.erp.always = None
    bench.later(minutes=1)
    say(bench, Retry())
    bench.work()
    assert stalled(bench) == []


def test_an_order_is_looked_for_under_the_reference_that_somebody_gives(bench: Bench) -> None:
    bench.announce(order_name="#77")
    bench.tell("Received")
    bench.work()
    (row, *_) = stalled(bench)
    assert row["kind"] == "order_not_found"
    assert "match-order --order" in row["actions"][0]
    bench.later(minutes=1)
    say(bench, MatchOrder("#1001"))
    bench.work()
    assert stalled(bench) == []


def test_a_dry_run_shows_the_facts_and_records_none(bench: Bench) -> None:
    bench.announce()
    before = bench.facts()
    (row,) = say(bench, Assign("finance-2"), dry_run=True)
    assert (row["fact"], row["to"], row["by"], row["cause"], row["return"]) == ("Assigned", "finance-2", "ada", "person:ada", "R-1")
    assert bench.facts() == before
    assert say(bench, Assign("finance-2")) == [row]
    assert bench.facts()[-1] == "Assigned"


def test_what_does_not_fit_is_refused_and_what_cannot_be_read_names_its_field(bench: Bench) -> None:
    with pytest.raises(LookupError, match="Nobody has told"):
        say(bench, Assign("ada"))
    bench.announce()
    with pytest.raises(Unfitting):
        say(bench, Retry())
    with pytest.raises(Rejected, match="to: must be at most 200"):
        say(bench, Assign("x" * 201))
    with pytest.raises(Rejected, match="by:"):
        decide(bench.house.ledger, policy_of(bench), key(), Assign("ada"), by="x" * 201, now=bench.at)


def test_what_is_snoozed_or_waived_waits_for_nobody(bench: Bench) -> None:
    wait_for_a_sku(bench, "R-1", "R-2")
    say(bench, Snooze(bench.at + timedelta(hours=2)))
    say(bench, Waive("sku_unmatched", "never sold"), "R-2")
    assert stalled(bench) == []
    (row,) = stalled(bench, snoozed=True)
    assert row["return"] == "R-1"
    assert row["snoozed_until"] is not None
    bench.later(hours=3)
    assert [row["return"] for row in stalled(bench)] == ["R-1"]


def test_pages_follow_each_other_without_a_row_lost(bench: Bench) -> None:
    names = [f"R-{number}" for number in range(7)]
    wait_for_a_sku(bench, *names)
    fold(bench)
    named, after = [], None
    with bench.house.connection() as conn:
        while True:
            rows, after = stalled_page(conn, bench.house.ledger, policy_of(bench), StalledFilter(), bench.at, limit=2, after=after)
            named += [row["return"] for row in rows]
            if after is None:
                break
    assert sorted(named) == names


def test_a_note_that_was_voided_by_hand_waits_for_a_word(bench: Bench) -> None:
    bench.announce()
    bench.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
    fold(bench)
    assert stalled(bench) == [], "it will be credited"
    bench.tell("Received")
    bench.work()
    (note,) = bench.state().notes.values()
    bench.later(minutes=1)
    bench.tell("CreditNoteVoided", credit_note=note.credit_note, erp="uk-erp")
    bench.work()
    (row,) = stalled(bench)
    assert (row["kind"], row["actions"][0]) == ("refund_without_credit_note", "returns-ledger resolve acme/returngo/R-1 retry --by YOU")
    assert "voided" in row["waits_for"]
    say(bench, Retry())
    bench.work()
    assert stalled(bench) == []
    assert len(bench.state().active_notes()) == 1


def test_a_document_that_named_no_return_is_given_to_one(bench: Bench) -> None:
    bench.announce()
    bench.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
    alone = ReturnKey("acme", "erp.uk-erp", "CR-9")
    amount = Amount(items=4000, tax=800, shipping=0, fees=0, total=4800)
    note = CreditNoted(credit_note="CR-9", erp="uk-erp", currency="GBP", amount=amount, lines=(LineUnits(line="SHIRT", quantity=1),))
    bench.house.ledger.append([told(alone, bench.at, note, "test")])
    (row,) = stalled(bench, kinds=("orphan_credit_note",))
    assert row["actions"][0] == "returns-ledger resolve acme/erp.uk-erp/CR-9 match-return --to RETURN --by YOU"
    with pytest.raises(Unfitting, match="only a document"):
        say(bench, MatchReturn(key()))
    with pytest.raises(LookupError, match="R-77"):
        give(bench, alone, key("R-77"))
    facts = give(bench, alone, key())
    assert [(one["fact"], one["return"]) for one in facts] == [("DocumentAssigned", "CR-9"), ("CreditNoted", "R-1")]
    assert facts[1]["lines"] == [{"line": "1", "quantity": 1}]
    fold(bench)
    with bench.house.connection() as conn:
        assert conn.execute(OPEN_CLEARING).fetchall() == []
        assert conn.execute("SELECT return_id FROM outbox_documents WHERE number = 'CR-9'").fetchall() == [("R-1",)]
    with pytest.raises(Unfitting, match="belongs to a return already"):
        give(bench, alone, key())
    bench.tell("Received")
    bench.work()
    assert len(bench.state().active_notes()) == 1, "what is credited already is not credited again"


def give(bench: Bench, document: ReturnKey, to: ReturnKey) -> list[dict[str, Any]]:
    return decide(bench.house.ledger, policy_of(bench), document, MatchReturn(to), by="ada", now=bench.at)


OPEN_CLEARING = """
    SELECT return_id, kind FROM gaps WHERE known_to = 'infinity' AND valid_to = 'infinity' AND kind LIKE '%credit_note%'"""


def test_a_wrong_order_is_left_for_the_one_that_somebody_names(bench: Bench) -> None:
    bench.erp.orders |= {"#1001": order("1", ("SHIRT-M", 3, 12000, 2400)), "#2002": order("2", ("SHIRT", 3, 12000, 2400))}
    bench.announce()
    bench.tell("Received")
    bench.work()
    assert [row["kind"] for row in stalled(bench)] == ["sku_unmatched"]
    bench.later(minutes=1)
    say(bench, MatchOrder("#2002"))
    bench.work()
    assert stalled(bench) == []
    assert bench.state().work.order == bench.erp.orders["#2002"]


def test_an_order_that_was_mended_in_the_erp_is_looked_at_when_somebody_says_so(bench: Bench) -> None:
    wait_for_a_sku(bench, "R-1")
    bench.erp.orders["#1001"] = order("1", ("SHIRT", 3, 12000, 2400))
    bench.later(minutes=1)
    say(bench, Retry())
    bench.work()
    assert stalled(bench) == []


def test_what_is_still_there_twice_opens_its_gap_again(bench: Bench) -> None:
    bench.announce()
    bench.tell("Received")
    bench.erp.faults = ["lost after"]
    bench.work()
    row = {"instruction": bench.rows("id", where="kind = 'post_credit_note'")[0][0], "number": "D-99"}
    with bench.erp.book.open("a") as book:
        book.write(json.dumps(row) + "\n")
    bench.later(minutes=1)
    bench.work()
    assert [one["kind"] for one in stalled(bench, kinds=("instruction_failed",))] == ["instruction_failed"]
    bench.later(minutes=1)
    say(bench, Retry())
    assert stalled(bench, kinds=("instruction_failed",)) == []
    bench.work()
    assert [one["kind"] for one in stalled(bench, kinds=("instruction_failed",))] == ["instruction_failed"]
