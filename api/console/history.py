"""One return, shaped for its page: the lines and where their units are, its documents, and its events one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from api.console.writing import length
from api.http.returns import Told
from domain.facts import currency_of
from domain.money import to_text
from domain.moves import PLACES, places
from domain.replay import Step, gap_line
from domain.returns import ReturnState
from domain.telling import write_content

# Facts told later than that after they happened are marked: they may have changed what a report said meanwhile.
LATE = timedelta(days=1)
# Beside the list of gaps there is room for so many events.
MOST_BRIEF = 8
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class LineTable:
    """`places` are those in which any unit is, by their column's name; a row's units go with them."""

    places: list[str]
    rows: list[tuple[str, str | None, str | None, list[int]]]


@dataclass(frozen=True, slots=True)
class Document:
    """A refund or a credit note. `gone`: it was reversed or voided."""

    number: str
    side: str
    by: str
    total: str
    currency: str
    gone: bool


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Event:
    step: Step
    title: str
    late: str | None
    told: list[tuple[str, str]]
    tables: list[Table]
    opened: list[dict[str, Any]]
    closed: list[dict[str, Any]]


def lines_of(told: Told) -> LineTable:
    state, actions = told.state, told.policy.actions
    names = sorted(state.announced.keys() | state.counts.keys())
    units = {name: places(state, name, actions) for name in names}
    used = [index for index in range(len(PLACES)) if any(of_line[index] for of_line in units.values())]
    rows: list[tuple[str, str | None, str | None, list[int]]] = []
    for name in names:
        known = state.announced.get(name)
        worth = to_text(known.value_minor, state.currency) if known and state.currency else None
        rows.append((name, known.sku if known else None, worth, [units[name][index] for index in used]))
    return LineTable([PLACES[index].replace("_", " ") for index in used], rows)


def documents_of(state: ReturnState) -> list[Document]:
    refunds = [
        Document(
            name, "refund", one.method.replace("_", " "), to_text(one.amount.total, one.currency), one.currency, name in state.reversed
        )
        for name, one in state.refunds.items()
    ]
    notes = [
        Document(number, "credit note", erp, to_text(note.amount.total, note.currency), note.currency, (erp, number) in state.voided)
        for (erp, number), note in state.notes.items()
    ]
    return refunds + notes


def brief_of(steps: Sequence[Step]) -> list[tuple[int, str, datetime]]:
    """The newest events, the last one last: number, name, when."""
    return [(step.number, _title(step), step.event.occurred_at) for step in steps[-MOST_BRIEF:]]


def _title(step: Step) -> str:
    return _HUMP.sub(" ", type(step.event.fact).__name__).capitalize()


def events_of(steps: Iterable[Step]) -> list[Event]:
    events = []
    for step in steps:
        waited = step.event.recorded_at - step.event.occurred_at
        told, tables = _content(write_content(step.event.fact), currency_of(step.event.fact))
        late = length(waited) if waited > LATE else None
        events.append(Event(step, _title(step), late, told, tables, list(map(gap_line, step.opened)), list(map(gap_line, step.closed))))
    return events


def _content(content: dict[str, Any], currency: str | None) -> tuple[list[tuple[str, str]], list[Table]]:
    """What the fact tells: single values by name, and lists as tables."""
    told: list[tuple[str, str]] = []
    tables: list[Table] = []
    for name, value in content.items():
        match value:
            case dict():
                told.append((name, f"{value['total']} {currency}"))
                told += [(part, part_amount) for part, part_amount in value.items() if part != "total"]
            case _ if name == "currency" and "amount" in content:
                continue
            case list():
                columns = list(dict.fromkeys(column for row in value for column in row))
                tables.append(Table(name, columns, [[_plain(row.get(column)) for column in columns] for row in value]))
            case _:
                told.append((name.replace("_", " "), _plain(value)))
    return told, tables


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
