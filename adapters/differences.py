"""Two sets of read models, compared cell by cell: rows are matched by what they are about, not by the numbers they happen to have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

# What is compared under which name.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "returns": ("returns", "set_aside"),
    "gaps": ("gaps",),
    "journal": ("money_moves", "unit_moves", "money_balances", "unit_balances", "money_days", "unit_days"),
}
MOST_SHOWN = 100
# Stands for the whole row where only one side has it.
ROW = "row"


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell. `key` says what the row is about; a `column` of ROW means that only one side has the row."""

    table: str
    key: Mapping[str, str]
    column: str
    live: str | None
    rebuilt: str | None

    def __str__(self) -> str:
        about = ", ".join(f"{name} {text}" for name, text in self.key.items())
        return f"{self.table} ({about}): {self.column} is {_said(self.live)}, rebuilt {_said(self.rebuilt)}"


@dataclass(slots=True)
class Comparison:
    """`count` cells of `rows` rows differ; the first MOST_SHOWN of them are in `shown`."""

    shown: list[Difference] = field(default_factory=list)
    count: int = 0
    rows: int = 0


class _Table(NamedTuple):
    """`key` are the columns that say what a row is about. Moves have no key: what is moved alike at one moment is summed up."""

    key: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


_OF_RETURN = ("merchant", "platform", "return_id")
_TABLES: Final = {
    "returns": _Table(_OF_RETURN, ("return_no",)),
    "gaps": _Table((*_OF_RETURN, "kind", "line", "currency", "valid_from", "known_from"), ("gap_no", "return_no")),
    "money_moves": _Table(ignored=("return_no",)),
    "unit_moves": _Table(ignored=("return_no",)),
    "money_balances": _Table(("merchant", "currency")),
    "unit_balances": _Table(("merchant", "sku")),
    "money_days": _Table(("merchant", "currency", "side", "detail", "day")),
    "unit_days": _Table(("merchant", "sku", "day")),
    # At which event a return was set aside depends on how the log was cut into batches.
    "set_aside": _Table(_OF_RETURN, ("position", "set_at")),
}
_FIGURES = ("bigint", "integer", "numeric")


def tables_of(names: Sequence[str]) -> list[str]:
    """What is compared under `names`; everything without any. Raises ValueError for an unknown name."""
    for name in names:
        if name not in NAMES:
            raise ValueError(f"{name!r} is no read model; there are {', '.join(NAMES)}")
    return [table for name, tables in NAMES.items() if not names or name in names for table in tables]


def compare(conn: Connection[Any], live: str, rebuilt: str, tables: Sequence[str], watch: Callable[[str], None]) -> Comparison:
    """The schemas `live` and `rebuilt`, folded up to the same position, as `conn` sees them in one snapshot. `watch` is told each table."""
    comparison = Comparison()
    for table in tables:
        watch(table)
        counted = conn.execute(SQL("SELECT count(*) FROM {}").format(Identifier(live, table))).fetchone()
        comparison.rows += counted[0] if counted else 0
        columns = _columns(conn, live, table)
        view = _view(table, columns)
        found = conn.execute(_statement(view, columns, live, rebuilt)).fetchall()
        comparison.count += found[0][-1] if found else 0
        for *about, column, was, now, _ in found[: MOST_SHOWN - len(comparison.shown)]:
            told = {name: text for name, text in zip(view.key, about, strict=True) if text is not None}
            comparison.shown.append(Difference(table, told, column, was, now))
    return comparison


def _columns(conn: Connection[Any], schema: str, table: str) -> dict[str, str]:
    """Name → type, straight from the catalogue: a column that is added to a table is compared from then on."""
    found = conn.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (Identifier(schema, table).as_string(conn),),
    )
    return {name: kind for name, kind in found if name not in _TABLES[table].ignored}


class _View(NamedTuple):
    """A table as it is compared: its key and its cells by name, and a query for them in a schema."""

    key: list[str]
    cells: list[str]
    rows: Callable[[str], Composed]


def _view(table: str, columns: Mapping[str, str]) -> _View:
    match table:
        case "gaps":
            return _gaps(columns)
        case "money_moves" | "unit_moves":
            return _moves_summed_up(table, columns)
        case _:
            key = list(_TABLES[table].key)
            chosen = _list("t.{}", columns)
            return _View(key, _beside(key, columns), lambda schema: _select(chosen, SQL("{} t").format(Identifier(schema, table))))


