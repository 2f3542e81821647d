"""The port every simulator stands behind: a request in, a response out, and webhooks waiting to be sent.

A simulator plays an outside system from its documents alone. It knows nothing of faults, sockets or the ledger: `faults.Front` stands
before it and loses, doubles and tears; `transport.SandboxTransport` injects it into an httpx client; `serving.sandbox_app` serves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """`path` is decoded, begins with a slash and lies below the simulator's prefix; `query` is decoded as forms are (`+` is a space);
    header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; None where it is empty. Raises ValueError for anything else."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class SandboxResponse:
    """What goes back to the caller."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> SandboxResponse:
        """A JSON answer. Whole numbers of any size and floats are written as Python writes them."""
        return cls(status, {"content-type": "application/json", **(headers or {})}, json.dumps(content).encode())


@dataclass(frozen=True, slots=True)
class OutgoingWebhook:
    """A webhook that waits to be sent. `url` where the vendor's subscription names one; otherwise the sender's own target is taken."""

    topic: str
    headers: Mapping[str, str]
    body: bytes
    url: str | None = None


class Simulator(Protocol):
    """One outside system. Not thread-safe: `faults.Front` lets one caller in at a time."""

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """Authenticates, obeys its quota, answers in the vendor's own shapes. Never raises for anything a caller may send."""

    def refuse(self, status: int) -> SandboxResponse:
        """The vendor's own 429, 500, 502 or 503, for a fault that is injected."""

    def take_webhooks(self) -> list[OutgoingWebhook]:
        """What was queued since the last call, in the order in which it happened, correctly signed."""

    def state(self) -> dict[str, Any]:
        """Its documents, as JSON: for people and tests to look at."""

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Put documents in, or play a story; says what was made. Raises ValueError with a sentence for what it does not know."""
