"""Policies as versions: in the table that everybody asks, and in the log, where nobody changes them unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.policies import adopt, adopt_policies, changes, policies_in_force, tell_versions, versions_of
from api.bootstrap import House
from domain.decisions import PolicyAdopted
from domain.policy import DEFAULT_POLICY, Policy
from domain.telling import ReturnKey
from tests.api.serving import asking, open_test_house

PARTY = ("acme", "returngo")
AT = datetime(2026, 10, 2, 9, tzinfo=UTC)
SCANNED, INSPECTED = Policy(credit_note_on="scanned"), Policy(credit_note_on="inspected")


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_test_house(database, tmp_path) as opened:
        yield opened


def test_a_version_is_made_where_the_configuration_changes(house: House) -> None:
    with house.connection() as conn:
        assert adopt_policies(conn, {PARTY: SCANNED}, AT).version_of(*PARTY) == 1
        assert adopt_policies(conn, {PARTY: SCANNED}, AT + timedelta(days=1)).version_of(*PARTY) == 1
        assert adopt_policies(conn, {}, AT).policy_of(ReturnKey(*PARTY, "R-1")) == SCANNED
        assert adopt_policies(conn, {PARTY: INSPECTED}, AT + timedelta(days=2)).version_of(*PARTY) == 2
        assert [one.version for one in versions_of(conn, PARTY)] == [2, 1]


def test_what_a_person_adopted_stays_until_the_configuration_changes(house: House) -> None:
    with house.connection() as conn:
        adopt_policies(conn, {PARTY: SCANNED}, AT)
        made = adopt(conn, PARTY, INSPECTED, AT + timedelta(hours=1), by="ada", reason="returns come back torn")
        assert made is not None
        assert (made.version, made.by) == (2, "ada")
        assert adopt(conn, PARTY, INSPECTED, AT + timedelta(hours=2), by="ada", reason=None) is None
        assert adopt_policies(conn, {PARTY: SCANNED}, AT + timedelta(days=1)).policy_of(ReturnKey(*PARTY, "")) == INSPECTED
        changed = adopt_policies(conn, {PARTY: DEFAULT_POLICY}, AT + timedelta(days=2))
        assert (changed.version_of(*PARTY), changed.policy_of(ReturnKey(*PARTY, ""))) == (3, DEFAULT_POLICY)
        assert policies_in_force(conn).version_of(*PARTY) == 3


def test_each_version_is_an_event_of_a_stream_of_its_own(house: House) -> None:
    with house.connection() as conn:
        adopt_policies(conn, {PARTY: SCANNED}, AT)
        adopt(conn, PARTY, INSPECTED, AT + timedelta(hours=1), by="ada", reason="returns come back torn")
        assert tell_versions(conn, house.ledger) == 2
        assert tell_versions(conn, house.ledger) == 0
        conn.execute("UPDATE policy_versions SET told = false")  # killed between the log and the table
        assert tell_versions(conn, house.ledger) == 2
        first, second = house.ledger.events("return/acme/policy.returngo/versions")
        assert isinstance(second.fact, PolicyAdopted)
        assert (first.cause, second.cause, second.by, second.fact.version) == ("configuration", "person:ada", "ada", 2)
        assert Policy.model_validate(json.loads(second.fact.policy)) == INSPECTED
        assert second.fact.reason == "returns come back torn"
        # A policy is no return: nothing of it stands on the board, or opens a gap.
        house.catch_up()
        assert conn.execute("SELECT (SELECT count(*) FROM returns), (SELECT count(*) FROM gaps)").fetchone() == (0, 0)


def test_changes_are_told_as_the_configuration_writes_them() -> None:
    assert changes(SCANNED, INSPECTED) == {"credit_note_on": ("scanned", "inspected")}
    assert changes(Policy(), Policy(short_after="7d")) == {"short_after": ("14d", "7d")}  # type: ignore[arg-type]


def test_the_versions_can_be_read_over_http(house: House) -> None:
    with house.connection() as conn:
        adopt_policies(conn, {PARTY: SCANNED}, AT)
        tell_versions(conn, house.ledger)
    with asking(house) as client:
        (row,) = client.get("/api/returns/acme/policy.returngo/versions/events").json()["items"]
    assert (row["fact"], row["data"]["version"], row["opened"]) == ("PolicyAdopted", 1, [])
