"""What a document of Tryton is called in the ledger: its number and its id.

A number alone would name several: sequences may begin anew each fiscal year, each kind of document counts for itself, and on SQLite two
documents that are posted at the same time can get one number.
"""

from __future__ import annotations

import re

from adapters.erps.tryton.client import Row

_ID = re.compile(r"(?:\(id |^draft )([0-9]{1,18})\)?$")


def named(row: Row) -> str:
    """`row` has `id` and `number`: "CN12 (id 57)", or "draft 57" for what has no number yet."""
    return f"{row['number']} (id {row['id']})" if row["number"] else f"draft {row['id']}"


def id_in(name: str | None) -> int:
    """The id in such a name; 0, which is nobody's, where there is none."""
    found = _ID.search(name or "")
    return int(found.group(1)) if found else 0
