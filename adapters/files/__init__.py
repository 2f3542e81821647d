"""Files that tell facts: JSON Lines, CSV for people, and exports of real platforms, each read row by row.

A row that cannot be understood is a row with its rejection; the rows around it go on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from adapters.files.columns import CSV_KINDS
from adapters.files.errors import FilesError, NoRejectedFile, UnusableFile, WrongHeadings
from adapters.files.json_lines import EXAMPLE as FACTS_EXAMPLE
from adapters.files.json_lines import read_facts
from adapters.files.rejected import RejectedFile
from adapters.files.rows import Progress, Row
from adapters.files.shopify_documents import EXAMPLE as SHOPIFY_EXAMPLE
from adapters.files.shopify_documents import read_shopify_refunds
from adapters.files.shopify_payouts import EXAMPLE as PAYOUTS_EXAMPLE
from adapters.files.shopify_payouts import PaidBy, read_shopify_payouts
from adapters.files.tables import read_table, rows_under_wrong_headings
from domain.telling import ReturnKey

FACTS = "facts"
SHOPIFY_REFUNDS = "shopify-refunds"
SHOPIFY_PAYOUTS = "shopify-payouts"
KINDS: tuple[str, ...] = (FACTS, *CSV_KINDS, SHOPIFY_REFUNDS, SHOPIFY_PAYOUTS)

__all__ = [
    "KINDS",
    "FilesError",
    "NoRejectedFile",
    "RejectedFile",
    "Row",
    "UnusableFile",
    "WrongHeadings",
    "read_file",
    "rejected_whole",
    "template",
]


def _unheard(_bytes_consumed: int) -> None:
    """Nobody watches the progress."""


def _no_refunds(_payments: Sequence[str]) -> Mapping[str, Sequence[tuple[ReturnKey, str]]]:
    """Nobody was asked which refunds are recorded."""
    return {}


def read_file(
    path: Path,
    kind: str,
    merchant: str | None = None,
    *,
    platform: str | None = None,
    include_test: bool = False,
    paid_by: PaidBy = _no_refunds,
    progress: Progress = _unheard,
) -> Iterator[Row]:
    """What a file says, row by row. `merchant` and `platform` stand in where a row names none; Shopify's files never do.

    `paid_by` finds the refunds that settlements are of; `progress` gets the bytes consumed so far, rising to the file's size.
    Raises UnusableFile, as a rule at the first row, where the file cannot be read as this kind, and ValueError for a kind that is none
    of KINDS.
    """
    if kind == FACTS:
        return read_facts(path, merchant, platform, progress)
    if kind == SHOPIFY_REFUNDS:
        return read_shopify_refunds(path, merchant, include_test, progress)
    if kind == SHOPIFY_PAYOUTS:
        return read_shopify_payouts(path, merchant, include_test, paid_by, progress)
    if kind in CSV_KINDS:
        return read_table(path, CSV_KINDS[kind], merchant, platform, progress)
    raise ValueError(_no_kind(kind))


def rejected_whole(path: Path, kind: str, wrong: WrongHeadings) -> Iterator[Row]:
    """Every row of a file that `read_file` refused for its headings, rejected."""
    return rows_under_wrong_headings(path, CSV_KINDS[kind], wrong)


def template(kind: str) -> str:
    """A small file of this kind that imports as it is: headings and one row, or one line of JSON."""
    if kind == FACTS:
        return FACTS_EXAMPLE
    if kind == SHOPIFY_REFUNDS:
        return SHOPIFY_EXAMPLE
    if kind == SHOPIFY_PAYOUTS:
        return PAYOUTS_EXAMPLE
    if kind not in CSV_KINDS:
        raise ValueError(_no_kind(kind))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([CSV_KINDS[kind].headings, [column.example for column in CSV_KINDS[kind].columns]])
    return text.getvalue()


def _no_kind(kind: str) -> str:
    return f"{kind!r} is no kind of file; it is one of {', '.join(KINDS)}"
