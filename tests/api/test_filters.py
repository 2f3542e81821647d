"""Filters and moments: what is asked is what is answered, and what is misspelt is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api.bootstrap import House
from tests.api.serving import all_pages, assert_problem, credited, initiated, refunded, tell


@pytest.fixture
def shop(house: House) -> House:
    """Four returns with gaps of several kinds, merchants, platforms and currencies."""
    tell(
        house,
        initiated("A-1"),
        refunded("A-1"),
        initiated("A-2", currency="EUR", platform="reveni"),
        refunded("A-2", currency="EUR", platform="reveni"),
        credited("A-2", "35.05", currency="EUR", platform="reveni"),
        initiated("A-1", merchant="Bücher & Söhne", currency="JPY", resolution="exchange"),
        credited("A-1", "100", merchant="Bücher & Söhne", currency="JPY"),
        initiated("A-3", at="2026-11-01T00:00:00Z"),
        refunded("A-3", "41.50", "2026-11-02T10:00:00+01:00"),
    )
    return house


def ask(client: httpx.Client, **asked: Any) -> list[tuple[str, str, str]]:
    return sorted((row["merchant"], row["return"], row["kind"]) for row in all_pages(client, "/api/gaps", **asked))


def test_each_filter_narrows_and_values_of_one_are_alternatives(shop: House, client: httpx.Client) -> None:
    everything = ask(client)
    assert ("acme", "A-1", "refund_without_credit_note") in everything
    assert ask(client, kind="over_refund") == [("acme", "A-3", "over_refund")]
    both = ask(client, kind=["over_refund", "credit_note_mismatch"])
    assert both == [("acme", "A-2", "credit_note_mismatch"), ("acme", "A-3", "over_refund")]
    assert ask(client, merchant="Bücher & Söhne") == [("Bücher & Söhne", "A-1", "credit_note_without_refund")]
    assert {row[1] for row in ask(client, platform="reveni")} == {"A-2"}
    assert {row[1] for row in ask(client, currency=["EUR"])} == {"A-2"}
    assert ask(client, currency=["EUR", "GBP", "JPY"]) == everything
    assert {row[2] for row in ask(client, owner="ops")} == {"refund_before_receipt"}
    assert ask(client, owner="nobody") == []
    assert ask(client, merchant="acme", currency="JPY") == []


def test_a_return_is_named_in_short_or_in_full(shop: House, client: httpx.Client) -> None:
    assert {row[1] for row in ask(client, **{"return": "A-2"})} == {"A-2"}
    assert {row[0] for row in ask(client, **{"return": "acme/returngo/A-1"})} == {"acme"}
    assert {row[0] for row in ask(client, **{"return": "Bücher & Söhne/returngo/A-1"})} == {"Bücher & Söhne"}
    assert ask(client, **{"return": "A-9"}) == []
    for path in ("/api/gaps", "/api/summary"):
        problem = assert_problem(client.get(path, params={"return": "A-1"}), 422, field="return")
        assert "acme/returngo/A-1" in problem["detail"]
        assert "Bücher & Söhne/returngo/A-1" in problem["detail"]


def test_gaps_as_they_stood_at_a_moment(shop: House, client: httpx.Client) -> None:
    before = ask(client, as_of="2026-10-02T08:30:00Z", kind="refund_without_credit_note")
    assert before == [("acme", "A-1", "refund_without_credit_note"), ("acme", "A-2", "refund_without_credit_note")]
    assert ask(client, as_of="2026-10-02T08:29:59.999999Z", kind="refund_without_credit_note") == []
    at_nine = "2026-11-02T10:00:00+01:00"
    assert ("acme", "A-3", "over_refund") in ask(client, as_of=at_nine)
    assert ask(client, as_of=at_nine) == ask(client, as_of="2026-11-02T09:00:00Z")
    # A day is its end.
    assert ask(client, as_of="2026-10-02") == ask(client, as_of="2026-10-02T23:59:59Z")
    assert ask(client, known_at="2020-01-01T00:00:00Z") == []
    assert ask(client, known_at="2999-01-01T00:00:00Z") == ask(client)


def test_a_plus_that_was_not_encoded_is_still_an_offset(shop: House, client: httpx.Client) -> None:
    plain = client.get("/api/gaps?as_of=2026-11-02T10:00:00+01:00").json()
    encoded = client.get("/api/gaps?as_of=2026-11-02T10:00:00%2B01:00").json()
    assert plain["items"] == encoded["items"] != []


def test_status_and_overdue(shop: House, client: httpx.Client) -> None:
    tell(shop, credited("A-1"))
    [closed] = all_pages(
        client, "/api/gaps", status="closed", kind="refund_without_credit_note", merchant="acme", **{"return": "acme/returngo/A-1"}
    )
    assert closed["closed_at"] == "2026-10-03T08:30:00Z"
    assert closed["amount"] == "40.00"
    every = ask(client, status="all")
    assert every == sorted(ask(client, status="open") + ask(client, status="closed"))
    due = all_pages(client, "/api/gaps", as_of="2026-10-03T08:30:01Z", overdue="true")
    assert [(row["return"], row["kind"], row["overdue"]) for row in due] == []
    due = all_pages(client, "/api/gaps", as_of="2026-10-05T08:30:01Z", overdue="true", owner="finance")
    assert {row["return"] for row in due} == {"A-1", "A-2"}
    assert all(row["overdue"] for row in due)
    assert ask(client, overdue="false") == ask(client)


def test_summary_never_sums_across_currencies(shop: House, client: httpx.Client) -> None:
    rows = all_pages(client, "/api/summary", as_of="2026-11-10T00:00:00Z", kind="refund_without_credit_note")
    assert [(row["currency"], row["age"], row["count"], row["amount"]) for row in rows] == [
        ("GBP", "7-14 d", 1, "41.50"),
        ("GBP", ">30 d", 1, "40.00"),
    ]
    assert sum(row["count"] for row in all_pages(client, "/api/summary")) == len(ask(client))
    assert all_pages(client, "/api/summary", merchant="nobody") == []


NONSENSE = [
    ("kind", "over_refunds"),
    ("kind", ""),
    ("status", "opened"),
    ("currency", "GPB"),
    ("currency", "gbp"),
    ("overdue", "perhaps"),
    ("as_of", "yesterday"),
    ("as_of", "2026-10-02T08:30:00"),
    ("as_of", "2026-02-30"),
    ("as_of", "2026-02-30T00:00:00Z"),
    ("known_at", "1761900000"),
    ("known_at", "9999-12-31T23:59:59-01:00"),
    ("merchant", ""),
    ("merchant", "\x00"),
    ("owner", "o" * 401),
    ("return", "\x00"),
    ("knd", "over_refund"),
    ("Kind", "over_refund"),
    ("return_", "A-1"),
]


@pytest.mark.parametrize("path", ["/api/gaps", "/api/summary", "/api/exports/gaps.csv", "/api/exports/gaps.xlsx"])
def test_what_is_not_understood_is_refused(client: httpx.Client, path: str) -> None:
    for field, value in NONSENSE:
        assert_problem(client.get(path, params={field: value}), 422, field=field)


def test_an_unknown_order_is_refused(client: httpx.Client) -> None:
    for sort in ("due", "--due_at", "amount desc", "gap_no", ""):
        assert_problem(client.get("/api/gaps", params={"sort": sort}), 422, field="sort")


def test_a_misspelt_parameter_is_refused_everywhere(client: httpx.Client) -> None:
    for path in ("/api/returns", "/api/tie-out", "/api/journal", "/api/returns/a/b/c", "/api/returns/a/b/c/events"):
        assert_problem(client.get(path, params={"merchnat": "acme"}), 422, field="merchnat")


def test_of_what_can_only_be_one_there_may_not_be_two(client: httpx.Client) -> None:
    for field, values in {
        "status": ["open", "all"],
        "as_of": ["2026-10-01", "2026-10-02"],
        "sort": ["kind", "amount"],
        "limit": ["1", "2"],
        "overdue": ["true", "false"],
        "return": ["A-1", "A-2"],
    }.items():
        assert_problem(client.get("/api/gaps", params={field: values}), 422, field=field)


def test_a_second_merchant_or_currency_is_refused_where_there_is_one(client: httpx.Client) -> None:
    for path, field in (("/api/tie-out", "merchant"), ("/api/tie-out", "currency"), ("/api/journal", "merchant")):
        assert_problem(client.get(path, params={field: ["GBP", "EUR"]}), 422, field=field)


def test_the_board_is_filtered(shop: House, client: httpx.Client) -> None:
    def board(**asked: Any) -> set[tuple[str, str]]:
        return {(row["merchant"], row["return"]) for row in all_pages(client, "/api/returns", **asked)}

    assert len(board()) == 4
    assert board(merchant="Bücher & Söhne") == {("Bücher & Söhne", "A-1")}
    assert board(platform="reveni", currency=["EUR", "GBP"]) == {("acme", "A-2")}
    assert board(order="SO-A-3") == {("acme", "A-3")}
    assert board(stage="announced") == {("Bücher & Söhne", "A-1")}
    assert len(board(stage=["announced", "refunded"])) == 4
    assert_problem(client.get("/api/returns", params={"stage": "lost"}), 422, field="stage")
    assert_problem(client.get("/api/returns", params={"as_of": "2026-10-01"}), 422, field="as_of")


def test_the_first_and_the_last_moment_there_are(shop: House, client: httpx.Client) -> None:
    for moment, gaps in (("0001-01-01T00:00:00Z", False), ("9999-12-31T23:59:59.999999Z", True)):
        for path in ("/api/gaps", "/api/summary", "/api/tie-out", "/api/exports/gaps.xlsx", "/", "/tie-out"):
            for field in ("as_of", "known_at"):
                answer = client.get(path, params={field: moment})
                assert answer.status_code == 200, (path, field, moment)
                if path == "/api/gaps":
                    assert bool(answer.json()["items"]) is gaps


def test_many_at_once(shop: House, client: httpx.Client) -> None:
    """More than there are connections: they wait for each other, and none fails."""
    with ThreadPoolExecutor(40) as crowd:
        answers = list(crowd.map(lambda number: client.get("/api/gaps", params={"limit": number % 5 + 1}), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert all(len(answer.json()["items"]) == number % 5 + 1 for number, answer in enumerate(answers))
