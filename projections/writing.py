"""One batch of changes, written to the read models in one transaction: what ended is updated, what is new is copied in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from psycopg import Connection

from domain.gap import TOLERATED
from domain.moves import PLACES, MoneyMove, UnitMove
from domain.policy import DEFAULT_OWNERS, GapKind, Policy
from domain.replay import stage
from domain.returns import ReturnState
from domain.telling import ReturnKey
from domain.timeline import Fold, Segment
from projections.copying import Texts, copy_rows
from projections.folding import Lesson

INFINITY = "infinity"
# What a move of money comes to, as the last fields of MoneyMove name it.
MONEY_FIGURES = ("total", "items", "tax", "shipping", "fees", "unexplained")


@dataclass(slots=True)
class _New:
    """A register row of this batch that the database does not have yet."""

    key: ReturnKey
    return_no: int
    segment: Segment
    owner: str
    due_at: datetime
    known_from: datetime
    end_known_from: datetime | None = None
    known_to: datetime | None = None


@dataclass(slots=True)
class _Ending:
    """What becomes of a register row that the database has."""

    segment: Segment
    end_known_from: datetime | None = None
    known_to: datetime | None = None


class Batch:
    """Collects what lessons change; `write` puts it into the read models of the connection's search path."""

    def __init__(self) -> None:
        self._new: list[_New] = []
        self._current: dict[tuple[Any, ...], _New] = {}
        self._endings: dict[tuple[Any, ...], _Ending] = {}
        self._board: dict[int, tuple[Any, ...]] = {}
        self._money: list[tuple[Any, ...]] = []
        self._units: list[tuple[Any, ...]] = []
        self._money_sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._unit_sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(PLACES))
        self._money_days: dict[tuple[str, str, str, str, date], list[int]] = defaultdict(lambda: [0] * len(MONEY_FIGURES))
        self._unit_days: dict[tuple[str, str, date], list[int]] = defaultdict(lambda: [0] * len(PLACES))
        self._set_aside: list[tuple[Any, ...]] = []
        self._texts = Texts()

    def take(self, key: ReturnKey, return_no: int, folded: Fold, lessons: Sequence[Lesson], recorded_ats: Sequence[datetime]) -> None:
        for lesson in lessons:
            known = lesson.known_from
            for segment in lesson.change.ended:
                self._end(return_no, segment, known)
            for segment in lesson.change.withdrawn:
                self._withdraw(return_no, segment, known)
            for segment in lesson.change.added:
                self._add(key, return_no, segment, folded.policy, known)
            for money in lesson.money:
                self._move_money(key, return_no, money, known)
            for units in lesson.units:
                self._move_units(key, return_no, units, known)
        self._board[return_no] = _board_row(key, return_no, folded, recorded_ats)

    def set_aside(self, key: ReturnKey, position: int, error: str) -> None:
        self._set_aside.append((*key, position, error))

    def write(self, conn: Connection[Any]) -> None:
        # Rows that end first: a new row may stand where a withdrawn one stood.
        self._write_endings(conn)
        self._write_gaps(conn)
        copy_rows(conn, _MONEY_COPY, self._money, self._texts)
        copy_rows(conn, _UNITS_COPY, self._units, self._texts)
        self._write_board(conn)
        _upsert(conn, _MONEY_SUMS, [(*key, *sums) for key, sums in sorted(self._money_sums.items())])
        _upsert(conn, _UNIT_SUMS, [(*key, *sums) for key, sums in sorted(self._unit_sums.items())])
        _upsert(conn, _MONEY_DAYS, [(*key, *sums) for key, sums in sorted(self._money_days.items())])
        _upsert(conn, _UNIT_DAYS, [(*key, *sums) for key, sums in sorted(self._unit_days.items())])
        _upsert(conn, _SET_ASIDE, self._set_aside)

    def _end(self, return_no: int, segment: Segment, known: datetime) -> None:
        row = (return_no, *segment.identity)
        new = self._current.get(row)
        if new is not None:
            new.segment, new.end_known_from = segment, known
        else:
            self._endings[row] = _Ending(segment, known)

    def _withdraw(self, return_no: int, segment: Segment, known: datetime) -> None:
        row = (return_no, *segment.identity)
        new = self._current.pop(row, None)
        if new is not None:
            new.known_to = known
        else:
            self._endings.setdefault(row, _Ending(segment)).known_to = known

    def _add(self, key: ReturnKey, return_no: int, segment: Segment, policy: Policy, known: datetime) -> None:
        if segment.kind == TOLERATED:
            owner, due_at = DEFAULT_OWNERS[GapKind.CREDIT_NOTE_MISMATCH], segment.opened_at
        else:
            kind = GapKind(segment.kind)
            owner, due_at = policy.owner(kind), _due(segment.opened_at, policy, kind)
        new = _New(key, return_no, segment, owner, due_at, known, known if segment.valid_to else None)
        self._new.append(new)
        self._current[(return_no, *segment.identity)] = new

    def _move_money(self, key: ReturnKey, return_no: int, move: MoneyMove, known: datetime) -> None:
        self._money.append((return_no, key.merchant, move.occurred_at, known, *move[1:]))
        self._money_sums[key.merchant, move.currency][0 if move.side == "refunded" else 1] += move.total
        _add_up(self._money_days[key.merchant, move.currency, move.side, move.detail, _day(move.occurred_at)], move[6:])

    def _move_units(self, key: ReturnKey, return_no: int, move: UnitMove, known: datetime) -> None:
        self._units.append((return_no, key.merchant, move.occurred_at, known, move.fact, move.line, move.sku, *move.units))
        _add_up(self._unit_sums[key.merchant, move.sku or ""], move.units)
        _add_up(self._unit_days[key.merchant, move.sku or "", _day(move.occurred_at)], move.units)

    def _write_endings(self, conn: Connection[Any]) -> None:
        if not self._endings:
            return
        conn.execute(_ENDINGS_TABLE)
        rows = ((*row, *_until(e.segment), e.segment.closed, e.end_known_from, e.known_to or INFINITY) for row, e in self._endings.items())
        copy_rows(conn, "COPY gap_endings FROM STDIN", rows, self._texts)
        conn.execute(_ENDINGS)

    def _write_board(self, conn: Connection[Any]) -> None:
        if self._board:
            conn.execute(_BOARD_TABLE)
            copy_rows(conn, "COPY moved_returns FROM STDIN", self._board.values(), self._texts)
            conn.execute(_BOARD_UPSERT)

    def _write_gaps(self, conn: Connection[Any]) -> None:
        # Learnt and withdrawn in the same moment: nobody ever knew it.
        copy_rows(conn, _GAPS_COPY, (_gap_row(new) for new in self._new if new.known_to != new.known_from), self._texts)


