"""The doors webhooks come in by: which connection is meant, is it really the vendor, and what is stored of it."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from adapters.inbox.sealing import Seal
from adapters.inbox.store import FACTS_TOPIC, Arrival, arrive
from adapters.platforms.port import SIGNING, ConnectionSettings, Delivery, Label, Platform

log = logging.getLogger("returns_ledger")

UNLABELLED = "unlabelled"


class Door:
    """One connection's. Threads may share it."""

    def __init__(self, connection: ConnectionSettings, platform: Platform, seal: Seal, clock: Callable[[], datetime]) -> None:
        self.connection = connection
        self._platform, self._seal, self._clock = platform, seal, clock
        self._signs = connection.platform in SIGNING
        secret = connection.webhook_secret
        # What the path must end in; a vendor that signs uses the secret for that, and it stands in no path.
        self._path = None if self._signs or not secret else secret.encode()
        self._shut = self._signs and not secret

    def leads_in(self, path_secret: str | None) -> bool:
        """Does the path end as it has to? In constant time."""
        given = path_secret.encode() if path_secret is not None else None
        if self._path is None or given is None:
            return self._path is given
        return hmac.compare_digest(self._path, given)

    def admit(self, headers: Mapping[str, str], body: bytes) -> Arrival | None:
        """What is to be stored; None for what the vendor has not signed. `headers` in lower case."""
        if self._shut or not self._authentic(headers, body):
            return None
        delivery = Delivery(self.connection.name, "", self._clock(), headers, body)
        return arrive(delivery, self.connection.merchant, self._label(headers, body), self._seal)

    def _authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            return self._platform.authentic(headers, body)
        except Exception:  # whatever a stranger sends, and however it breaks the check: it is not authentic
            log.exception("webhook for %s: the check of its signature broke", self.connection.name)
            return False

    def _label(self, headers: Mapping[str, str], body: bytes) -> Label:
        try:
            label = self._platform.label(headers, body)
        except Exception:  # authentic it is: it is kept, and the drain says what is wrong with it
            log.exception("webhook for %s: it could not be labelled", self.connection.name)
            return Label(UNLABELLED, None)
        return label if label.topic != FACTS_TOPIC else Label(UNLABELLED, None)


class Doors:
    """All connections'."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self._doors = {door.connection.name: door for door in doors}

    def find(self, name: str, path_secret: str | None) -> Door | None:
        """None where there is no such connection, or the path does not end as it has to."""
        door = self._doors.get(name)
        return door if door is not None and door.leads_in(path_secret) else None
