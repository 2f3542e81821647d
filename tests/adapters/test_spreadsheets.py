"""No cell that the house writes is run by a spreadsheet, whoever writes it."""

from __future__ import annotations

import pytest

from adapters.spreadsheets import cell_text
from api.cli.common import cell
from api.http.spreadsheet import csv_cell

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠SUM(A1)")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_in_every_file(text: str) -> None:
    assert cell_text(text) == csv_cell(text) == cell("note", text) == "'" + text


@pytest.mark.parametrize("text", ["", "R-1", "#1001", "'=1", " =1", "10.00"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cell_text(text) == csv_cell(text) == cell("note", text) == text


def test_an_amount_below_zero_is_a_figure() -> None:
    assert cell("amount", "-2.01") == "-2.01"