def _gap_row(new: _New) -> tuple[Any, ...]:
    s = new.segment
    figures = (s.amount_minor, s.units, new.owner, s.assigned_to, s.breakdown, s.evidence, s.explanation)
    valid = (s.opened_at, new.due_at, s.valid_from, *_until(s), s.closed, s.by_clock)
    known = (new.known_from, new.end_known_from or INFINITY, new.known_to or INFINITY)
    return (new.return_no, *new.key, s.kind, s.line, s.sku, s.order, s.erp, s.currency, *figures, *valid, *known)


def _add_up(sums: list[int], figures: Sequence[int]) -> None:
    for number, figure in enumerate(figures):
        sums[number] += figure


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _until(segment: Segment) -> tuple[datetime | str, datetime | str]:
    """valid_to and lapses_at: a row that only time will change is among those that nothing ended, until then."""
    end = segment.valid_to or INFINITY
    return (INFINITY, end) if segment.lapsed else (end, INFINITY)


def _due(opened_at: datetime, policy: Policy, kind: GapKind) -> datetime:
    try:
        return opened_at + policy.due_after(kind)
    except OverflowError:
        return opened_at


def _board_row(key: ReturnKey, return_no: int, folded: Fold, recorded_ats: Sequence[datetime]) -> tuple[Any, ...]:
    state: ReturnState = folded.state
    currency = state.currency
    announced = units_in = 0
    for line in state.announced.values():
        announced += line.quantity
        units_in += min(line.quantity, state.units_in(line.line))
    # Money of other currencies stands in the gaps and in the books; a board has one figure.
    refunded = sum(r.amount.total for r in state.active_refunds() if r.currency == currency)
    credited = sum(n.amount.total for n in state.active_notes() if n.currency == currency)
    resolution = state.initiated.resolution if state.initiated else None
    return (
        return_no,
        *key,
        state.order,
        state.erp or folded.policy.posts_to,
        currency,
        resolution,
        stage(state),
        state.ended,
        announced,
        units_in,
        refunded,
        credited,
        folded.count_open(),
        state.count,
        state.first_at,
        state.last_at,
        state.sequence,
        tuple(recorded_ats),
    )


