"""The proofs, one by one: the log as it was written, the read models as the log tells them, the journal in balance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection

from adapters.differences import Difference, tables_of
from adapters.event_store import Ledger
from adapters.projector import PolicyOf
from adapters.rebuild import compare_with_live, fold_to_live
from adapters.side import Progress, Watch, connection_to, open_side, unwatched
from domain.moves import PLACES
from domain.stored import STORED_NAMES
from projections.journal import entries
from projections.moments import Moment
from projections.snapshot import snapshot
from projections.tie_out import differs, money_tie_out, unit_tie_out

SUFFIX = "_verify"
INSTANTS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `detail` is a sentence; `differences` only where read models differ from the log."""

    what: str
    ok: bool
    detail: str
    counts: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()


def verify(
    url: str,
    schema: str,
    ledger: Ledger,
    policy_of: PolicyOf,
    shape: str,
    now: datetime,
    *,
    instants: int = INSTANTS,
    watch: Watch = unwatched,
) -> Iterator[Finding]:
    """Every check in turn, also after one that failed. Nothing is changed; the house may go on meanwhile.

    The tie-out is tried now and at `instants` moments of occurrence, of knowledge, and of both. Raises RebuildError where the read
    models cannot be folded a second time.
    """
    with connection_to(url, schema) as conn:
        yield _log(conn, ledger, watch)
        yield _keys(conn)
        yield _read_models(url, schema, ledger, policy_of, shape, watch)
        with snapshot(conn):
            yield _entries(conn, watch)
            yield _balances(conn)
            yield from _tie_out(conn, now, instants, watch)


def _log(conn: Connection[Any], ledger: Ledger, watch: Watch) -> Finding:
    verified = ledger.verify_chain(lambda done, total: watch(Progress("reading the log", done, total)))
    counts = {"events": verified.count}
    if verified.broken is None:
        return Finding("log", True, f"{verified.count} events, each sealed with all before it; the last seal is {verified.seal}", counts)
    broken = _event(conn, verified.broken)
    said = f"{broken} is not what was recorded, or not where it was" if broken else f"event {verified.broken} is missing"
    return Finding("log", False, f"{said}; the {verified.count} events before it are as they were", counts)


def _event(conn: Connection[Any], position: int) -> str | None:
    found = conn.execute(
        "SELECT originator_id, originator_version, topic FROM stored_events WHERE notification_id = %s", (position,)
    ).fetchone()
    return f"event {position}, number {found[1]} of {found[0]} ({found[2]})," if found else None


def _keys(conn: Connection[Any]) -> Finding:
    """Each fact is known under as many keys as its kind has, with its own content; and no key leads to nowhere."""
    found = conn.execute(
        _KEYS, {"twice": [STORED_NAMES[name] for name in ("Initiated", "Refunded", "CreditNoted", "PayoutSettled")]}
    ).fetchone()
    assert found is not None
    events, keys, wrong, first = (figure or 0 for figure in found)
    counts = {"events": events, "keys": keys, "wrong": wrong}
    if not wrong:
        return Finding("keys", True, f"{keys} keys of {events} events: each fact is recorded once, and known", counts)
    named = _event(conn, first) or f"event {first}, which the log does not have,"
    detail = f"{wrong} events and their keys do not fit together, first {named} whose keys are not those of its content"
    return Finding("keys", False, detail, counts)


def _read_models(url: str, schema: str, ledger: Ledger, policy_of: PolicyOf, shape: str, watch: Watch) -> Finding:
    with open_side(url, schema + SUFFIX, ledger, policy_of, shape, anew=True) as side, connection_to(url, schema) as live:
        try:
            fold_to_live(side, live, ledger, policy_of, watch)
            comparison = compare_with_live(url, schema, side, live, tables_of(()), watch)
            aside = side.conn.execute("SELECT count(*) OVER (), error FROM set_aside ORDER BY position LIMIT 1").fetchone()
        finally:
            side.drop()
    counts = {"rows": comparison.rows, "differences": comparison.count}
    if aside is not None:
        # Live and rebuilt may agree on that; what they agree on is not what the log tells.
        return Finding("read models", False, f"returns that cannot be folded in: {aside[0]}; the first of them: {aside[1]}", counts)
    if not comparison.count:
        return Finding("read models", True, f"{comparison.rows} rows, each cell as the log tells it", counts)
    detail = f"{comparison.count} cells are not as the log tells them, first {comparison.shown[0]}; `returns-ledger rebuild` mends that"
    return Finding("read models", False, detail, counts, tuple(comparison.shown))


def _entries(conn: Connection[Any], watch: Watch) -> Finding:
    count = wrong = 0
    first = ""
    for entry in entries(conn):
        count += 1
        if count % 10_000 == 0:
            watch(Progress("adding up the journal", count, count))
        off = sum(posting.amount for posting in entry.postings)
        if off:
            wrong += 1
            at = f"{entry.merchant}/{entry.platform}/{entry.return_id} at {entry.occurred_at.isoformat()}"
            first = first or f"{entry.fact} {entry.document} of {at} by {off} ({entry.commodity}, smallest units)"
    counts = {"entries": count, "wrong": wrong}
    if wrong:
        return Finding("journal", False, f"{wrong} of {count} entries are out of balance, first {first}", counts)
    return Finding("journal", True, f"{count} entries, each in balance", counts)


