"""The policies in force: adopted from the configuration as versions, and read back by whoever runs without one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection

from domain.policy import DEFAULT_POLICY, Policy
from domain.telling import ReturnKey

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


def adopt_policies(conn: Connection[Any], configured: Mapping[Party, Policy], now: datetime) -> Policies:
    """Record each configured policy that differs from its newest version as a new one; gives those in force."""
    with conn.transaction():
        # One adopter at a time, so that two processes with the same configuration make one version.
        conn.execute("LOCK TABLE policy_versions IN EXCLUSIVE MODE")
        newest = _newest(conn)
        for (merchant, platform), policy in configured.items():
            known = newest.get((merchant, platform))
            if known is None or known[1] != policy:
                version = known[0] + 1 if known else 1
                body = policy.model_dump_json()
                conn.execute("INSERT INTO policy_versions VALUES (%s, %s, %s, %s, %s)", (merchant, platform, version, body, now))
                newest[merchant, platform] = (version, policy)
    return Policies({party: policy for party, (_, policy) in newest.items()}, {party: version for party, (version, _) in newest.items()})


def _newest(conn: Connection[Any]) -> dict[Party, tuple[int, Policy]]:
    rows = conn.execute(
        "SELECT DISTINCT ON (merchant, platform) merchant, platform, version, policy FROM policy_versions ORDER BY 1, 2, 3 DESC"
    )
    return {(row[0], row[1]): (row[2], Policy.model_validate(row[3])) for row in rows}
