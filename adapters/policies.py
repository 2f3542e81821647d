"""The policies in force, as versions: adopted from the configuration or by a person, and read back by whoever runs without one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection

from adapters.event_store import Ledger, Prepared, prepare
from domain.decisions import PolicyAdopted
from domain.policy import DEFAULT_POLICY, Policy
from domain.returns import POLICIES, VERSIONS
from domain.telling import ReturnKey, Telling

# Whose policy: merchant and platform.
Party = tuple[str, str]


class Policies:
    """The newest version of each party's policy; whoever has none goes by the defaults."""

    def __init__(self, of: Mapping[Party, Policy], versions: Mapping[Party, int] | None = None) -> None:
        self._of = dict(of)
        self._versions = dict(versions or {})

    def policy_of(self, key: ReturnKey) -> Policy:
        return self._of.get((key.merchant, key.platform), DEFAULT_POLICY)

    def version_of(self, merchant: str, platform: str) -> int:
        """0 where the party has no policy of its own."""
        return self._versions.get((merchant, platform), 0)

    def digest(self) -> str:
        """Changes whenever a policy does: the read models depend on it."""
        told = json.dumps([[*party, policy.model_dump(mode="json")] for party, policy in sorted(self._of.items())], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a party's policy, and how it came to be."""

    party: Party
    version: int
    policy: Policy
    adopted_at: datetime
    source: str
    by: str | None
    reason: str | None


def adopt_policies(conn: Connection[Any], configured: Mapping[Party, Policy], now: datetime) -> Policies:
    """Record each configured policy that is another one than was configured last as a new version; gives those in force.

    What a person adopted by command stays in force until the configuration itself changes.
    """
    with conn.transaction():
        newest = _lock(conn)
        for party, policy in configured.items():
            if _configured_last(conn, party) != policy:
                newest[party] = _insert(conn, newest.get(party), party, policy, now)
    return _in_force(newest)


def adopt(conn: Connection[Any], party: Party, policy: Policy, now: datetime, *, by: str, reason: str | None) -> Version | None:
    """A new version, decided by a person; None where it is in force already."""
    with conn.transaction():
        known = _lock(conn).get(party)
        if known is not None and known.policy == policy:
            return None
        return _insert(conn, known, party, policy, now, source="command", by=by, reason=reason)


def policies_in_force(conn: Connection[Any]) -> Policies:
    return _in_force(_newest(conn))


def tell_versions(conn: Connection[Any], ledger: Ledger) -> int:
    """Put what the log does not have yet into it; gives how many. Told twice, a version is recorded once."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM policy_versions WHERE NOT told ORDER BY adopted_at, version").fetchall()  # noqa: S608
    if not rows:
        return 0
    versions = [_read(row) for row in rows]
    ledger.append([_prepared(one, row[3]) for one, row in zip(versions, rows, strict=True)])
    with conn.transaction():
        for one in versions:
            conn.execute(
                "UPDATE policy_versions SET told = true WHERE merchant = %s AND platform = %s AND version = %s", (*one.party, one.version)
            )
    return len(versions)


def versions_of(conn: Connection[Any], party: Party) -> list[Version]:
    """Every version of a party's policy, the newest first."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM policy_versions WHERE merchant = %s AND platform = %s ORDER BY version DESC", party)  # noqa: S608
    return [_read(row) for row in rows]


def changes(before: Policy, after: Policy) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, as the configuration writes them."""
    was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: (was[name], now[name]) for name in now if was[name] != now[name]}


def _prepared(one: Version, policy: Any) -> Prepared:
    """On the policy's own stream; the version is its name there."""
    merchant, platform = one.party
    key = ReturnKey(merchant, f"{POLICIES}{platform}", VERSIONS)
    fact = PolicyAdopted(version=one.version, policy=json.dumps(policy, sort_keys=True), reason=one.reason)
    cause = f"person:{one.by}" if one.by is not None else "configuration"
    return prepare(Telling(key, one.adopted_at, fact, f"version/{one.version}", one.by), cause)


def _lock(conn: Connection[Any]) -> dict[Party, Version]:
    # One adopter at a time, so that two processes with the same configuration make one version.
    conn.execute("LOCK TABLE policy_versions IN EXCLUSIVE MODE")
    return _newest(conn)


def _insert(
    conn: Connection[Any],
    known: Version | None,
    party: Party,
    policy: Policy,
    now: datetime,
    *,
    source: str = "configuration",
    by: str | None = None,
    reason: str | None = None,
) -> Version:
    made = Version(party, known.version + 1 if known else 1, policy, now, source, by, reason)
    conn.execute(
        f"INSERT INTO policy_versions ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (*party, made.version, policy.model_dump_json(), now, source, by, reason),
    )
    return made


def _configured_last(conn: Connection[Any], party: Party) -> Policy | None:
    row = conn.execute(_CONFIGURED, party).fetchone()
    return Policy.model_validate(row[0]) if row is not None else None


def _in_force(newest: Mapping[Party, Version]) -> Policies:
    return Policies({party: one.policy for party, one in newest.items()}, {party: one.version for party, one in newest.items()})


def _newest(conn: Connection[Any]) -> dict[Party, Version]:
    return {one.party: one for one in map(_read, conn.execute(_NEWEST))}


def _read(row: tuple[Any, ...]) -> Version:
    return Version((row[0], row[1]), row[2], Policy.model_validate(row[3]), *row[4:])


_COLUMNS = "merchant, platform, version, policy, adopted_at, source, adopted_by, reason"
_NEWEST = f"SELECT DISTINCT ON (merchant, platform) {_COLUMNS} FROM policy_versions ORDER BY merchant, platform, version DESC"  # noqa: S608
_CONFIGURED = """
    SELECT policy FROM policy_versions WHERE merchant = %s AND platform = %s AND source = 'configuration'
    ORDER BY version DESC LIMIT 1"""
