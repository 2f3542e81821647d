"""Pages: every row once, whatever the order, and a cursor only for the question that it came from."""

import base64
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api.bootstrap import House
from projections.gap_register import SORTS
from tests.api.serving import all_pages, assert_problem, initiated, refunded, tell

RETURNS = 23


@pytest.fixture
def many(house: House) -> House:
    """Refunds without credit notes, most of them of one instant, one amount and one merchant."""
    for number in range(RETURNS):
        odd = number % 7 == 0
        tell(
            house,
            refunded(f"R-{number:02}", "12.34" if odd else "40.00", "2026-10-05T00:00:00Z" if odd else "2026-10-02T00:00:00Z"),
            fold=False,
        )
    house.catch_up()
    return house


@pytest.mark.parametrize(("limit", "sorts"), [(1, ("due_at", "-amount")), (4, SORTS), (1000, SORTS)])
def test_every_gap_stands_on_one_page(many: House, client: httpx.Client, limit: int, sorts: Iterable[str]) -> None:
    for sort in (f"{sign}{name.removeprefix('-')}" for name in sorts for sign in ("", "-")):
        rows = all_pages(client, "/api/gaps", sort=sort, limit=limit)
        keys = [(row["kind"], row["return"]) for row in rows]
        assert len(keys) == len(set(keys)) == 2 * RETURNS  # each is unannounced, too
        field = sort.removeprefix("-")
        values = [Decimal(row["amount"] or 0) if field == "amount" else row[field] for row in rows]
        if field == "closed_at":
            assert not any(values), "nothing here is closed"
        else:
            assert values == sorted(values, reverse=sort.startswith("-"))


def test_gaps_that_come_between_two_pages_disturb_neither(many: House, client: httpx.Client) -> None:
    first = client.get("/api/gaps", params={"limit": 10, "kind": "refund_without_credit_note"}).json()
    tell(many, refunded("R-AA", at="2026-10-01T00:00:00Z"), refunded("R-ZZ", at="2026-12-01T00:00:00Z"))
    rest = all_pages(client, "/api/gaps", limit=10, kind="refund_without_credit_note", cursor=first["next"])
    seen = [row["return"] for row in first["items"] + rest]
    assert len(seen) == len(set(seen))
    assert {f"R-{number:02}" for number in range(RETURNS)} <= set(seen)


def test_a_page_may_have_another_size_than_the_one_before(many: House, client: httpx.Client) -> None:
    first = client.get("/api/gaps", params={"limit": 3}).json()
    second = client.get("/api/gaps", params={"limit": 7, "cursor": first["next"]}).json()
    assert len(second["items"]) == 7
    assert second["items"][0] not in first["items"]


@pytest.mark.parametrize("other", [{"sort": "amount"}, {"kind": "over_refund"}, {"status": "all"}, {"as_of": "2026-11-01T00:00:00Z"}])
def test_the_cursor_of_another_question_is_refused(many: House, client: httpx.Client, other: dict[str, str]) -> None:
    cursor = client.get("/api/gaps", params={"limit": 1}).json()["next"]
    assert_problem(client.get("/api/gaps", params={"limit": 1, "cursor": cursor, **other}), 422, field="cursor")


def test_the_cursor_of_another_address_is_refused(many: House, client: httpx.Client) -> None:
    cursor = client.get("/api/gaps", params={"limit": 1}).json()["next"]
    for path in ("/api/returns", "/api/summary", "/api/tie-out", "/api/journal"):
        assert_problem(client.get(path, params={"cursor": cursor}), 422, field="cursor")


def test_a_broken_cursor_is_refused(many: House, client: httpx.Client) -> None:
    good = client.get("/api/gaps", params={"limit": 1}).json()["next"]
    told = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    places: list[Any] = [["yesterday", 1], ["2026-10-02", "1"], ["2026-10-02", 1.5], ["2026-10-02"], ["a\x00", 1], [None, 1], ["", -1], {}]
    forged: list[Any] = [{**told, "after": place} for place in (*places, [1, 2**70])]
    texts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in (*forged, [], "text", 7, None, {})]
    for text in ("", "x", "%00", "é", good[:-3], good + "A", "!" * 10, "a" * 5000, *texts):
        assert_problem(client.get("/api/gaps", params={"limit": 1, "cursor": text}), 422, field="cursor")


@pytest.mark.parametrize("path", ["/api/gaps", "/api/summary", "/api/returns", "/api/tie-out", "/api/journal"])
def test_the_limit_is_1_to_1000(client: httpx.Client, path: str) -> None:
    for limit in ("0", "-1", "1001", "many", "1.5", ""):
        assert_problem(client.get(path, params={"limit": limit}), 422, field="limit")
    for limit in ("1", "1000"):
        assert client.get(path, params={"limit": limit}).json() | {"ties_out": None} == {"items": [], "next": None, "ties_out": None}


def test_the_usual_page_has_100_rows(house: House, client: httpx.Client) -> None:
    tell(house, *(refunded(f"R-{number:03}") for number in range(101)))
    assert len(client.get("/api/returns").json()["items"]) == 100
    assert len(all_pages(client, "/api/returns")) == 101


def test_returns_of_one_instant_stand_on_one_page_each(house: House, client: httpx.Client) -> None:
    tell(house, *(initiated(f"R-{number:02}") for number in range(12)))
    rows = all_pages(client, "/api/returns", limit=5)
    assert sorted(row["return"] for row in rows) == [f"R-{number:02}" for number in range(12)]


def test_summary_and_tie_out_go_on_where_they_stopped(house: House, client: httpx.Client) -> None:
    tell(house, refunded("R-1"), refunded("R-2", "3.00", currency="EUR"), initiated("R-3"), refunded("R-3", "90.00", currency="USD"))
    for path in ("/api/summary", "/api/tie-out"):
        assert all_pages(client, path, limit=1) == client.get(path).json()["items"]
