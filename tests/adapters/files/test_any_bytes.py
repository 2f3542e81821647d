"""Whatever bytes a file holds, reading it ends in rows or in a refusal of the file, never in a traceback."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.files import KINDS, UnusableFile, template
from adapters.files.columns import CSV_KINDS
from tests.adapters.files.reading import EXAMPLES, csv_text, rows_of, write_rejected

PIECES = [
    '"',
    "'",
    ",",
    ";",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\x00",
    "\ufeff",
    "é",
    "\x1f",
    "{",
    "}",
    "[",
    "]",
    ":",
    "null",
    "NaN",
    "1e999",
    "-",
    "0",
    "12.00",
    "\\u",
]


def _read(content: bytes, kind: str) -> None:
    with TemporaryDirectory() as folder:
        rows = rows_of(Path(folder), content, kind, merchant="acme", platform="returngo")
        write_rejected(Path(folder), rows, kind)
        if kind in CSV_KINDS:
            numbers = [number for row in rows for number in row.line_numbers]
            assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400))
@example(content=b"")
@example(content=b"\r" * 400)
def test_bytes(kind: str, content: bytes) -> None:
    try:
        _read(content, kind)
    except UnusableFile:
        assert kind in CSV_KINDS


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    at=st.floats(0, 1), piece=st.one_of(st.binary(max_size=6), st.sampled_from([piece.encode() for piece in PIECES])), cut=st.integers(0, 6)
)
def test_a_good_file_with_a_place_spoilt(kind: str, at: float, piece: bytes, cut: int) -> None:
    good = (template(kind) + "\n".join(template(kind).splitlines()[1:]) + "\n").encode()
    place = int(at * len(good))
    try:
        _read(good[:place] + piece + good[place + cut :], kind)
    except UnusableFile:
        assert kind in CSV_KINDS


@pytest.mark.parametrize("kind", EXAMPLES)
@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(
        st.tuples(st.sampled_from(sorted({name for row in EXAMPLES.values() for name in row})), st.text(max_size=30)), max_size=6
    )
)
def test_any_text_in_any_cell(kind: str, cells: list[tuple[str, str]]) -> None:
    spoilt = {**EXAMPLES[kind], **{name: cell.replace("\x00", "") for name, cell in cells if name in EXAMPLES[kind]}}
    content = csv_text([EXAMPLES[kind], spoilt, EXAMPLES[kind]]).encode("utf-8", "surrogatepass")
    _read(content, kind)


@pytest.mark.parametrize("kind", ["facts", "shopify-refunds"])
@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=40))
def test_pieces_of_json(kind: str, pieces: list[str]) -> None:
    _read("".join(pieces).encode("utf-8", "surrogatepass"), kind)