def _balances(conn: Connection[Any]) -> Finding:
    rows = conn.execute(_BALANCES).fetchall()
    wrong = [row for row in rows if row[3]]
    counts = {"balances": len(rows), "wrong": len(wrong)}
    if wrong:
        book, merchant, commodity, _ = wrong[0]
        first = f"first {book} of {merchant}, {commodity}"
        return Finding("balances", False, f"{len(wrong)} balances are not the sum of their moves, {first}", counts)
    return Finding("balances", True, f"{len(rows)} balances, each the sum of its moves", counts)


def _tie_out(conn: Connection[Any], now: datetime, instants: int, watch: Watch) -> Iterator[Finding]:
    moments = _moments(conn, now, instants)
    tie_outs: tuple[tuple[str, Callable[..., list[dict[str, Any]]]], ...] = (("money", money_tie_out), ("units", unit_tie_out))
    for what, tie_out in tie_outs:
        wrong: list[str] = []
        rows = 0
        for done, moment in enumerate(moments):
            watch(Progress(f"tying out the {what}", done, len(moments)))
            for row in tie_out(conn, moment):
                rows += 1
                if differs(row):
                    of = row["currency"] if what == "money" else f"{row['merchant']}, {row['sku']}"
                    wrong.append(f"{of} by {row['difference']} {_said(moment)}")
        counts = {"moments": len(moments), "rows": rows, "wrong": len(wrong)}
        if wrong:
            yield Finding(f"tie-out of {what}", False, f"{len(wrong)} of {rows} rows do not tie out, first {wrong[0]}", counts)
        else:
            yield Finding(f"tie-out of {what}", True, f"no difference, now and at {len(moments) - 1} other moments", counts)


def _moments(conn: Connection[Any], now: datetime, instants: int) -> list[Moment]:
    """Now, and moments spread evenly over the moves: as things happened, as they were known, and both."""
    shares = [(number + 0.5) / instants for number in range(instants)]
    found = conn.execute(
        "SELECT percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY occurred_at), "
        "percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY recorded_at) FROM money_moves",
        {"shares": shares},
    ).fetchone()
    happened, known = (found[0] or [], found[1] or []) if found else ([], [])
    return [
        Moment(now),
        *(Moment(now, as_of=at) for at in happened),
        *(Moment(now, known_at=at) for at in known),
        *(Moment(now, at, then) for at, then in zip(happened, reversed(known), strict=True)),
    ]


def _said(moment: Moment) -> str:
    told = [f"{name} {at.isoformat()}" for name, at in (("as of", moment.as_of), ("known at", moment.known_at)) if at is not None]
    return " ".join(told) or "now"


# A digest is looked for in the bytes, as a state that was tampered with may be neither text nor JSON.
_KEYS = """
    WITH keyed AS (
        SELECT position, count(*) AS keys, count(DISTINCT content) AS contents, min(content::text) AS content
        FROM fact_keys GROUP BY position
    ), judged AS (
        SELECT coalesce(e.notification_id, k.position) AS position, e.notification_id IS NOT NULL AS recorded, coalesce(k.keys, 0) AS keys,
            e.notification_id IS NULL OR k.position IS NULL OR k.contents > 1
            OR k.keys <> CASE WHEN e.topic = ANY(%(twice)s) THEN 2 ELSE 1 END
            OR convert_to(replace(k.content, '-', ''), 'UTF8')
               <> substring(e.state FROM position('"digest":"'::bytea IN e.state) + 10 FOR 32) AS wrong
        FROM stored_events e FULL JOIN keyed k ON k.position = e.notification_id
    )
    SELECT count(*) FILTER (WHERE recorded), sum(keys)::bigint, count(*) FILTER (WHERE wrong), min(position) FILTER (WHERE wrong)
    FROM judged"""


def _row(table: str, columns: Iterable[str]) -> str:
    return ", ".join(f"coalesce({table}.{column}, 0)" for column in columns)


_SIDES = ("refunded", "credited")
_BALANCES = f"""
    SELECT 'money', merchant, currency, ({_row("b", _SIDES)}) <> ({_row("m", _SIDES)})
    FROM money_balances b FULL JOIN (
        SELECT merchant, currency, {", ".join(f"sum(total) FILTER (WHERE side = '{side}') AS {side}" for side in _SIDES)}
        FROM money_moves GROUP BY 1, 2
    ) m USING (merchant, currency)
    UNION ALL
    SELECT 'units', merchant, sku, ({_row("b", PLACES)}) <> ({_row("m", PLACES)})
    FROM unit_balances b FULL JOIN (
        SELECT merchant, coalesce(sku, '') AS sku, {", ".join(f"sum({place}) AS {place}" for place in PLACES)} FROM unit_moves GROUP BY 1, 2
    ) m USING (merchant, sku)
    ORDER BY 1, 2, 3"""  # noqa: S608 (our own column names)
