"""The rejected file: made when it is needed, complete enough to be mended and imported again."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.files import NoRejectedFile, RejectedFile, read_file
from tests.adapters.files.reading import EXAMPLES, RETURN, csv_text, errors, json_lines, rows_of, tellings, write_rejected

REFUND: dict[str, Any] = {
    **RETURN,
    "fact": "Refunded",
    "refund": "1",
    "currency": "GBP",
    "amount": {"total": "12.00"},
    "method": "original_payment",
}


def test_no_file_without_a_rejected_row(tmp_path: Path) -> None:
    assert write_rejected(tmp_path, rows_of(tmp_path, csv_text([EXAMPLES["refunds"]]), "refunds"), "refunds") is None
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("kind", "suffix"), [("facts", "jsonl"), ("shopify-refunds", "jsonl"), ("refunds", "csv"), ("returns", "csv")])
def test_it_stands_beside_its_file(kind: str, suffix: str, tmp_path: Path) -> None:
    with RejectedFile(tmp_path / "october.csv", kind) as rejected:
        assert rejected.path is None
        rejected.write({"a": "1"}, 7, "a: is wrong")
        assert rejected.path == tmp_path / f"october.csv.rejected.{suffix}"


def test_a_table_keeps_its_own_headings_and_adds_error_and_line_number(tmp_path: Path) -> None:
    content = "Return;Note, to self;Merchant;Platform;Occurred At;Refund;Currency;Total;Method\n"
    content += "R1;é ü;acme;returngo;2026-10-02T09:30:00Z;1;GBP;12,00;original_payment\n"
    path = write_rejected(tmp_path, rows_of(tmp_path, content, "refunds"), "refunds")
    assert path is not None
    with path.open(newline="", encoding="utf-8") as stream:
        [row] = csv.DictReader(stream)
    assert list(row)[:2] == ["Return", "Note, to self"]
    assert list(row)[-2:] == ["error", "line_number"]
    assert row["Note, to self"] == "é ü"
    assert row["error"].startswith("total: '12,00' is not an amount")
    assert row["line_number"] == "2"


def test_a_mended_table_is_read_again(tmp_path: Path) -> None:
    line = EXAMPLES["returns"]
    rows = rows_of(tmp_path, csv_text([{**line, "return": "R0"}, {**line, "quantity": "one"}, {**line, "line": "2"}]), "returns")
    assert errors(rows).keys() == {3, 4}
    path = write_rejected(tmp_path, rows, "returns")
    assert path is not None
    assert len(errors(read_file(path, "returns"))) == 2
    path.write_text(path.read_text().replace("one,", "1,"))
    [again] = list(read_file(path, "returns"))
    assert len(tellings([again])) == 1
    assert again.line_numbers == (2, 3)
    assert "error" not in again.own[0]


def test_rows_that_are_rejected_again_carry_the_new_reason_only(tmp_path: Path) -> None:
    content = csv_text([{**EXAMPLES["refunds"], "total": "x", "error": "old", "Line Number": 99}])
    first = write_rejected(tmp_path, rows_of(tmp_path, content, "refunds"), "refunds")
    assert first is not None
    second = write_rejected(tmp_path, list(read_file(first, "refunds")), "refunds", first.name)
    assert second is not None
    assert second.read_text() == first.read_text()
    assert "old" not in second.read_text()
    assert "99" not in second.read_text()


def test_cells_beyond_the_headings_are_not_lost(tmp_path: Path) -> None:
    good = csv_text([EXAMPLES["refunds"]])
    rows = rows_of(tmp_path, good.replace("R1", "R 1, 2") + good.splitlines()[1].replace("original_payment", "x") + "\n", "refunds")
    path = write_rejected(tmp_path, rows, "refunds")
    assert path is not None
    heading, shifted, _ = path.read_text().splitlines()
    assert heading == "merchant,platform,return,occurred_at,refund,currency,total,method,error,line_number"
    assert shifted.endswith(",2,original_payment")
    assert errors(read_file(path, "refunds")).keys() == {2, 3}


def test_a_column_called_raw_is_a_column_like_any_other(tmp_path: Path) -> None:
    path = write_rejected(
        tmp_path, rows_of(tmp_path, csv_text([{**EXAMPLES["refunds"], "total": "x", "raw": "mine"}]), "refunds"), "refunds"
    )
    assert path is not None
    [row] = list(csv.DictReader(path.read_text().splitlines()))
    assert row["raw (2)"] == "mine"


def test_mended_json_lines_are_read_again(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, json_lines([REFUND, {**REFUND, "refund": 2, "by": "Zoë"}]) + "{no json\n", "facts")
    path = write_rejected(tmp_path, rows, "facts")
    assert path is not None
    one, two = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert one == {**REFUND, "refund": 2, "by": "Zoë", "error": "refund: must be text, not 2", "line_number": 2}
    assert two["raw"] == "{no json"
    assert two["line_number"] == 3
    path.write_text(json.dumps({**one, "refund": "2"}) + "\n")
    [telling] = tellings(read_file(path, "facts"))
    assert telling.by == "Zoë"


def test_half_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    with RejectedFile(tmp_path / "x", "shopify-refunds") as rejected:
        rejected.write({"note": "\ud800"}, 1, "x: é \ud800")
    assert rejected.path is not None
    assert json.loads(rejected.path.read_text(encoding="utf-8")) == {"note": "\ud800", "error": "x: é \ud800", "line_number": 1}
    with RejectedFile(tmp_path / "x", "refunds") as rejected:
        rejected.write({"note": "\ud800"}, 1, "x")
    assert rejected.path is not None
    assert "\\ud800" in rejected.path.read_text(encoding="utf-8")


def test_what_is_nested_too_deep_to_be_copied_is_named_by_its_line(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"x": deep}
    with RejectedFile(tmp_path / "x", "facts") as rejected:
        rejected.write(deep, 7, "row: is nested too deep to be a fact")
    assert rejected.path is not None
    assert json.loads(rejected.path.read_text())["line_number"] == 7


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="/proc is where nobody, not even root, can make a file")
def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with (
        RejectedFile(Path("/proc/x.csv"), "refunds") as rejected,
        pytest.raises(NoRejectedFile, match=r"/proc/x.csv.rejected.csv cannot be written: "),
    ):
        rejected.write({"a": "1"}, 1, "wrong")
    assert rejected.path is None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is a disk that is always full")
def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "x.rejected.csv").symlink_to("/dev/full")
    with pytest.raises(NoRejectedFile, match="cannot be finished: No space left"), RejectedFile(tmp_path / "x", "refunds") as rejected:
        rejected.write({"a": "1"}, 1, "wrong")
