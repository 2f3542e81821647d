"""Accounts at vendors: what lets us in, and whose quota a call counts against."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping


def credential_fault(given: Mapping[str, str], needed: Collection[str], optional: Collection[str], of: str) -> tuple[str, str] | None:
    """The first credential that is missing, empty or of no use, and what is wrong with it; None where all is well. `of`: this ERP."""
    for name in needed:
        if not given.get(name):
            return name, "is missing"
    for name in given:
        if name not in needed and name not in optional:
            return name, f"is not a credential of {of}"
    return None


def quota_name(kind: str, name: str, base_url: str | None, credentials: Mapping[str, str]) -> str:
    """Two accounts with the same credentials share one quota; `name` tells those without any apart. It gives no credential away."""
    told = "\n".join(f"{key}={value}" for key, value in sorted(credentials.items())) or name
    digest = hashlib.sha256(f"{base_url}\n{told}".encode()).hexdigest()
    return f"{kind}/{digest[:16]}"
