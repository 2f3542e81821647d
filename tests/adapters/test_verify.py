"""Verification: a house in order passes every check; whatever was tampered with is found and named."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapters.verify import Finding, verify
from tests.adapters.proofs import SHAPE, ProofHouse, proof_house
from tests.oracle.worlds import world

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CHECKS = ["log", "keys", "read models", "journal", "balances", "tie-out of money", "tie-out of units"]


@pytest.fixture
def house(database: str, schema: str) -> Iterator[ProofHouse]:
    with proof_house(database, schema, world(51, 30)) as made:
        yield made


def findings(house: ProofHouse) -> dict[str, Finding]:
    found = list(verify(house.url, house.schema, house.ledger, house.policies.policy_of, SHAPE, NOW))
    assert [finding.what for finding in found] == CHECKS
    return {finding.what: finding for finding in found}


def failed(house: ProofHouse) -> dict[str, Finding]:
    return {what: finding for what, finding in findings(house).items() if not finding.ok}


def test_a_house_in_order_passes_and_is_left_as_it_was(house: ProofHouse) -> None:
    before = house.ask("SELECT * FROM projection_position")
    found = findings(house)
    assert [finding.detail for finding in found.values() if not finding.ok] == []
    assert found["log"].counts == {"events": house.ledger.head()}
    assert found["read models"].counts["rows"] > 500
    assert found["journal"].counts["entries"] > 100
    assert found["tie-out of money"].counts["moments"] == 16
    assert house.ask("SELECT * FROM projection_position") == before
    assert house.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", (f"{house.schema}%",)) == [(house.schema,)]


def test_an_empty_house_is_in_order(database: str, schema: str) -> None:
    with proof_house(database, schema) as house:
        assert failed(house) == {}


def test_what_is_recorded_and_not_yet_folded_is_no_difference(house: ProofHouse) -> None:
    house.tell(world(52, 5))
    assert failed(house) == {}


TAMPERED = {
    "a letter": "UPDATE stored_events SET state = replace(encode(state, 'escape'), 'test', 'tesr')::bytea WHERE notification_id = 20",
    "its time": "UPDATE stored_events SET state = overlay(state PLACING '9'::bytea FROM 18) WHERE notification_id = 20",
    "nothing but garbage": "UPDATE stored_events SET state = '\\xff00' WHERE notification_id = 20",
    "its topic": "UPDATE stored_events SET topic = 'return.expired' WHERE notification_id = 20",
    "its return": "UPDATE stored_events SET originator_id = 'return/acme/shopify/other', originator_version = 1 WHERE notification_id = 20",
}


def test_an_event_that_was_tampered_with_is_named(house: ProofHouse) -> None:
    house.ask("CREATE TABLE untouched AS SELECT * FROM stored_events WHERE notification_id = 20")
    for tampered in TAMPERED.values():
        house.ask(tampered)
        ((stream, number, topic),) = house.ask(
            "SELECT originator_id, originator_version, topic FROM stored_events WHERE notification_id = 20"
        )
        log = next(verify(house.url, house.schema, house.ledger, house.policies.policy_of, SHAPE, NOW))
        assert (log.what, log.ok, log.counts) == ("log", False, {"events": 19})
        assert log.detail.startswith(f"event 20, number {number} of {stream} ({topic}), is not what was recorded")
        house.ask("DELETE FROM stored_events WHERE notification_id = 20")
        house.ask("INSERT INTO stored_events SELECT * FROM untouched")
    assert failed(house) == {}


def test_an_event_that_cannot_be_read_is_named_by_the_read_models_too(house: ProofHouse) -> None:
    house.ask(TAMPERED["nothing but garbage"])
    found = failed(house)
    assert "Event 20 of return/" in found["read models"].detail
    assert set(found) == {"log", "keys", "read models"}


def test_an_event_that_is_missing_is_named(house: ProofHouse) -> None:
    house.ask("DELETE FROM stored_events WHERE notification_id = 20")
    found = failed(house)
    assert found["log"].detail.startswith("event 20 is missing; the 19 events before it are as they were")
    assert "first event 20, which the log does not have," in found["keys"].detail


def test_a_log_that_lost_its_end_is_shorter_than_the_read_models(house: ProofHouse) -> None:
    head = house.ledger.head()
    house.ask("DELETE FROM stored_events WHERE notification_id > %s", (head - 10,))
    found = failed(house)
    assert f"event {head - 9} is missing" in found["log"].detail
    first = found["read models"].differences[0]
    assert (first.table, first.column, first.live, first.rebuilt) == ("projection_position", "position", str(head), str(head - 10))


def test_a_fact_that_could_be_recorded_twice_is_named(house: ProofHouse) -> None:
    ((stream, number),) = house.ask(
        "SELECT originator_id, originator_version FROM stored_events WHERE notification_id = "
        "(SELECT min(position) FROM fact_keys JOIN stored_events ON position = notification_id WHERE topic = 'return.refunded')"
    )
    house.ask(
        "DELETE FROM fact_keys WHERE key = (SELECT min(key::text)::uuid FROM fact_keys JOIN stored_events ON position = notification_id "
        "WHERE originator_id = %s AND originator_version = %s)",
        (stream, number),
    )
    found = failed(house)
    assert set(found) == {"keys"}
    assert found["keys"].counts["wrong"] == 1
    assert f"number {number} of {stream} (return.refunded)" in found["keys"].detail


def test_an_entry_out_of_balance_is_named_where_it_stands(house: ProofHouse) -> None:
    ((return_id, document),) = house.ask(
        "WITH one AS (SELECT ctid FROM money_moves WHERE side = 'credited' AND total <> 0 LIMIT 1) "
        "UPDATE money_moves m SET items = items + 5 FROM one, returns r WHERE m.ctid = one.ctid AND r.return_no = m.return_no "
        "RETURNING r.return_id, m.document"
    )
    found = failed(house)
    assert set(found) == {"journal", "read models"}
    assert f"CreditNoted {document} of " in found["journal"].detail
    assert f"/{return_id} at " in found["journal"].detail
    assert " by 5 (" in found["journal"].detail
    (difference,) = found["read models"].differences
    assert (difference.table, difference.column, difference.key["document"]) == ("money_moves", "items", document)


def test_a_balance_that_is_not_the_sum_of_its_moves_is_named(house: ProofHouse) -> None:
    house.ask("UPDATE money_balances SET refunded = refunded + 1 WHERE merchant = '50% off?#' AND currency = 'GBP'")
    found = failed(house)
    assert set(found) == {"read models", "balances", "tie-out of money"}
    assert "money of 50% off?#, GBP" in found["balances"].detail
    assert "GBP by 0.01 now" in found["tie-out of money"].detail


def test_a_gap_that_was_lost_does_not_tie_out(house: ProofHouse) -> None:
    house.ask("DELETE FROM gaps WHERE kind IN ('refund_without_credit_note', 'credit_note_mismatch')")
    found = failed(house)
    assert set(found) == {"read models", "tie-out of money"}
    assert found["tie-out of money"].counts["wrong"] > 10
    assert "`returns-ledger rebuild` mends that" in found["read models"].detail
    assert len(found["read models"].differences) == min(100, found["read models"].counts["differences"])


def test_units_that_got_lost_do_not_tie_out(house: ProofHouse) -> None:
    house.ask("UPDATE unit_moves SET announced = announced + 1 WHERE ctid = (SELECT min(ctid) FROM unit_moves WHERE fact = 'Initiated')")
    found = failed(house)
    assert set(found) == {"read models", "journal", "balances", "tie-out of units"}
