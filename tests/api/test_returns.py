"""One return over HTTP: found by its parts whatever is in them, as of any moment, event by event."""

import httpx
import pytest

from api.bootstrap import House
from tests.api.serving import address, all_pages, assert_problem, credited, fact, initiated, refunded, tell

NAMES = [
    ("acme", "happy_returns", "HR/88-2"),
    ("Bücher & Söhne", "returngo", "Rück/sendung 7"),
    ("50% off?", "shopify", "a%2Fb"),
    ("a/b", "returngo", "c/d/events"),
    ("#hash;semi,comma", "a.b-c_d", "..."),
    ("日本の店", "reveni", "返品/１"),
    ("<script>alert(1)</script>", "returngo", "'\"&amp;"),
    ("plus+plus", "returngo", " lead and trail "),
    ("e", "returngo", "events"),
    ("acme", "returngo", "x" * 200),
]


def test_every_id_can_be_asked_for(house: House, client: httpx.Client) -> None:
    tell(house, *(refunded(name, merchant=merchant, platform=platform) for merchant, platform, name in NAMES))
    for merchant, platform, name in NAMES:
        answer = client.get(address(merchant, platform, name)).json()
        assert (answer["merchant"], answer["platform"], answer["return"]) == (merchant, platform, name)
        [event] = all_pages(client, address(merchant, platform, name) + "/events")
        assert event["fact"] == "Refunded"
        [gap] = all_pages(client, "/api/gaps", **{"return": f"{merchant}/{platform}/{name}"}, kind="refund_without_credit_note")
        assert gap["return"] == name


def test_lower_case_escapes_and_stand_ins_of_slashes(house: House, client: httpx.Client) -> None:
    tell(house, refunded("HR/88-2"))
    assert client.get("/api/returns/acme/returngo/HR%2f88-2").status_code == 200
    # The character that stands for a slash inside is no slash outside.
    for other in ("HR%EE%80%8088-2", "HR%ee%80%8088-2", "HR%EE%80%8188-2", "HR%252F88-2", "HR/88-2", "HR%5C88-2", "HR%00", "%00", "%FF"):
        assert_problem(client.get(f"/api/returns/acme/returngo/{other}"), 404)


def test_the_whole_state_with_its_open_gaps(house: House, client: httpx.Client) -> None:
    tell(
        house,
        initiated("R-1", quantity=2),
        fact("Received", "R-1", "2026-10-02T00:00:00Z", lines=[{"line": "1", "quantity": 2}]),
        fact("Inspected", "R-1", "2026-10-02T10:00:00Z", lines=[{"line": "1", "quantity": 2, "disposition": "saleable"}]),
        refunded("R-1", "40.00", "2026-10-03T00:00:00Z"),
    )
    answer = client.get(address("acme", "returngo", "R-1")).json()
    assert answer["stage"] == "inspected"
    assert answer["state"]["lines.1.quarantine"] == 2
    assert answer["state"]["refunds.RF-R-1.total"] == "40.00 GBP"
    assert answer["refunded"] == "40.00"
    assert answer["credited"] == "0.00"
    gaps = {gap["kind"]: gap for gap in answer["gaps"]}
    assert gaps.keys() == {"refund_without_credit_note", "unrestocked_items"}
    assert gaps["unrestocked_items"]["evidence"] == [3]
    assert answer["set_aside"] is None
    assert answer["as_of"] is None


def test_a_return_and_its_row_of_the_list_agree(house: House, client: httpx.Client) -> None:
    tell(
        house,
        initiated("R-1", quantity=3),
        refunded("R-1"),
        credited("R-1", "12.00"),
        initiated("R-2", currency="JPY"),
        refunded("R-2", "5.00", currency="EUR"),
        fact("Cancelled", "R-2"),
        fact("Received", "R-3", lines=[{"line": "7", "quantity": 1}]),
        refunded("R-4", "3.00", currency="USD"),
        credited("R-4", "1.00", currency="EUR"),
    )
    rows = all_pages(client, "/api/returns")
    assert {row["return"] for row in rows} == {"R-1", "R-2", "R-3", "R-4"}
    for row in rows:
        one = client.get(address(row["merchant"], row["platform"], row["return"])).json()
        assert {name: one[name] for name in row} == row


