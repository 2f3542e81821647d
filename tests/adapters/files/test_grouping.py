"""Rows that are one fact: brought together wherever they stand, the same in memory and on disk, and rejected together."""

import sqlite3
from collections.abc import Generator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from adapters.files import UnusableFile, grouping, read_file, tables
from adapters.files.csv_records import Record
from domain.content import InspectedUnits, LineUnits
from domain.facts import CreditNoted, Initiated, Received
from domain.telling import ReturnKey
from tests.adapters.files.reading import EXAMPLES, csv_text, errors, facts, rows_of, tellings


@pytest.fixture(params=["memory", "disk"])
def grouped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs on both ways of bringing rows together."""
    if request.param == "disk":
        monkeypatch.setattr(tables, "IN_MEMORY_BYTES", 0)
    return str(request.param)


pytestmark = pytest.mark.usefixtures("grouped")


def line(return_id: str, name: str, **change: Any) -> dict[str, Any]:
    return {**EXAMPLES["returns"], "return": return_id, "line": name, **change}


def test_rows_of_a_return_are_one_fact_wherever_they_stand(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, csv_text([line("R1", "1"), line("R2", "1"), line("R1", "2"), line("R3", "1"), line("R2", "2")]), "returns")
    assert [row.line_numbers for row in rows] == [(2, 4), (3, 6), (5,)]
    assert [telling.key.return_id for telling in tellings(rows)] == ["R1", "R2", "R3"]
    assert [len(fact.lines) for fact in facts(rows) if isinstance(fact, Initiated)] == [2, 2, 1]
    assert [own["line"] for own in rows[0].own] == ["1", "2"]


def test_the_same_id_of_another_merchant_or_platform_is_another_return(tmp_path: Path) -> None:
    content = csv_text([line("R1", "1"), line("R1", "1", merchant="zeta"), line("R1", "1", platform="reveni")])
    keys = [telling.key for telling in tellings(rows_of(tmp_path, content, "returns"))]
    assert keys == [ReturnKey("acme", "returngo", "R1"), ReturnKey("zeta", "returngo", "R1"), ReturnKey("acme", "reveni", "R1")]


@pytest.mark.parametrize("field", ["order", "currency", "resolution", "occurred_at", "source_id", "by", "erp", "exchange"])
def test_a_row_that_differs_from_its_return_takes_the_return_along_and_no_other(field: str, tmp_path: Path) -> None:
    other = {"currency": "EUR", "resolution": "exchange", "occurred_at": "2026-10-02T09:30:00Z", "exchange": "TEE x 1"}.get(field, "other")
    rows = rows_of(tmp_path, csv_text([line("R1", "1"), line("R1", "2", **{field: other}), line("R1", "3"), line("R2", "1")]), "returns")
    assert [telling.key.return_id for telling in [row.telling for row in rows] if telling] == ["R2"]
    assert errors(rows)[3].startswith(f"{field}: is {other!r}, but ")
    assert "on line 2, which belongs to the same fact; they must agree" in errors(rows)[3]
    assert errors(rows)[2] == errors(rows)[4]
    assert errors(rows)[2].startswith("row: belongs to one fact with line 3, which is rejected")


def test_equal_amounts_and_instants_agree_however_they_are_written(tmp_path: Path) -> None:
    note = EXAMPLES["credit-notes"]
    same = {"total": "12.0", "occurred_at": "2026-10-02T08:30:00Z", "line": "2", "quantity": 1}
    [fact] = facts(rows_of(tmp_path, csv_text([{**note, "line": "1", "quantity": 1}, {**note, **same}]), "credit-notes"))
    assert isinstance(fact, CreditNoted)
    assert fact.lines == (LineUnits(line="1", quantity=1), LineUnits(line="2", quantity=1))


BAD_LINES: list[tuple[dict[str, Any], str]] = [
    ({"quantity": "1.5"}, "quantity: must be a whole number"),
    ({"items": "1,50"}, "items: '1,50' is not an amount"),
    ({"items": "1.505"}, "items: '1.505' has 3 digits"),
    ({"sku": ""}, "sku: is missing"),
    ({"tax": "-1.00"}, "tax: must not be negative"),
    ({"line": "1"}, "line: '1' stands on line 3 already, with other content"),
]


@pytest.mark.parametrize(("change", "error"), BAD_LINES)
def test_a_return_with_a_bad_line_is_rejected_as_a_whole(change: dict[str, Any], error: str, tmp_path: Path) -> None:
    bad = {**line("R1", "2", quantity=2), **change}
    rows = rows_of(tmp_path, csv_text([line("R0", "1"), line("R1", "1"), bad, line("R1", "3"), line("R2", "1")]), "returns")
    assert [row.line_numbers for row in rows if row.telling] == [(2,), (6,)]
    assert errors(rows)[4].startswith(error)
    for beside in (3, 5):
        assert errors(rows)[beside].startswith("row: belongs to one fact with line 4, which is rejected")


def test_a_row_that_is_no_row_takes_its_return_along(tmp_path: Path) -> None:
    lines = csv_text([line("R1", "1"), line("R1", "2"), line("R2", "1")]).splitlines()
    lines[2] += ",beyond"
    rows = rows_of(tmp_path, "\n".join(lines), "returns")
    assert errors(rows).keys() == {2, 3}
    assert [row.line_numbers for row in rows if row.telling] == [(4,)]


def test_a_wrong_return_is_rejected_row_by_row(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, csv_text([line("R1", "1", resolution="voucher"), line("R1", "2", resolution="voucher")]), "returns")
    assert errors(rows)[2].startswith("resolution: must be")
    assert errors(rows)[3].startswith("row: belongs to one fact with line 2")


def test_the_very_same_row_twice_is_a_repeat(tmp_path: Path) -> None:
    [row] = rows_of(tmp_path, csv_text([line("R1", "1"), line("R1", "2"), line("R1", "1")]), "returns")
    assert row.line_numbers == (2, 3, 4)
    assert row.telling is not None
    assert isinstance(row.telling.fact, Initiated)
    assert [each.line for each in row.telling.fact.lines] == ["1", "2"]


def test_repeats_are_known_by_what_tells_rows_apart(tmp_path: Path) -> None:
    returned = [line("R1", "1", exported=1), line("R1", "1", exported=2)]
    [initiated] = facts(rows_of(tmp_path, csv_text(returned), "returns"))
    assert isinstance(initiated, Initiated)
    assert len(initiated.lines) == 1
    received = {**EXAMPLES["receipts"], "source_id": "S1"}
    [two] = facts(rows_of(tmp_path, csv_text([{**received, "serial": 1}, {**received, "serial": 2}]), "receipts"))
    [one] = facts(
        rows_of(
            tmp_path, csv_text([{**received, "error": "a", "line_number": 2}, {**received, "error": "b", "line_number": 3}]), "receipts"
        )
    )
    assert isinstance(two, Received)
    assert isinstance(one, Received)
    assert (len(two.lines or ()), len(one.lines or ())) == (2, 1)


def test_rows_that_name_no_return_drag_no_other_along(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, csv_text([line("", "1"), line("", "1"), line("R1", "1")]), "returns")
    assert [row.line_numbers for row in rows] == [(2,), (3,), (4,)]
    assert all(error == "return: is missing" for error in errors(rows).values())


@pytest.mark.parametrize("kind", ["scans", "receipts", "inspections", "restocks", "write-offs"])
def test_rows_with_one_source_id_are_one_fact_and_rows_without_one_stand_alone(kind: str, tmp_path: Path) -> None:
    row = {**EXAMPLES[kind], "source_id": "S1"}
    together = [
        row,
        {**row, "source_id": "", "quantity": 3},
        {**row, "line": "2"},
        {**row, "return": "R2"},
        {**row, "source_id": "", "quantity": 3},
    ]
    rows = rows_of(tmp_path, csv_text(together), kind)
    assert [found.line_numbers for found in rows] == [(2, 4), (3,), (5,), (6,)]
    assert [telling.source_id for telling in tellings(rows)] == ["S1", None, "S1", None]


@pytest.mark.parametrize("kind", ["scans", "receipts", "inspections", "restocks", "write-offs"])
def test_without_a_source_id_column_each_row_is_a_fact(kind: str, tmp_path: Path) -> None:
    assert [row.line_numbers for row in rows_of(tmp_path, csv_text([EXAMPLES[kind]] * 3), kind)] == [(2,), (3,), (4,)]


def test_one_inspection_can_find_a_line_in_two_conditions(tmp_path: Path) -> None:
    row = {**EXAMPLES["inspections"], "source_id": "QC"}
    [fact] = facts(rows_of(tmp_path, csv_text([row, {**row, "disposition": "damaged", "quantity": 2}]), "inspections"))
    assert fact.lines == (  # type: ignore[union-attr]
        InspectedUnits(line="1", quantity=2, disposition="damaged"),
        InspectedUnits(line="1", quantity=1, disposition="saleable"),
    )


def test_a_receipt_names_its_lines_or_means_all_of_them(tmp_path: Path) -> None:
    row = {**EXAMPLES["receipts"], "source_id": "S1"}
    rows = rows_of(tmp_path, csv_text([row, {**row, "line": "", "quantity": ""}]), "receipts")
    assert errors(rows)[3].startswith("line: is empty, but line 2 belongs to the same fact and names one")


def test_a_credit_note_has_its_lines_on_rows_and_another_amount_is_another_telling(tmp_path: Path) -> None:
    note = EXAMPLES["credit-notes"]
    content = csv_text(
        [{**note, "line": n, "quantity": 1} for n in "12"]
        + [{**note, "line": "", "quantity": "", "total": "13.00"}, {**note, "line": "", "quantity": "", "erp": "linnworks"}]
    )
    rows = rows_of(tmp_path, content, "credit-notes")
    assert [row.line_numbers for row in rows] == [(2, 3), (4,), (5,)]
    assert [(fact.erp, fact.amount.total) for fact in facts(rows) if isinstance(fact, CreditNoted)] == [
        ("cin7", 1200),
        ("cin7", 1300),
        ("linnworks", 1200),
    ]


def test_a_return_with_more_lines_than_a_fact_can_have_is_rejected_row_by_row(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, csv_text([line("R1", str(n)) for n in range(1500)] + [line("R2", "1")]), "returns")
    assert len(errors(rows)) == 1500
    assert errors(rows)[1501].startswith("row: belongs to one fact with more than 1000 rows, the first of them line 2")
    assert [row.line_numbers for row in rows if row.telling] == [(1502,)]


def test_quoted_cells_over_several_lines_are_read_again_from_their_place(tmp_path: Path) -> None:
    reason = 'too "small",\nreally\nvery'
    content = csv_text([line(f"R{n % 3}", str(n), reason=reason) for n in range(9)]).replace("\n", "\r\n")
    found = facts(rows_of(tmp_path, content.encode(), "returns"))
    assert [each.reason for fact in found if isinstance(fact, Initiated) for each in fact.lines] == [reason] * 9


def test_both_ways_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(20261002)
    content = csv_text(
        [
            line(f"R{random.randrange(60)}", str(random.randrange(4)), quantity=random.choice([1, 2, "x", ""]), order="#1")
            for _ in range(300)
        ]
    )
    said: list[list[Any]] = []
    for limit in (0, 20_000_000):
        monkeypatch.setattr(tables, "IN_MEMORY_BYTES", limit)
        said.append([(row.line_numbers, row.own, row.telling, str(row.rejected)) for row in rows_of(tmp_path, content, "returns")])
    assert said[0] == said[1]
    assert sorted(number for numbers, *_ in said[0] for number in numbers) == list(range(2, 302))


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    def records() -> Iterator[Record]:
        yield Record(1, 0, 1, b"")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(UnusableFile, match=r"disk is full.*SQLITE_TMPDIR"):
        list(grouping.on_disk(records(), lambda _: None, lambda line, start, end: Record(line, start, end, b"")))


def test_reading_can_be_left_off_half_way(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(csv_text([line(f"R{n}", "1") for n in range(10)]))
    rows = read_file(path, "returns")
    assert next(rows).line_numbers == (2,)
    assert isinstance(rows, Generator)
    rows.close()
    path.unlink()
