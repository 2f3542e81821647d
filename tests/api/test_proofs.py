"""The tie-out and the journal over HTTP: they agree with each other and with the gaps."""

from collections import defaultdict
from decimal import Decimal

import httpx
import pytest

from api.bootstrap import House
from tests.api.serving import all_pages, assert_problem, credited, fact, initiated, refunded, tell


@pytest.fixture
def shop(house: House) -> House:
    tell(
        house,
        initiated("R-1", quantity=2),
        fact("Received", "R-1", "2026-10-02T00:00:00Z"),
        refunded("R-1", "40.00"),
        credited("R-1", "38.00", amount={"items": "30.00", "tax": "3.00", "shipping": "5.00", "fees": "0", "total": "38.00"}),
        refunded("R-2", "7.77", "2026-10-05T00:00:00Z", currency="EUR", merchant="Bücher & Söhne"),
        credited("R-3", "100", "2026-10-06T00:00:00Z", currency="JPY"),
        fact("RefundReversed", "R-2", "2026-10-07T00:00:00Z", refund="RF-R-2", merchant="Bücher & Söhne"),
    )
    return house


def test_the_tie_out(shop: House, client: httpx.Client) -> None:
    answer = client.get("/api/tie-out").json()
    money = {row["currency"]: row for row in answer["items"] if row["what"] == "money"}
    assert money["GBP"]["clearing_balance"] == money["GBP"]["open_gaps"] == "2.00"
    assert money["JPY"]["clearing_balance"] == "-100"
    [units] = [row for row in answer["items"] if row["what"] == "units"]
    assert (units["sku"], units["announced"], units["quarantine"], units["difference"]) == ("SHIRT-M", 2, 2, 0)
    assert answer["ties_out"] is True
    then = client.get("/api/tie-out", params={"as_of": "2026-10-05T12:00:00Z"}).json()
    assert {row["currency"]: row["clearing_balance"] for row in then["items"] if row["what"] == "money"} == {"EUR": "7.77", "GBP": "2.00"}
    of_one = client.get("/api/tie-out", params={"merchant": "acme", "currency": "JPY"}).json()
    assert [row["currency"] for row in of_one["items"] if row["what"] == "money"] == ["JPY"]


def test_a_difference_is_told(shop: House, client: httpx.Client) -> None:
    with shop.connection() as conn:
        conn.execute("UPDATE gaps SET amount_minor = amount_minor + 1 WHERE kind = 'credit_note_mismatch'")
    answer = client.get("/api/tie-out").json()
    assert answer["ties_out"] is False
    assert [row["difference"] for row in answer["items"] if row["what"] == "money" and row["currency"] == "GBP"] == ["-0.01"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
def test_the_journal_is_the_same_in_pages_of_any_size(shop: House, client: httpx.Client, limit: int) -> None:
    whole = client.get("/api/journal", params={"limit": 1000}).json()
    assert whole["next"] is None
    rows = all_pages(client, "/api/journal", limit=limit)
    assert rows == whole["items"]
    assert [row["occurred_at"] for row in rows] == sorted(row["occurred_at"] for row in rows)


def test_every_entry_balances_and_the_clearing_account_is_the_gap(shop: House, client: httpx.Client) -> None:
    rows = all_pages(client, "/api/journal")
    entries: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    accounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        entries[row["occurred_at"], row["return"], row["fact"], str(row["commodity"])] += Decimal(row["amount"])
        accounts[row["account"], str(row["commodity"])] += Decimal(row["amount"])
    assert set(entries.values()) == {Decimal(0)}
    assert accounts["clearing:returns", "GBP"] == Decimal("2.00")
    assert accounts["clearing:returns", "JPY"] == -100
    assert accounts["clearing:returns", "EUR"] == 0
    assert accounts["sales-returns:shipping", "GBP"] == Decimal("5.00")


def test_a_span_of_the_journal(shop: House, client: httpx.Client) -> None:
    def returns(**asked: str) -> set[str]:
        return {row["return"] for row in all_pages(client, "/api/journal", limit=2, **asked)}

    assert returns(**{"from": "2026-10-05"}) == {"R-2", "R-3"}
    assert returns(**{"from": "2026-10-05", "to": "2026-10-05"}) == {"R-2"}
    assert returns(to="2026-10-02T00:00:00Z") == {"R-1"}
    assert returns(merchant="Bücher & Söhne") == {"R-2"}
    assert returns(**{"from": "2027-01-01"}) == set()
    for field in ("from", "to"):
        assert_problem(client.get("/api/journal", params={field: "soon"}), 422, field=field)
