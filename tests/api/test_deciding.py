"""Deciding over HTTP: each role within its own, refusals as sentences, and what waits for somebody page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from adapters import keys
from adapters.proposals import Decisions
from api.bootstrap import House, clock
from tests.api.serving import Row, address, all_pages, asking, assert_problem, credited, fact, initiated, refunded, tell

Keyed = Callable[[str], httpx.Client]


@pytest.fixture
def keyed(house: House) -> Iterator[Keyed]:
    """A client for a key of that role; its holder is called after it."""
    with asking(house, keys_needed=True) as client, ExitStack() as stack:

        def of(role: str) -> httpx.Client:
            with house.connection() as conn:
                made = keys.create(conn, role=role, name=f"the {role}", now=clock())
            headers = {"authorization": f"Bearer {made.key}"}
            return stack.enter_context(httpx.Client(base_url=client.base_url, timeout=30, headers=headers))

        yield of


def resolve(client: httpx.Client, return_id: str = "R-1", **body: object) -> httpx.Response:
    return client.post(address("acme", "returngo", return_id) + "/resolve", json=body)


def mismatch(house: House, return_id: str = "R-1") -> None:
    tell(house, initiated(return_id), refunded(return_id), credited(return_id, "35.00"), fact("Received", return_id))


def damaged(house: House, return_id: str = "R-2") -> None:
    lines = [{"line": "1", "quantity": 1, "disposition": "damaged"}]
    tell(house, initiated(return_id), fact("Received", return_id), fact("Inspected", return_id, lines=lines))


def test_a_difference_is_accepted_and_its_gap_is_gone(client: httpx.Client, house: House) -> None:
    mismatch(house)
    body = {"action": "accept-difference", "by": "ada", "reason": "rounding"}
    tried = resolve(client, **body, dry_run=True)
    assert tried.status_code == 200, tried.text
    assert tried.json()["dry_run"] is True
    answer = resolve(client, **body)
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["recorded"]
    assert (row["fact"], row["currency"], row["amount"]) == ("DifferenceAccepted", "GBP", "5.00")
    assert (row["by"], row["cause"]) == ("ada", "person:ada")
    house.catch_up()
    assert "credit_note_mismatch" not in [gap["kind"] for gap in client.get("/api/gaps").json()["items"]]
    (tie,) = client.get("/api/tie-out").json()["items"][:1]
    assert (tie["tolerated"], tie["difference"]) == ("5.00", "0.00")
    again = assert_problem(resolve(client, **body), 409)
    assert "no difference to accept" in again["detail"]


def test_each_role_decides_within_its_own(keyed: Keyed, house: House) -> None:
    mismatch(house)
    damaged(house)
    accept: Row = {"action": "accept-difference", "reason": "rounding"}
    write_off: Row = {"action": "write-off", "reason": "torn"}
    finance, ops, auditor, admin = (keyed(role) for role in ("finance", "ops", "auditor", "admin"))
    for action in (accept, write_off, {"action": "note", "text": "hm"}):
        assert_problem(resolve(auditor, **action), 403)
    assert_problem(resolve(ops, **accept), 403)
    assert_problem(resolve(finance, "R-2", **write_off), 403)
    assert_problem(resolve(finance, action="waive", kind="uninspected_items", reason="x"), 403)
    assert_problem(resolve(ops, action="waive", kind="over_refund", reason="x"), 403)
    assert resolve(ops, action="note", text="the parcel was wet").status_code == 200
    assert resolve(ops, action="waive", kind="uninspected_items", reason="looked at in the shop").status_code == 200
    answer = resolve(finance, **accept)
    assert answer.json()["recorded"][0]["by"] == "the finance"
    assert resolve(admin, "R-2", **write_off).json()["recorded"][0]["fact"] == "WrittenOff"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "note", "by": "ada"}, "text"),
        ({"action": "map-sku", "sku": "A", "by": "ada"}, "to"),
        ({"action": "note", "text": "x"}, "by"),
        ({"action": "note", "text": "x", "by": "ada", "sku": "A"}, "sku"),
        ({"action": "snooze", "until": "soon", "by": "ada"}, "until"),
        ({"action": "assign", "to": "x" * 300, "by": "ada"}, "to"),
    ],
)
def test_a_field_that_is_missing_or_does_not_belong_is_named(client: httpx.Client, house: House, body: Row, field: str) -> None:
    mismatch(house)
    assert_problem(resolve(client, **body), 422, field=field)


def test_what_nobody_knows_is_refused(client: httpx.Client, house: House) -> None:
    mismatch(house)
    assert_problem(resolve(client, action="pardon", by="ada"), 422)
    assert_problem(resolve(client, action="note", text="x", by="ada", colour="red"), 422)
    assert_problem(resolve(client, "R-99", action="note", text="x", by="ada"), 404)
    assert_problem(client.get("/api/stalled", params={"kind": "boredom"}), 422)
    assert_problem(client.get("/api/stalled", params={"cursor": "x"}), 422)


def test_what_waits_for_somebody_comes_page_by_page(client: httpx.Client, house: House) -> None:
    for number in range(5):
        mismatch(house, f"R-{number}")
    damaged(house, "R-9")
    rows = all_pages(client, "/api/stalled", limit=2)
    assert sorted(row["return"] for row in rows) == ["R-0", "R-1", "R-2", "R-3", "R-4", "R-9"]
    (row,) = client.get("/api/stalled", params={"return": "R-0"}).json()["items"]
    assert row["kind"] == "credit_note_mismatch"
    assert (row["owner"], row["merchant"], row["platform"], row["next_at"]) == ("finance", "acme", "returngo", None)
    assert row["actions"][0] == "returns-ledger resolve acme/returngo/R-0 accept-difference --currency GBP --reason REASON --by YOU"
    assert [row["return"] for row in client.get("/api/stalled", params={"owner": "ops"}).json()["items"]] == ["R-9"]
    assert client.get("/api/stalled", params={"return": "R-77"}).json() == {"items": [], "next": None}


def test_whose_a_return_is_stands_with_its_gaps(client: httpx.Client, house: House) -> None:
    mismatch(house)
    assert resolve(client, action="assign", to="ada", by="grace").status_code == 200
    house.catch_up()
    assert {gap["assigned_to"] for gap in client.get("/api/gaps").json()["items"]} == {"ada"}
    assert client.get("/api/stalled").json()["items"][0]["assigned_to"] == "ada"


def test_what_gives_up_more_than_one_may_waits_for_a_second_person(house: House, client: httpx.Client) -> None:
    house.settings = house.settings.model_copy(update={"decisions": Decisions(four_eyes_over={"GBP": "4.99"})})
    mismatch(house)
    body: Row = {"action": "accept-difference", "reason": "rounding"}
    for _ in range(2):  # the same person twice is one person
        kept = assert_problem(resolve(client, **body, by="ada"), 409)
        assert "gives up 5.00 GBP, more than the 4.99 GBP that one person may" in kept["detail"]
    tried = resolve(client, **body, by="grace", dry_run=True)
    assert tried.status_code == 200
    answer = resolve(client, **body | {"reason": "agreed"}, by="grace")
    assert answer.status_code == 200, answer.text
    assert [(row["fact"], row["by"]) for row in answer.json()["recorded"]] == [("DifferenceAccepted", "grace"), ("Noted", "grace")]
    assert answer.json()["recorded"][1]["text"] == "Proposed by ada and seconded by grace: it gives up 5.00 GBP."
    # Decided once, it takes two again.
    assert resolve(client, action="reopen", by="ada").status_code == 200
    assert_problem(resolve(client, **body, by="grace"), 409)


def test_a_write_off_and_a_waived_gap_are_weighed_by_what_the_goods_are_worth(house: House, client: httpx.Client) -> None:
    house.settings = house.settings.model_copy(update={"decisions": Decisions(four_eyes_over={"GBP": "1.00"})})
    damaged(house)
    assert_problem(resolve(client, "R-2", action="write-off", reason="torn", by="ada"), 409)
    assert resolve(client, "R-2", action="write-off", reason="torn", by="grace").status_code == 200
    damaged(house, "R-3")
    waive: Row = {"action": "waive", "kind": "damaged_not_written_off", "reason": "kept as a sample"}
    assert_problem(resolve(client, "R-3", **waive, by="ada"), 409)
    assert resolve(client, "R-3", **waive, by="grace").status_code == 200


def test_up_to_the_amount_one_person_is_enough(house: House, client: httpx.Client) -> None:
    house.settings = house.settings.model_copy(update={"decisions": Decisions(four_eyes_over={"GBP": "5.00", "EUR": "0"})})
    mismatch(house)
    assert resolve(client, action="accept-difference", reason="rounding", by="ada").status_code == 200


def soaked(house: House, return_id: str = "R-3") -> None:
    lines = [{"line": "1", "quantity": 1, "disposition": "soaked"}]
    tell(house, initiated(return_id), fact("Received", return_id), fact("Inspected", return_id, lines=lines))


def kinds_of(client: httpx.Client, return_id: str) -> list[str]:
    return sorted(gap["kind"] for gap in client.get("/api/gaps", params={"return": return_id}).json()["items"])


def test_goods_go_where_somebody_of_operations_says(keyed: Keyed, house: House) -> None:
    soaked(house)
    choose: Row = {"action": "choose-disposition", "to": "quarantine", "line": "1"}
    finance, ops, auditor = (keyed(role) for role in ("finance", "ops", "auditor"))
    (row,) = ops.get("/api/stalled", params={"return": "R-3", "kind": "disposition_unmapped"}).json()["items"]
    assert row["actions"][0].endswith("choose-disposition --line 1 --to restock --reason REASON --by YOU")
    for other in (finance, auditor):
        assert_problem(resolve(other, "R-3", **choose, reason="dried"), 403)
    assert "reason" in assert_problem(resolve(ops, "R-3", **choose), 409)["detail"].lower()
    (made,) = resolve(ops, "R-3", **choose, reason="it may dry").json()["recorded"]
    assert (made["fact"], made["found"], made["disposition"], made["quantity"]) == ("DispositionChosen", "soaked", "quarantine", 1)
    assert (made["by"], made["reason"]) == ("the ops", "it may dry")
    house.catch_up()
    assert kinds_of(ops, "R-3") == []
    assert resolve(ops, "R-3", action="reopen", kind="disposition_unmapped").status_code == 200
    house.catch_up()
    assert kinds_of(ops, "R-3") == ["disposition_unmapped"]


def test_goods_worth_more_than_one_may_decide_on_need_a_second_person(house: House, client: httpx.Client) -> None:
    house.settings = house.settings.model_copy(update={"decisions": Decisions(four_eyes_over={"GBP": "39.99"})})
    soaked(house)
    body: Row = {"action": "choose-disposition", "to": "write-off", "reason": "mouldy"}
    kept = assert_problem(resolve(client, "R-3", **body, by="ada"), 409)
    assert "gives up 40.00 GBP" in kept["detail"]
    chosen, noted = resolve(client, "R-3", **body, by="grace").json()["recorded"]
    assert chosen["disposition"] == "damaged"
    assert "Proposed by ada and seconded by grace" in noted["text"]
