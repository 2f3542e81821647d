"""Returns that wait for somebody: what for, since when, whose, what happens next by itself and when, and the commands that go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import dict_row

from adapters.event_store import Ledger
from adapters.outbox.folding import fold, read_returns
from adapters.ways_out import UNREACHABLE, Row, actions_of, is_stalled, next_of, waits_for
from domain.deciding import WAY_KINDS
from domain.policy import CLEARING_KINDS, GapKind, Policy
from domain.returns import Recorded, ReturnState
from domain.telling import ReturnKey, read_instant, write_instant

# What nobody but a person can go on with; of some of them only where `ways_out.is_stalled` says so.
KINDS: Final = tuple(
    sorted(
        {
            *WAY_KINDS,
            *CLEARING_KINDS,
            GapKind.EXCHANGE_STUCK_IN_DRAFT,
            GapKind.DISPOSITION_UNMAPPED,
            GapKind.DAMAGED_NOT_WRITTEN_OFF,
        }
    )
)
ONE_SIDED: Final = (str(GapKind.REFUND_WITHOUT_CREDIT_NOTE), str(GapKind.CREDIT_NOTE_WITHOUT_REFUND))
# An ERP that is away for less is nothing to tell anybody of.
FAILING_FOR: Final = timedelta(minutes=5)

PolicyOf = Callable[[ReturnKey], Policy]


class Mark(NamedTuple):
    """Where the next page begins: behind the row with these."""

    since: str
    merchant: str
    platform: str
    return_id: str
    kind: str
    line: str


@dataclass(frozen=True, slots=True)
class StalledFilter:
    """Several values of one field are alternatives. `snoozed`: also what nobody need look at yet."""

    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    merchants: tuple[str, ...] = ()
    key: ReturnKey | None = None
    snoozed: bool = False


class Stalled(NamedTuple):
    """A row as it is told, and what it was told from."""

    row: Row
    told: dict[str, Any]
    events: Sequence[Recorded]
    state: ReturnState


def stalled_page(
    conn: Connection[Any],
    ledger: Ledger,
    policy_of: PolicyOf,
    asked: StalledFilter,
    now: datetime,
    *,
    limit: int,
    after: Mark | None = None,
) -> tuple[list[dict[str, Any]], Mark | None]:
    """What has waited longest first. A page may hold fewer rows than `limit` and not be the last: the mark says."""
    rows, more = stalled_returns(conn, ledger, policy_of, asked, now, limit=limit, after=after)
    return [row.told for row in rows], more


def stalled_returns(
    conn: Connection[Any],
    ledger: Ledger,
    policy_of: PolicyOf,
    asked: StalledFilter,
    now: datetime,
    *,
    limit: int,
    after: Mark | None = None,
) -> tuple[list[Stalled], Mark | None]:
    """The same, with the returns themselves."""
    found = _rows(conn, asked, now, limit, after)
    rows = found[:limit]
    returns = read_returns(ledger, list({row.key for row in rows}))
    states = {key: fold(key, events) for key, events in returns.items()}
    waiting = _outbox(conn, list(states))
    told: list[Stalled] = []
    for row in rows:
        state = states.get(row.key)
        if state is None or not is_stalled(row, state, policy_of(row.key)):
            continue
        until = snoozed_until(state, now)
        if until is None or asked.snoozed:
            row_told = _told(row, state, policy_of(row.key), waiting.get(row.key, ()), until)
            told.append(Stalled(row, row_told, returns[row.key], state))
    last = rows[-1] if rows else None
    more = Mark(str(last.since_text), *last.key, last.kind, last.line or "") if last is not None and len(found) > limit else None
    return told, more


def all_stalled(
    conn: Connection[Any], ledger: Ledger, policy_of: PolicyOf, asked: StalledFilter, now: datetime, limit: int | None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: Mark | None = None
    while True:
        page, after = stalled_page(conn, ledger, policy_of, asked, now, limit=500, after=after)
        rows += page
        if after is None or (limit is not None and len(rows) >= limit):
            return rows[:limit]


def snoozed_until(state: ReturnState, now: datetime) -> datetime | None:
    """None where somebody may look at it."""
    snoozed = state.work.snoozed
    until = read_instant(snoozed.fact.until, "until") if snoozed is not None else None
    return until if until is not None and until > now else None


def _told(row: Row, state: ReturnState, policy: Policy, outbox: Sequence[Mapping[str, Any]], until: datetime | None) -> dict[str, Any]:
    step, at = next_of(row, outbox)
    assigned = state.work.assigned
    return {
        "return": row.key.return_id,
        "merchant": row.key.merchant,
        "platform": row.key.platform,
        "waits_for": waits_for(row, state),
        "kind": row.kind,
        "line": row.line,
        "since": write_instant(row.since),
        "owner": row.owner,
        "assigned_to": assigned.fact.to if assigned is not None else None,
        "snoozed_until": write_instant(until) if until is not None else None,
        "next": step,
        "next_at": write_instant(at) if at is not None else None,
        "actions": actions_of(row, state, policy),
    }


def _rows(conn: Connection[Any], asked: StalledFilter, now: datetime, limit: int, after: Mark | None) -> list[Row]:
    where, parameters = (
        ["true"],
        {
            "now": now,
            "failing": now - FAILING_FOR,
            "kinds": list(KINDS),
            "way": sorted(WAY_KINDS),
            "one_sided": list(ONE_SIDED),
            "limit": limit + 1,
        },
    )
    for column, values in (("kind", asked.kinds), ("owner", asked.owners), ("merchant", asked.merchants)):
        if values:
            where.append(f"{column} = ANY(%(asked_{column})s)")
            parameters[f"asked_{column}"] = list(values)
    if asked.key is not None:
        where.append("(merchant, platform, return_id) = (%(merchant)s, %(platform)s, %(return_id)s)")
        parameters |= asked.key._asdict()
    if after is not None:
        beyond = "%(a0)s::timestamptz, %(a1)s, %(a2)s, %(a3)s, %(a4)s, %(a5)s"
        where.append(f"since >= %(a0)s::timestamptz AND (since, merchant, platform, return_id, kind, coalesce(line, '')) > ({beyond})")
        parameters |= {f"a{place}": part for place, part in enumerate(after)}
    # The first of each kind of waiting, each out of its index, and the first of these.
    first = [f"(SELECT * FROM ({one}) AS of_its_kind WHERE {' AND '.join(where)} {_IN_ORDER})" for one in (_GAPS, _AWAY)]  # noqa: S608
    statement = f"SELECT *, since::text AS since_text FROM ({' UNION ALL '.join(first)}) AS waiting {_IN_ORDER}"  # noqa: S608
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement.encode(), parameters).fetchall()
    return [
        Row(
            ReturnKey(one["merchant"], one["platform"], one["return_id"]),
            one["kind"],
            one["line"],
            one["sku"],
            one["currency"],
            one["since"],
            one["owner"],
            one["said"],
            one["since_text"],
        )
        for one in found
    ]


def _outbox(conn: Connection[Any], keys: Sequence[ReturnKey]) -> dict[ReturnKey, list[dict[str, Any]]]:
    if not keys:
        return {}
    rows: dict[ReturnKey, list[dict[str, Any]]] = {}
    columns = [list(column) for column in zip(*keys, strict=True)]
    with conn.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_OUTBOX, columns):
            rows.setdefault(ReturnKey(row["merchant"], row["platform"], row["return_id"]), []).append(row)
    return rows


# Money on one side only closes by itself as a rule, but not where our note was voided. Trouble with an ERP is a return's only where no
# gap of its way says so already.
_IN_ORDER = "ORDER BY since, merchant, platform, return_id, kind, coalesce(line, '') LIMIT %(limit)s"
_GAPS = """
    SELECT merchant, platform, return_id, kind, line, sku, currency, opened_at AS since, owner, explanation AS said FROM gaps g
    WHERE known_to = 'infinity' AND valid_to = 'infinity' AND (NOT by_clock OR valid_from <= %(now)s) AND lapses_at > %(now)s
      AND kind = ANY(%(kinds)s)
      AND (kind <> ALL(%(one_sided)s) OR EXISTS (
        SELECT FROM outbox o WHERE o.merchant = g.merchant AND o.platform = g.platform AND o.return_id = g.return_id
          AND o.kind = 'post_credit_note' AND o.state = 'done'))"""
_AWAY = f"""
    SELECT merchant, platform, return_id, '{UNREACHABLE}' AS kind, NULL AS line, NULL AS sku, NULL AS currency,
        min(failing_since) AS since, min(owner) AS owner, min(answer) AS said FROM outbox o
    WHERE (state = 'dead' OR state = 'pending' AND failing_since < %(failing)s) AND failing_since IS NOT NULL
      AND NOT EXISTS (
        SELECT FROM gaps g WHERE g.merchant = o.merchant AND g.platform = o.platform AND g.return_id = o.return_id
          AND g.kind = ANY(%(way)s) AND g.known_to = 'infinity' AND g.valid_to = 'infinity')
    GROUP BY merchant, platform, return_id"""  # noqa: S608 - a constant
_OUTBOX = """
    SELECT o.merchant, o.platform, o.return_id, o.id, o.kind, o.account, o.state, o.next_at, o.waits_for, o.answer
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (merchant, platform, return_id)
    JOIN outbox o ON o.merchant = k.merchant AND o.platform = k.platform AND o.return_id = k.return_id
    WHERE o.state IN ('pending', 'waiting', 'dead') ORDER BY o.number"""
