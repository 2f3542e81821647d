"""Text that a spreadsheet would run as a formula, wherever the house writes cells: exports, the journal, the command line."""

from __future__ import annotations

from typing import Final

# With these a formula begins; in some languages their full-width forms do, too.
BEGINS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell_text(text: str) -> str:
    """Text as a CSV cell that no spreadsheet runs: with an apostrophe in front it is text again."""
    return f"'{text}" if text.startswith(BEGINS_FORMULA) else text