def _gaps(columns: Mapping[str, str]) -> _View:
    """The number of the return may be another, but what it leads to may not; and the same gap twice is one too many."""
    key = list(_TABLES["gaps"].key)
    chosen = SQL("{}, concat_ws('/', o.merchant, o.platform, o.return_id) AS leads_to, row_number() OVER (PARTITION BY {}) AS nth").format(
        _list("t.{}", columns), _list("t.{}", key)
    )
    source = SQL("{} t LEFT JOIN {} o USING (return_no)")
    return _View(
        [*key, "nth"],
        [*_beside(key, columns), "leads_to"],
        lambda schema: _select(chosen, source.format(Identifier(schema, "gaps"), Identifier(schema, "returns"))),
    )


def _beside(key: Sequence[str], columns: Iterable[str]) -> list[str]:
    return [name for name in columns if name not in key]


def _moves_summed_up(table: str, columns: Mapping[str, str]) -> _View:
    about = [name for name, kind in columns.items() if kind not in _FIGURES]
    figures = [name for name, kind in columns.items() if kind in _FIGURES]
    names = SQL("o.merchant AS of_merchant, o.platform, o.return_id, {}, count(*) AS moves, {}").format(
        _list("t.{}", about), _list("sum(t.{0}) AS {0}", figures)
    )
    return _View(
        ["of_merchant", "platform", "return_id", *about],
        ["moves", *figures],
        lambda schema: _select(
            names,
            SQL("{} t LEFT JOIN {} o USING (return_no) GROUP BY o.merchant, o.platform, o.return_id, {}").format(
                Identifier(schema, table), Identifier(schema, "returns"), _list("t.{}", about)
            ),
        ),
    )


def _statement(view: _View, columns: Mapping[str, str], live: str, rebuilt: str) -> Composed:
    """A query for (the key, the column, its live value, its rebuilt value, how many cells differ)."""
    values = [SQL("({}, CASE WHEN l.here THEN 'there' END, CASE WHEN r.here THEN 'there' END)").format(Literal(ROW))]
    cell = SQL("({0}, CASE WHEN r.here THEN l.{1}::text END, CASE WHEN l.here THEN r.{1}::text END)")
    values += [cell.format(Literal(name), Identifier(name)) for name in view.cells]
    return SQL("""
        WITH l AS ({live}), r AS ({rebuilt})
        SELECT {key}, cell.name, cell.live, cell.rebuilt, count(*) OVER ()
        FROM l FULL JOIN r ON {same} CROSS JOIN LATERAL (VALUES {values}) AS cell (name, live, rebuilt)
        WHERE (l.here IS NULL OR r.here IS NULL OR ({mine}) IS DISTINCT FROM ({theirs})) AND cell.live IS DISTINCT FROM cell.rebuilt
        ORDER BY {order} LIMIT {most}""").format(
        live=view.rows(live),
        rebuilt=view.rows(rebuilt),
        key=_list("coalesce(l.{0}, r.{0})::text", view.key),
        same=SQL(" AND ").join(_same(name, columns.get(name, "bigint" if name == "nth" else "text")) for name in view.key),
        values=SQL(", ").join(values),
        mine=_list("l.{}", view.cells),
        theirs=_list("r.{}", view.cells),
        order=SQL(", ").join(SQL(str(number)) for number in range(1, len(view.key) + 2)),
        most=Literal(MOST_SHOWN),
    )


def _select(columns: Composable, source: Composable) -> Composed:
    return SQL("SELECT true AS here, {} FROM {}").format(columns, source)


def _list(each: LiteralString, names: Iterable[str]) -> Composed:
    return SQL(", ").join(SQL(each).format(Identifier(name)) for name in names)


def _same(name: str, kind: str) -> Composed:
    # Texts may be null, which a FULL JOIN cannot match; no text here is empty.
    each: LiteralString = "coalesce(l.{0}, '') = coalesce(r.{0}, '')" if kind == "text" else "l.{0} = r.{0}"
    return SQL(each).format(Identifier(name))


def _said(value: str | None) -> str:
    return "missing" if value is None else repr(value)
