"""How each account fares: a circuit breaker that opens when a vendor keeps failing, pauses by people, and rests the vendor asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection, Cursor

from adapters import audit
from adapters.inbox.store import storable
from adapters.vendor.answers import VendorRefused, VendorTrouble
from adapters.vendor.quota import QuotaSpent

# Whatever takes a statement, with rows as tuples.
Asked = Connection[Any] | Cursor[Any]
# So many failures without a success between them, and the vendor is left alone for a while.
MOST_FAILURES: Final = 5
FIRST_OPEN_SECONDS: Final = 10.0
LONGEST_OPEN_SECONDS: Final = 300.0
# A probe that nobody heard of again is followed by another one.
PROBE_SECONDS: Final = 60.0
MOST_REST_SECONDS: Final = 86_400.0


def may_try(conn: Asked, account: str, now: datetime) -> bool:
    """May a call be made? Where the breaker is open, one is let through from time to time: this one."""
    found = conn.execute(_ASK, {"account": account, "now": now}).fetchone()
    if found is None or found[0] == "go":
        return True
    if found[0] == "no":
        return False
    probe = {"account": account, "now": now, "next": now + timedelta(seconds=PROBE_SECONDS)}
    return conn.execute(_PROBE, probe).fetchone() is not None


def went_well(conn: Asked, account: str, now: datetime) -> None:
    """The vendor answered, whatever it said. What it made wait before is due again at once; the account's rate spreads it."""
    before = conn.execute("SELECT breaker FROM outbox_accounts WHERE account = %s FOR UPDATE", (account,)).fetchone()
    conn.execute(_WELL, {"account": account, "now": now})
    if before is not None and before[0] != "closed":
        conn.execute(_DUE_AGAIN, {"account": account, "now": now})


def went_wrong(conn: Asked, account: str, now: datetime, trouble: Exception) -> None:
    """Keep the error; open the breaker after several in a row, at once where the vendor refuses our credentials."""
    said = trouble.retry_after_seconds if isinstance(trouble, VendorTrouble) else None
    if isinstance(trouble, QuotaSpent):
        rest(conn, account, now + timedelta(seconds=said or 0))
        return
    refused = isinstance(trouble, VendorRefused)
    told = {"account": account, "now": now, "error": storable(str(trouble) or type(trouble).__name__, 1_000), "refused": refused}
    found = conn.execute(_WRONG, told).fetchone()
    assert found is not None
    breaker, failures, openings = found
    if said is not None:
        rest(conn, account, now + timedelta(seconds=min(said, MOST_REST_SECONDS)))
    if refused or breaker != "closed" or (said is None and failures >= MOST_FAILURES):
        seconds = min(FIRST_OPEN_SECONDS * 2.0 ** min(openings, 10), LONGEST_OPEN_SECONDS)
        conn.execute(_OPEN, {"account": account, "now": now, "probe": now + timedelta(seconds=seconds)})


def rest(conn: Asked, account: str, until: datetime) -> None:
    conn.execute(_REST, {"account": account, "until": until})


def pause(conn: Connection[Any], account: str, by: str, why: str | None, now: datetime) -> None:
    """Nothing is sent until somebody resumes it; what is decided meanwhile waits in order."""
    with conn.transaction():
        conn.execute(_PAUSE, {"account": account, "by": by, "why": why, "now": now})
        audit.record(conn, "sending.paused", now, who=by, detail=f"{account}: {why}" if why else account)


def resume(conn: Connection[Any], account: str, by: str, now: datetime) -> bool:
    """False where it was not paused."""
    with conn.transaction():
        resumed = conn.execute(_RESUME, (account,)).fetchone() is not None
        if resumed:
            audit.record(conn, "sending.resumed", now, who=by, detail=account)
    return resumed


