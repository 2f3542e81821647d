"""Every kind has a template that imports as it is, and a file that cannot be read as its kind is refused as a whole."""

import os
from pathlib import Path

import pytest

from adapters.files import KINDS, UnusableFile, WrongHeadings, read_file, rejected_whole, template
from adapters.files.columns import CSV_KINDS
from domain.facts import FACTS
from tests.adapters.files.reading import EXAMPLES, csv_text, errors, facts, rows_of, tellings


def test_the_kinds_are_those_of_the_contract() -> None:
    assert set(KINDS) == {
        "facts",
        "returns",
        "scans",
        "receipts",
        "inspections",
        "refunds",
        "credit-notes",
        "restocks",
        "write-offs",
        "payouts",
        "shopify-refunds",
        "shopify-payouts",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_imports_as_it_is(kind: str, tmp_path: Path) -> None:
    merchant = "acme" if kind.startswith("shopify-") else None
    [telling] = tellings(rows_of(tmp_path, template(kind), kind, merchant=merchant))
    assert telling.key.merchant == "acme"


@pytest.mark.parametrize("kind", CSV_KINDS)
def test_a_template_shows_every_field_of_the_contract(kind: str, tmp_path: Path) -> None:
    heading, example = template(kind).splitlines()
    assert heading.split(",")[:6] == ["merchant", "platform", "return", "occurred_at", "source_id", "by"]
    assert set(EXAMPLES[kind]) <= set(heading.split(","))
    [fact] = facts(rows_of(tmp_path, f"{heading}\n{example}\n", kind))
    assert isinstance(fact, FACTS[CSV_KINDS[kind].fact])


@pytest.mark.parametrize("kind", EXAMPLES)
def test_optional_columns_may_be_left_out(kind: str, tmp_path: Path) -> None:
    assert len(tellings(rows_of(tmp_path, csv_text([EXAMPLES[kind]]), kind))) == 1


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_missing_column_refuses_the_file_and_names_the_column(kind: str, tmp_path: Path) -> None:
    optional = {"line", "quantity"} if kind in ("scans", "receipts") else set()
    for column in EXAMPLES[kind].keys() - optional:
        with pytest.raises(UnusableFile, match=rf"has no column {column}, .* it has: \w+") as refused:
            rows_of(tmp_path, csv_text([{name: cell for name, cell in EXAMPLES[kind].items() if name != column}]), kind)
        assert f"template {kind}" in str(refused.value)


def test_merchant_and_platform_can_come_from_the_command(tmp_path: Path) -> None:
    row = {name: cell for name, cell in EXAMPLES["refunds"].items() if name not in ("merchant", "platform")}
    [telling] = tellings(rows_of(tmp_path, csv_text([row]), "refunds", merchant="zeta", platform="reveni"))
    assert telling.key == ("zeta", "reveni", "R1")
    with pytest.raises(UnusableFile, match=r"has no column merchant, platform.*--merchant or --platform can stand in"):
        rows_of(tmp_path, csv_text([row]), "refunds")


def test_a_row_that_names_its_merchant_keeps_it(tmp_path: Path) -> None:
    rows = [EXAMPLES["refunds"], {**EXAMPLES["refunds"], "merchant": "", "platform": "", "refund": "2"}]
    named, unnamed = tellings(rows_of(tmp_path, csv_text(rows), "refunds", merchant="zeta", platform="reveni"))
    assert (named.key.merchant, named.key.platform) == ("acme", "returngo")
    assert (unnamed.key.merchant, unnamed.key.platform) == ("zeta", "reveni")


def test_two_columns_of_one_name_leave_open_which_counts(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="two columns refund"):
        rows_of(tmp_path, "merchant,platform,return,occurred_at,refund,Refund,currency,total,method\n", "refunds")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"PK\x03\x04 and so on", "spreadsheet workbook, not CSV"),
        (b"\xff\xfem\x00e\x00", "UTF-16"),
        (b"merchant,platform\racme,returngo\r", "ordinary line ends"),
        (b"\x00\x01\x02\x03", "has no column merchant"),
    ],
)
def test_what_is_no_csv_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=what):
        rows_of(tmp_path, content, "refunds")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            'refund;total;method\n7;"1,00"\n\n;;\n8;"2\n00";cash\n',
            [(2, {"refund": "7", "total": "1,00", "method": ""}), (5, {"refund": "8", "total": "2\n00", "method": "cash"})],
        ),
        ("refund,Refund\n1,2\n", [(2, {"refund": "1", "Refund": "2"})]),
        ("a,b\n1,2\n", [(1, {"raw": "a,b"}), (2, {"raw": "1,2"})]),
        ("a\rb\n\nc", [(1, {"raw": "a\rb"}), (3, {"raw": "c"})]),
    ],
)
def test_under_wrong_headings_every_row_is_rejected_with_what_it_has(
    content: str, shown: list[tuple[int, dict[str, str]]], tmp_path: Path
) -> None:
    path = tmp_path / "refunds.csv"
    path.write_text(content, newline="")
    with pytest.raises(WrongHeadings) as wrong:
        list(read_file(path, "refunds"))
    rows = list(rejected_whole(path, "refunds", wrong.value))
    assert [(row.line_numbers[0], row.own[0]) for row in rows] == shown
    assert all(str(row.rejected) == f"headings: {wrong.value}" for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_there_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"nowhere cannot be read: No such file"):
        list(read_file(tmp_path / "nowhere", kind, "acme"))
    with pytest.raises(UnusableFile, match="cannot be read: Is a directory"):
        list(read_file(tmp_path, kind, "acme"))


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'orders' is no kind of file; it is one of facts, returns"):
        read_file(tmp_path / "x", "orders")
    with pytest.raises(ValueError, match="is no kind of file"):
        template("orders")


def test_shopify_needs_a_merchant(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="give --merchant"):
        rows_of(tmp_path, template("shopify-refunds"), "shopify-refunds")


@pytest.mark.parametrize("kind", KINDS)
def test_progress_rises_to_the_size_of_the_file(kind: str, tmp_path: Path) -> None:
    head, _, row = template(kind).partition("\n") if kind in CSV_KINDS else ("", "", template(kind))
    content = (head + "\n" if head else "") + row * 5000
    said: list[int] = []
    rows_of(tmp_path, content, kind, merchant="acme", progress=said.append)
    assert said == sorted(said)
    assert said[-1] == len(content.encode())
    assert len(said) > 1


@pytest.mark.skipif(os.name == "nt", reason="the file can be removed while it is open only elsewhere")
def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    rows = read_file(tmp_path / "later", "refunds")
    (tmp_path / "later").write_text(csv_text([EXAMPLES["refunds"]]))
    assert errors(rows) == {}
