"""The search language of the gap lists: it finds in a month of returns what a filter by hand finds, and says what it cannot read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bootstrap import House, moment
from api.http.searching import KEYS, Unsearchable, read_search
from projections.gap_register import GapFilter, all_gaps
from projections.moments import Moment

Row = dict[str, Any]
ME = ("finance", "noor")


@pytest.fixture(scope="module")
def at() -> Moment:
    return moment()


@pytest.fixture(scope="module")
def everything(month_house: House, at: Moment) -> list[Row]:
    with month_house.connection() as conn:
        return list(all_gaps(conn, GapFilter(), at))


def age(row: Row, at: Moment) -> timedelta:
    from datetime import datetime

    return at.clock - datetime.fromisoformat(row["opened_at"])


@pytest.mark.parametrize(
    ("search", "by_hand"),
    [
        ("kind:mismatch", lambda row, _: "mismatch" in row["kind"]),
        ("kind:over_refund,duplicate", lambda row, _: row["kind"] in ("over_refund", "duplicate_credit_note")),
        ("-kind:refund", lambda row, _: "refund" not in row["kind"]),
        ("owner:ops", lambda row, _: row["owner"] == "ops"),
        ("owner:me", lambda row, _: row["owner"] == "finance"),
        ("-owner:me,cx", lambda row, _: row["owner"] == "ops"),
        ("assigned:noor", lambda row, _: False),
        ("merchant:kumo-shop currency:jpy", lambda row, _: row["merchant"] == "kumo-shop" and row["currency"] == "JPY"),
        ("platform:RETURNGO -erp:linnworks", lambda row, _: row["platform"] == "returngo" and row["erp"] != "linnworks"),
        ("sku:linen-shirt-m", lambda row, _: row["sku"] == "LINEN-SHIRT-M"),
        ("age:>14", lambda row, at: age(row, at) > timedelta(days=14)),
        ("-age:>2w", lambda row, at: age(row, at) <= timedelta(days=14)),
        ("age:<36h", lambda row, at: age(row, at) < timedelta(hours=36)),
        ("amount:>100", lambda row, _: row["amount"] is not None and abs(Decimal(row["amount"])) > 100),
        ("amount:4.95", lambda row, _: row["amount"] is not None and abs(Decimal(row["amount"])) == Decimal("4.95")),
        ("amount:<=5 currency:JPY", lambda row, _: row["currency"] == "JPY" and row["amount"] and abs(Decimal(row["amount"])) <= 5),
        ("units:>1", lambda row, _: (row["units"] or 0) > 1),
        ("is:overdue", lambda row, _: row["overdue"]),
        ("-is:overdue", lambda row, _: not row["overdue"]),
        ("canvas", lambda row, _: "CANVAS" in f"{row['sku']} {row['explanation']}".upper()),
        ('"credited twice"', lambda row, _: "credited twice" in row["explanation"]),
        ("-refunded -refund", lambda row, _: "refund" not in f"{row['kind']} {row['explanation']}".lower()),
        ("100%", lambda row, _: False),
        ("", lambda row, _: True),
    ],
)
def test_a_search_finds_what_a_filter_by_hand_finds(
    month_house: House, everything: list[Row], at: Moment, search: str, by_hand: Callable[[Row, Moment], object]
) -> None:
    with month_house.connection() as conn:
        found = list(all_gaps(conn, GapFilter(narrowed=read_search(search, ME)), at))
    assert found == [row for row in everything if by_hand(row, at)]
    if search not in ("assigned:noor", "100%"):
        assert found


def test_a_search_of_the_past(month_house: House, at: Moment) -> None:
    then = Moment(at.now, at.now - timedelta(days=10), at.now)
    with month_house.connection() as conn:
        found = list(all_gaps(conn, GapFilter(narrowed=read_search("age:>7 kind:uninspected_items")), then))
        every = list(all_gaps(conn, GapFilter(kinds=("uninspected_items",)), then))
    assert found == [row for row in every if age(row, then) > timedelta(days=7)]


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("knd:mismatch", "'knd' is nothing to search by; there are kind, owner"),
        ("kind:nonsense", "kind:nonsense is no kind of gap"),
        ("age:old", "write it as age:>14"),
        ("amount:>1e9", "write it as amount:>100"),
        ("units:1.5", "write it as units:>1"),
        ("-amount:5", "turn the sign round"),
        ("is:late", "there is is:overdue"),
        ("owner:me", "needs somebody who is signed in"),
        ("a " * 31, "30 terms at most"),
    ],
)
def test_what_cannot_be_read_is_said(search: str, says: str) -> None:
    with pytest.raises(Unsearchable, match=says.replace("(", r"\(")):
        read_search(search)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_search(text, ME)
    except Unsearchable:
        return
    # What is typed is a parameter, never SQL.
    assert all("{}" in one.sql for one in found)
    assert not any(len(text) > 3 and text in one.sql for one in found)


def test_an_id_with_a_colon_is_no_key() -> None:
    assert len(read_search("GID:123")) == 1
    assert "kind" in KEYS