def reset(conn: Connection[Any], account: str, by: str, now: datetime) -> None:
    """Close the breaker, and have everything that failed be tried now."""
    with conn.transaction():
        conn.execute(_RESET, (account,))
        conn.execute(_DUE_AGAIN, {"account": account, "now": now})
        audit.record(conn, "breaker.reset", now, who=by, detail=account)


def start_anew(conn: Asked, accounts: Sequence[str]) -> None:
    """The house starts, perhaps with other credentials: nobody is left alone for what was. Who was paused stays so."""
    for account in accounts:
        conn.execute("INSERT INTO outbox_accounts (account) VALUES (%s) ON CONFLICT DO NOTHING", (account,))
    conn.execute(_START_ANEW, (list(accounts),))


_ASK = """
    SELECT CASE
        WHEN paused_at IS NOT NULL OR rest_until > %(now)s THEN 'no'
        WHEN breaker = 'closed' THEN 'go'
        WHEN probe_at > %(now)s THEN 'no'
        ELSE 'probe' END
    FROM outbox_accounts WHERE account = %(account)s"""
_PROBE = """
    UPDATE outbox_accounts SET breaker = 'half_open', probe_at = %(next)s
    WHERE account = %(account)s AND breaker <> 'closed' AND probe_at <= %(now)s RETURNING account"""
_WELL = """
    INSERT INTO outbox_accounts AS a (account, last_success_at) VALUES (%(account)s, %(now)s)
    ON CONFLICT (account) DO UPDATE SET last_success_at = excluded.last_success_at, breaker = 'closed', failures = 0, openings = 0,
        failing_since = NULL, opened_at = NULL, probe_at = NULL, refused = false"""
_WRONG = """
    INSERT INTO outbox_accounts AS a (account, failures, failing_since, last_error, last_error_at, refused)
    VALUES (%(account)s, 1, %(now)s, %(error)s, %(now)s, %(refused)s)
    ON CONFLICT (account) DO UPDATE SET failures = a.failures + 1, failing_since = coalesce(a.failing_since, excluded.failing_since),
        last_error = excluded.last_error, last_error_at = excluded.last_error_at, refused = excluded.refused
    RETURNING breaker, failures, openings"""
_OPEN = """
    UPDATE outbox_accounts SET breaker = 'open', opened_at = coalesce(opened_at, %(now)s), openings = openings + 1, probe_at = %(probe)s
    WHERE account = %(account)s"""
_REST = """
    INSERT INTO outbox_accounts AS a (account, rest_until) VALUES (%(account)s, %(until)s)
    ON CONFLICT (account) DO UPDATE SET rest_until = greatest(a.rest_until, excluded.rest_until)"""
_PAUSE = """
    INSERT INTO outbox_accounts (account, paused_at, paused_by, paused_why) VALUES (%(account)s, %(now)s, %(by)s, %(why)s)
    ON CONFLICT (account) DO UPDATE
        SET paused_at = excluded.paused_at, paused_by = excluded.paused_by, paused_why = excluded.paused_why"""
_RESUME = """
    UPDATE outbox_accounts SET paused_at = NULL, paused_by = NULL, paused_why = NULL
    WHERE account = %s AND paused_at IS NOT NULL RETURNING account"""
_RESET = """
    UPDATE outbox_accounts SET breaker = 'closed', failures = 0, openings = 0, failing_since = NULL, opened_at = NULL, probe_at = NULL,
        rest_until = NULL, refused = false, poll_at = NULL
    WHERE account = %s"""
_START_ANEW = """
    UPDATE outbox_accounts SET breaker = 'closed', failures = 0, openings = 0, opened_at = NULL, probe_at = NULL, rest_until = NULL,
        poll_at = CASE WHEN poll_attempts > 0 THEN NULL ELSE poll_at END
    WHERE account = ANY(%s)"""
_DUE_AGAIN = """
    UPDATE outbox SET next_at = %(now)s
    WHERE account = %(account)s AND state = 'pending' AND failing_since IS NOT NULL AND next_at > %(now)s"""