def test_as_of_and_known_at(house: House, client: httpx.Client) -> None:
    path = address("acme", "returngo", "R-1")
    tell(house, initiated("R-1"), refunded("R-1"))
    known_at = client.get(path + "/events").json()["items"][-1]["recorded_at"]
    tell(house, credited("R-1"))
    before = client.get(path, params={"as_of": "2026-10-02T12:00:00Z"}).json()
    assert [gap["kind"] for gap in before["gaps"]] == ["refund_without_credit_note", "refund_before_receipt"]
    assert before["events"] == 2
    assert before["as_of"] == "2026-10-02T12:00:00Z"
    assert [gap["kind"] for gap in client.get(path).json()["gaps"]] == ["refund_before_receipt"]
    then = client.get(path, params={"known_at": known_at}).json()
    assert then["credited"] == "0.00"
    assert {gap["kind"] for gap in then["gaps"]} == {"refund_without_credit_note", "refund_before_receipt"}
    assert [row["fact"] for row in all_pages(client, path + "/events", known_at=known_at)] == ["Initiated", "Refunded"]
    assert [row["fact"] for row in all_pages(client, path + "/events", as_of="2026-10-01T12:00:00Z")] == ["Initiated"]
    for moment in ({"as_of": "2026-09-01"}, {"known_at": "2020-01-01T00:00:00Z"}):
        for asked in (path, path + "/events"):
            assert "by then" in assert_problem(client.get(asked, params=moment), 404)["detail"]


def test_the_events_with_what_they_did(house: House, client: httpx.Client) -> None:
    path = address("acme", "returngo", "R-1") + "/events"
    tell(house, credited("R-1", source_id="c-1", by="j.lindqvist"), initiated("R-1"), refunded("R-1"))
    rows = all_pages(client, path)
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert [row["fact"] for row in rows] == ["Initiated", "Refunded", "CreditNoted"]
    last = rows[-1]
    assert (last["by"], last["source_id"], last["cause"]) == ("j.lindqvist", "c-1", "test")
    assert last["data"]["amount"] == {"total": "40.00"}
    assert last["changes"]["credit_notes.cin7.CN-R-1.total"] == {"from": None, "to": "40.00 GBP"}
    assert [gap["kind"] for gap in last["closed"]] == ["refund_without_credit_note"]
    assert [row["number"] for row in all_pages(client, path, until=2)] == [1, 2]
    assert all_pages(client, path, until=0) == []
    assert all_pages(client, path, limit=1) == rows
    assert_problem(client.get(path, params={"until": -1}), 422, field="until")


def test_what_nobody_told_of_is_not_there(house: House, client: httpx.Client) -> None:
    tell(house, refunded("R-1"))
    for path in (address("acme", "returngo", "R-2"), address("acme", "returngo", "r-1"), address("ACME", "returngo", "R-1")):
        assert_problem(client.get(path), 404)
        assert_problem(client.get(path + "/events"), 404)
    assert_problem(client.get(address("acme", "returngo", "R-1") + "/"), 404)
    assert_problem(client.get("/api/returns/acme/returngo/"), 404)
    assert_problem(client.get("/api/returns/acme"), 404)


@pytest.mark.parametrize("folded", [False, True])
def test_what_is_recorded_and_not_folded_yet(house: House, client: httpx.Client, folded: bool) -> None:
    tell(house, initiated("R-1"), refunded("R-1"), fold=folded)
    answer = client.get(address("acme", "returngo", "R-1"))
    assert answer.headers["X-Ledger-Position"] == ("2" if folded else "0")
    assert answer.headers["X-Ledger-Lag"] == ("0" if folded else "2")
    assert answer.json()["refunded"] == "40.00"
    assert len(answer.json()["gaps"]) == (2 if folded else 0)
