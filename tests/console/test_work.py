"""What the console keeps and tells beside its pages: stories, saved views, bulk actions that go on, and the stream of pokes."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters import bulk_runs, keys
from adapters.bulk_runs import Item
from api.bootstrap import House, clock
from api.console.story import LANES, lane_of, sentence_of
from api.console.writing import gap_key
from api.http.app import make_app
from tests.api.serving import asking, credited, fact, initiated, refunded, served, tell
from tests.console.test_pages import show
from tests.examples import EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_fact_has_a_lane_and_a_sentence(name: str) -> None:
    told = EXAMPLES[name].fact
    assert lane_of(told) in LANES
    sentence = sentence_of(told)
    assert sentence[0].isupper() or not sentence[0].isalpha()
    assert sentence.endswith((".", "”", "”.")), sentence
    assert "None" not in sentence


def test_both_sides_of_a_difference(house: House, client: httpx.Client) -> None:
    whole = {"items": "40.00", "tax": "0", "shipping": "4.95", "fees": "0", "total": "44.95"}
    tell(house, initiated("R-1"), refunded("R-1", amount=whole), credited("R-1", "30.00"), credited("R-1", "8.00", credit_note="CN-2"))
    text = show(client, "/returns/acme/returngo/R-1").text
    # Notes without parts explain nothing: what they leave is unexplained.
    assert "items 40.00 – – –" in text
    assert "unexplained – – – 6.95" in text
    assert "total 44.95 8.00 30.00 6.95" in text


def as_somebody(house: House, client: httpx.Client, name: str, role: str = "finance") -> httpx.Client:
    with house.connection() as conn:
        key = keys.create(conn, role=role, name=name, now=clock(), expires_at=clock() + timedelta(hours=1)).key
    return httpx.Client(base_url=client.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def test_views_are_ones_own_or_everybodys(house: House) -> None:
    with asking(house, keys_needed=True) as plain, as_somebody(house, plain, "ada") as ada, as_somebody(house, plain, "bo") as bo:
        answer = ada.post("/views", data={"name": "Mine", "query": "q=amount%3A%3E5&cursor=x&as_of=2026-01-01"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/gaps?q=amount%3A%3E5")
        ada.post("/views", data={"name": "Ours", "query": "kind=over_refund", "shared": "yes"})
        assert {"/gaps?q=amount%3A%3E5", "/gaps?kind=over_refund"} <= set(show(ada, "/gaps").links())
        links = show(bo, "/gaps").links()
        assert "/gaps?kind=over_refund" in links
        assert "/gaps?q=amount%3A%3E5" not in links
        assert bo.post("/views/2/forget").status_code == 404, "it is ada's"
        assert ada.post("/views/2/forget").status_code == 303
        assert "/gaps?kind=over_refund" not in show(bo, "/gaps").links()
        assert ada.post("/views", data={"name": " ", "query": ""}).status_code == 422
        assert ada.post("/views", data={"name": "x" * 61, "query": ""}).status_code == 422


def mismatches(house: House, count: int) -> list[dict[str, Any]]:
    for number in range(count):
        tell(house, initiated(f"R-{number}"), fact("Received", f"R-{number}"), refunded(f"R-{number}"), credited(f"R-{number}", "35.00"))
    return [
        {
            "merchant": "acme",
            "platform": "returngo",
            "return": f"R-{n}",
            "kind": "credit_note_mismatch",
            "currency": "GBP",
            "amount": "5.00",
        }
        for n in range(count)
    ]


def test_a_plan_says_what_cannot_be_and_a_run_goes_on_where_it_was_left(house: House, client: httpx.Client) -> None:
    rows = mismatches(house, 4)
    stale = rows[3] | {"amount": "4.00"}
    marked = [gap_key(row) for row in (*rows[:3], stale)]
    form = {"action": "accept-difference", "accept-difference.reason": "Small", "query": "", "gap": marked}
    answer = client.post("/bulk", data=form)
    assert answer.headers["location"] == "/bulk/1"
    page = show(client, "/bulk/1")
    assert "3 can be decided, 1 cannot, as the list says" in page.text
    assert "The difference is 5.00 GBP, not 4.00" in page.text
    assert "15.00 GBP" in page.text
    with house.connection() as conn:
        # Somebody began, decided one, and died.
        assert bulk_runs.take(conn, 1, clock() - timedelta(minutes=5))
        assert show(client, "/bulk/1").text.count("interrupted") == 1
        assert not bulk_runs.take(conn, 1, clock() - timedelta(minutes=5)), "as long as he may live nobody else goes on"
    client.post("/bulk/1/start")
    deadline = time.monotonic() + 60
    while "finished" not in show(client, "/bulk/1").text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "3 decided, 1 not possible" in show(client, "/bulk/1").text
    assert "R-3" in show(client, "/gaps?kind=credit_note_mismatch").text
    assert "R-0" not in show(client, "/gaps?kind=credit_note_mismatch").text


def test_a_whole_list_is_planned_by_its_question(house: House, client: httpx.Client) -> None:
    mismatches(house, 3)
    form = {"action": "assign", "assign.to": "noor", "whole": "yes", "query": "q=kind%3Amismatch&sort=-amount"}
    client.post("/bulk", data=form)
    with house.connection() as conn:
        assert [one.return_id for one in bulk_runs.items_of(conn, 1)] == ["R-0", "R-1", "R-2"]
    for wrong in ({"query": "status=closed", "whole": "yes"}, {"query": "x=1", "whole": "yes"}, {}, {"gap": "[]"}, {"action": "erase"}):
        assert client.post("/bulk", data={"action": "note", "note.text": "x"} | wrong).status_code == 422, wrong
    assert client.get("/bulk/99").status_code == 404


def test_a_run_that_was_stopped_stays_stopped(house: House) -> None:
    item = Item(1, "acme", "returngo", "R-1", {}, None, None, "planned", None)
    with house.connection() as conn:
        run = bulk_runs.plan(conn, "note", {"text": "x"}, "", "ada", clock(), [item])
        bulk_runs.cancel(conn, run, "bo", clock())
        assert not bulk_runs.take(conn, run, clock())
        assert bulk_runs.next_item(conn, run, clock()) is None
        assert bulk_runs.get_run(conn, run).state(clock()) == "cancelled"


def heard(address: str, wanted: int, **asked: str) -> list[tuple[str, str]]:
    """The first events of a stream: their names and marks."""
    events: list[tuple[str, str]] = []
    with httpx.stream("GET", f"{address}/live", params=asked, timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, line.removeprefix("data: ")))
                if len(events) == wanted:
                    break
    return events


def test_pokes_say_only_that_something_changed(house: House) -> None:
    app = make_app(house, demo=True, keys_needed=False)
    with served(app) as address:
        try:
            ((name, mark),) = heard(address, 1)
            assert name == "hello"
            tell(house, refunded("R-1"))
            # It is looked at once a second: the first word may be that nothing has changed yet.
            name, later = next(one for one in heard(address, 2, after=mark) if one[0] == "changed")
            assert later != mark, "what was missed is told"
            assert later.replace(".", "").isdigit(), "a mark says nothing of what it was"
            teller = threading.Timer(1.5, tell, (house, refunded("R-2")))
            teller.start()
            assert [name for name, _ in heard(address, 2, after=later)] == ["hello", "changed"]
            teller.join()
        finally:
            app.state.drain.set()


def test_open_streams_end_when_the_server_does(house: House) -> None:
    app = make_app(house, demo=True, keys_needed=False)
    ended = threading.Event()
    with served(app) as address:

        def listen() -> None:
            with httpx.stream("GET", f"{address}/live", timeout=30) as stream:
                for _ in stream.iter_lines():
                    pass
            ended.set()

        threading.Thread(target=listen, daemon=True).start()
        deadline = time.monotonic() + 20
        while app.state.pulse.streams == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        app.state.drain.set()
        assert ended.wait(60)
    assert app.state.pulse.streams == 0
