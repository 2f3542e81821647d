"""What a list of gaps can be narrowed by beside its filters: each condition is a piece of SQL with one value."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from domain.money import CURRENCIES

Compared = Literal["<", "<=", ">", ">=", "="]
# The columns of `gaps` that hold one word.
WORD_COLUMNS: Final = ("kind", "owner", "merchant", "platform", "currency", "erp", "sku", "order_ref", "return_id", "line", "assigned_to")
# These can be found by an index; ids are searched in whatever case they are typed.
EXACT_COLUMNS: Final = ("kind", "owner", "merchant", "currency")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """`{}` in `sql` is where the value stands. A tuple is passed as an array."""

    sql: str
    value: Hashable

    def told(self, name: str) -> tuple[str, Any]:
        """The condition with a parameter of this name, and the parameter's value."""
        return self.sql.replace("{}", f"%({name})s"), list(self.value) if isinstance(self.value, tuple) else self.value


def one_of(column: str, values: Sequence[str], *, negated: bool = False) -> Narrowed:
    """The column holds one of these, or none of them."""
    if column not in WORD_COLUMNS:
        raise ValueError(f"{column!r} is no column that can be searched")
    exact = column in EXACT_COLUMNS
    found = f"{column if exact else f'lower({column})'} = ANY({{}}::text[])"
    return Narrowed(f"NOT coalesce({found}, false)" if negated else found, tuple(values if exact else map(str.lower, values)))


def whose(names: Sequence[str], *, negated: bool = False) -> Narrowed:
    """Owned by one of these, or assigned to one of them."""
    found = "(owner = ANY({}::text[]) OR coalesce(assigned_to = ANY({}::text[]), false))"
    return Narrowed(f"NOT {found}" if negated else found, tuple(names))


def older(than: timedelta, compared: Compared) -> Narrowed:
    """How long the gap has been open, counted to the moment that is looked at."""
    return Narrowed(f"%(clock)s::timestamptz - opened_at {compared} {{}}::interval", than)


def worth(amount: Decimal, compared: Compared) -> Narrowed:
    """The size of the amount, whatever its sign, in its own currency."""
    return Narrowed(f"abs(amount_minor) {compared} {{}}::numeric * {_SCALE}", amount)


def units(count: int, compared: Compared) -> Narrowed:
    return Narrowed(f"units {compared} {{}}::int", count)


def overdue(*, negated: bool = False) -> Narrowed:
    return Narrowed("(due_at < %(clock)s) = {}::boolean", not negated)


def holding(text: str, *, negated: bool = False) -> Narrowed:
    """The text stands somewhere in what the gap is about or says."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = "concat_ws(' ', return_id, order_ref, sku, kind, merchant, explanation) ILIKE {}"
    return Narrowed(f"NOT {found}" if negated else found, pattern)


def _scale() -> str:
    """How many minor units make one of the currency, as SQL."""
    by_digits: dict[int, list[str]] = {}
    for code, digits in sorted(CURRENCIES.items()):
        by_digits.setdefault(digits, []).append(f"'{code}'")
    cases = " ".join(f"WHEN currency IN ({', '.join(codes)}) THEN {10**digits}" for digits, codes in by_digits.items() if digits != 2)
    return f"(CASE {cases} ELSE 100 END)"


_SCALE: Final = _scale()