def _upsert(conn: Connection[Any], statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        conn.execute(statement, [list(column) for column in zip(*rows, strict=True)])


_GAPS_COPY = """
    COPY gaps (return_no, merchant, platform, return_id, kind, line, sku, order_ref, erp, currency, amount_minor, units, owner, assigned_to,
               breakdown, evidence, explanation, opened_at, due_at, valid_from, valid_to, lapses_at, closed, by_clock, known_from,
               end_known_from, known_to)
    FROM STDIN"""
_MONEY_COPY = """
    COPY money_moves (return_no, merchant, occurred_at, recorded_at, fact, side, document, detail, currency,
                      total, items, tax, shipping, fees, unexplained)
    FROM STDIN"""
_UNITS_COPY = f"COPY unit_moves (return_no, merchant, occurred_at, recorded_at, fact, line, sku, {', '.join(PLACES)}) FROM STDIN"
# Kept for as long as the connection is; empty after each commit.
_ENDINGS_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS gap_endings (
        return_no bigint, kind text, line text, currency text, valid_from timestamptz,
        valid_to timestamptz, lapses_at timestamptz, closed boolean, end_known_from timestamptz, known_to timestamptz
    ) ON COMMIT DELETE ROWS"""
_ENDINGS = """
    UPDATE gaps SET valid_to = e.valid_to, lapses_at = e.lapses_at, closed = e.closed, known_to = e.known_to,
                    end_known_from = coalesce(e.end_known_from, gaps.end_known_from)
    FROM gap_endings AS e
    WHERE gaps.return_no = e.return_no AND gaps.known_to = 'infinity' AND gaps.kind = e.kind AND gaps.valid_from = e.valid_from
      AND gaps.line IS NOT DISTINCT FROM e.line AND gaps.currency IS NOT DISTINCT FROM e.currency"""
_BOARD_TABLE = "CREATE TEMPORARY TABLE IF NOT EXISTS moved_returns (LIKE returns) ON COMMIT DELETE ROWS"
_BOARD_UPSERT = """
    INSERT INTO returns SELECT * FROM moved_returns
    ON CONFLICT (return_no) DO UPDATE SET
        order_ref = excluded.order_ref, erp = excluded.erp, currency = excluded.currency, resolution = excluded.resolution,
        stage = excluded.stage, ended = excluded.ended, announced_units = excluded.announced_units, units_in = excluded.units_in,
        refunded_minor = excluded.refunded_minor, credited_minor = excluded.credited_minor, open_gaps = excluded.open_gaps,
        events = excluded.events, first_at = excluded.first_at, last_at = excluded.last_at,
        sequence = excluded.sequence, recorded_ats = excluded.recorded_ats"""
_MONEY_SUMS = """
    INSERT INTO money_balances AS b (merchant, currency, refunded, credited)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::numeric[], %s::numeric[])
    ON CONFLICT (merchant, currency) DO UPDATE SET refunded = b.refunded + excluded.refunded, credited = b.credited + excluded.credited"""
_UNIT_SUMS = f"""
    INSERT INTO unit_balances AS b (merchant, sku, {", ".join(PLACES)})
    SELECT * FROM unnest(%s::text[], %s::text[], {", ".join(["%s::bigint[]"] * len(PLACES))})
    ON CONFLICT (merchant, sku) DO UPDATE SET {", ".join(f"{place} = b.{place} + excluded.{place}" for place in PLACES)}"""  # noqa: S608 (our own column names)
_MONEY_DAYS = f"""
    INSERT INTO money_days AS d (merchant, currency, side, detail, day, {", ".join(MONEY_FIGURES)})
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::date[], {", ".join(["%s::numeric[]"] * len(MONEY_FIGURES))})
    ON CONFLICT (merchant, currency, side, detail, day)
    DO UPDATE SET {", ".join(f"{figure} = d.{figure} + excluded.{figure}" for figure in MONEY_FIGURES)}"""  # noqa: S608 (our own column names)
_UNIT_DAYS = f"""
    INSERT INTO unit_days AS d (merchant, sku, day, {", ".join(PLACES)})
    SELECT * FROM unnest(%s::text[], %s::text[], %s::date[], {", ".join(["%s::bigint[]"] * len(PLACES))})
    ON CONFLICT (merchant, sku, day) DO UPDATE SET {", ".join(f"{place} = d.{place} + excluded.{place}" for place in PLACES)}"""  # noqa: S608 (our own column names)
_SET_ASIDE = """
    INSERT INTO set_aside (merchant, platform, return_id, position, error)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])
    ON CONFLICT (merchant, platform, return_id) DO NOTHING"""
