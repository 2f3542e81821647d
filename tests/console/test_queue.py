"""The queue of operations says what is new, what has become worse and by what, what was reopened, and what an ERP that is away holds up."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from api.bootstrap import House, clock
from api.console.worsening import worse_since
from tests.api.serving import address, asking, credited, fact, initiated, refunded, tell
from tests.console.test_pages import show

OPENED = datetime(2026, 10, 1, 8, tzinfo=UTC)


def row(
    kind: str, minor: int | None, begins: float, ends: float | None = None, *, known: float | None = None, **more: Any
) -> dict[str, Any]:
    """A row of the register, in days after the gap opened."""
    end = None if ends is None else OPENED + timedelta(days=ends)
    found = {"kind": kind, "line": None, "currency": "GBP", "amount_minor": minor, "valid_from": OPENED + timedelta(days=begins)}
    found |= {"valid_to": end, "end_known_from": end, "known_to": None, "by_clock": False}
    return found | {"known_from": OPENED + timedelta(days=begins if known is None else known)} | more


def worse(*rows: dict[str, Any], decided: float | None, days: float) -> list[str]:
    at = None if decided is None else OPENED + timedelta(days=decided)
    return worse_since(rows, ("credit_note_mismatch", None, "GBP"), OPENED, at, OPENED + timedelta(days=days))


def test_what_has_grown_aged_or_been_joined_since_the_last_decision_is_worse() -> None:
    steady = row("credit_note_mismatch", -500, 0)
    assert worse(steady, decided=None, days=2) == []
    assert worse(steady, decided=None, days=4) == ["over 3 days old"], "nobody has looked at it since it was new"
    assert worse(steady, decided=4, days=6) == []
    assert worse(steady, decided=4, days=8) == ["over 7 days old"]
    grown = (row("credit_note_mismatch", -500, 0, 5), row("credit_note_mismatch", -800, 5))
    assert worse(*grown, decided=4, days=6) == ["3.00 GBP more"]
    assert worse(*grown, decided=5, days=6) == []
    shrunk = (row("credit_note_mismatch", -500, 0, 5), row("credit_note_mismatch", 400, 5))
    assert worse(*shrunk, decided=4, days=6) == []
    joined = worse(steady, row("over_refund", 100, 5), decided=4, days=6)
    assert len(joined) == 1
    assert joined[0].endswith(" joined")
    assert worse(steady, row("over_refund", 100, 2), decided=4, days=6) == [], "it was there at the last decision"
    assert worse(steady, row("over_refund", 100, 2, 5), decided=1, days=2.5) == [], "it has gone again"


def test_what_was_learnt_since_counts_as_having_come_since() -> None:
    """The gap was worth more all the time, but nobody knew when it was decided."""
    late = row("credit_note_mismatch", -900, 0, known=5)
    before = row("credit_note_mismatch", -500, 0, known_to=OPENED + timedelta(days=5))
    assert worse(before, late, decided=4, days=6) == ["4.00 GBP more"]
    assert worse(row("credit_note_mismatch", -900, 0), row("received_short", 100, 9, by_clock=True), decided=4, days=6) == []


def days_ago(count: float) -> str:
    return (clock() - timedelta(days=count)).isoformat()


def in_queue(client: httpx.Client, return_id: str) -> tuple[str, str]:
    """The word of this return's row, and all that it says."""
    page = client.get("/work", headers={"Accept": "text/html"}).text
    (told,) = [one for one in page.split('<tr id="wait-')[1:] if f">{return_id}</a>" in one]
    word = re.search(r'class="state (\w+)"', told)
    assert word is not None
    return word[1], told


def test_the_queue_says_so(house: House, client: httpx.Client) -> None:
    for name, days in (("R-1", 0.2), ("R-2", 2), ("R-3", 12), ("R-4", 2)):
        tell(house, initiated(name, days_ago(days + 1)), refunded(name, at=days_ago(days)), credited(name, "35.00", days_ago(days)))
    body = {"action": "waive", "kind": "refund_before_receipt", "by": "ada", "reason": "seen"}
    assert client.post(address("acme", "returngo", "R-4") + "/resolve", json=body).status_code == 200
    house.catch_up()
    told = credited("R-4", "30.00", days_ago(0.01))
    told["credit_note"] = "CN-R-4b"
    tell(house, told)
    assert [in_queue(client, name)[0] for name in ("R-1", "R-2", "R-3", "R-4")] == ["new", "waiting", "worsening", "worsening"]
    assert "Over 7 days old" in in_queue(client, "R-3")[1]
    assert "20.00 GBP more" in in_queue(client, "R-4")[1], "a second note since somebody decided about it"


def test_reopened_stands_until_somebody_does_something_about_it(house: House, client: httpx.Client) -> None:
    lines = [{"line": "1", "quantity": 1, "disposition": "soaked"}]
    tell(house, initiated("R-1"), fact("Received", "R-1"), fact("Inspected", "R-1", lines=lines))
    path = address("acme", "returngo", "R-1") + "/resolve"

    def decide(**body: str) -> str:
        assert client.post(path, json=body | {"by": "ada", "reason": "so"}).status_code == 200
        house.catch_up()
        return in_queue(client, "R-1")[0] if "R-1" in client.get("/work").text else ""

    assert decide(action="waive", kind="disposition_unmapped") == ""
    assert decide(action="reopen") == "reopened"
    assert decide(action="note", text="hm") == "reopened"
    assert decide(action="choose-disposition", to="write-off") == "new", "its way is another one now"


def test_what_waits_for_an_erp_that_is_away_stands_in_the_queue(house: House) -> None:
    tell(house, initiated("R-1"), fact("Received", "R-1"))
    with house.connection() as conn:
        conn.execute(
            "INSERT INTO outbox (id, account, connection, merchant, platform, return_id, kind, lanes, state, issued_at, failing_since, "
            "answer, owner) VALUES ('rl-1', 'erp/uk-cin7', 'uk', 'acme', 'returngo', 'R-1', 'restock', '{goods}', 'dead', now(), "
            "now() - interval '1 hour', 'does not answer', 'ops')"
        )
    with asking(house) as client:
        page = show(client, "/work")
        assert "ERP cannot be reached" in page.text
        assert "R-1" in page.text
