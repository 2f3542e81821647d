"""One connection to Reveni: webhooks are hints, returns are read by API, and what is read is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import httpx

from adapters.platforms.port import ConnectionSettings, Delivery, Desk, Label, Polled, Reading
from adapters.platforms.reveni.client import ReveniClient
from adapters.platforms.reveni.commands import Commands, Verdict
from adapters.platforms.reveni.document import Return
from adapters.platforms.reveni.mapping import tables_of
from adapters.platforms.reveni.polling import Poll, is_over
from adapters.platforms.reveni.reading import RANKS, ReturnReader
from adapters.platforms.reveni.webhook import POLLED, Hint, hint_at, read_hint
from adapters.platforms.watching import Watch
from adapters.vendor.answers import Answer, NotUnderstood
from adapters.vendor.shapes import shown

# So long an API may lag behind its own webhook.
LAG: Final = timedelta(minutes=10)


class Reveni:
    """The port, for Reveni; and what it can be asked to do."""

    def __init__(self, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> None:
        tables = tables_of(connection.name, connection.mappings)
        self._connection = connection
        self._client = ReveniClient(connection, http, wait_turn, tables)
        self._reader = ReturnReader(connection.merchant, tables)
        self._commands = Commands(self._client, tables)
        self._watch = Watch()

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Reveni signs nothing: its secret stands in the path, and what it says is read again by API."""
        return True

    def label(self, headers: Mapping[str, str], body: bytes) -> Label:
        hint = read_hint(body)
        return Label("unreadable", None) if hint is None else Label(hint.event or "unknown", hint.delivery_id)

    def subject(self, delivery: Delivery) -> str | None:
        hint = read_hint(delivery.body)
        return hint.return_id if hint is not None else None

    def read(self, delivery: Delivery, desk: Desk) -> Reading:
        hint = read_hint(delivery.body)
        if hint is None:
            raise NotUnderstood("the body is no JSON object; Reveni's events are")
        if hint.return_id is None:
            if hint.event is not None and not hint.event.casefold().startswith("return"):
                return Reading(ignored=f"{hint.event} is not about a return")
            raise NotUnderstood("the body names no return: data.resource_id is missing, or no id")
        document = self._client.one(hint.return_id)
        lagging = desk.now() - delivery.received_at <= LAG
        if document is None:
            if lagging:
                return Reading(waits_for=f"return {hint.return_id}, which Reveni's API does not know yet")
            raise NotUnderstood(f"Reveni has no return {hint.return_id}")
        of = Return(hint.return_id, document, self._reader.tables)
        reading = self._read(of, desk, delivery, hint)
        if not reading.facts and not reading.waits_for:
            # Nothing new: then it is shown with what it tells once more.
            reading = replace(reading, facts=self._reader.known(hint.return_id, desk))
        if lagging and reading.waits_for is None and self._is_older(of, hint):
            return replace(reading, waits_for=f"the API to show {shown(hint.status or '')}: it still shows {shown(of.status_said)}")
        return reading

    def poll(self, cursor: Mapping[str, Any] | None, desk: Desk) -> Iterator[Polled]:
        return Poll(self._client, self._polled, self._watch, cursor, desk).pages()

    def check(self) -> str:
        self._client.one("00000000000000000000000000000000")
        return f"Reveni answers for store {self._client.store}"

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str] | None = None) -> Answer:
        """Accept what nobody has decided on; Reveni refunds what is accepted, by the way that the customer chose."""
        return self._commands.release_refund(return_id)

    def partial_validate(self, return_id: str, verdicts: Sequence[Verdict]) -> Answer:
        """Accept or reject items. What has a verdict already is not sent again; acceptance may pay the customer."""
        return self._commands.validate(return_id, verdicts)

    def _polled(self, return_id: str, desk: Desk) -> Reading:
        """One return that nobody can read is set aside with its reason; the round goes on."""
        delivery = Delivery(self._connection.name, POLLED, desk.now(), {}, hint_at(return_id))
        try:
            document = self._client.one(return_id)
            if document is None:
                self._watch.over(return_id)
                return Reading(ignored=f"Reveni has no return {return_id}", delivery=delivery)
            return replace(self._read(Return(return_id, document, self._reader.tables), desk, delivery, None), delivery=delivery)
        except NotUnderstood as reason:
            return Reading(waits_for=str(reason), delivery=delivery)

    def _read(self, of: Return, desk: Desk, delivery: Delivery, hint: Hint | None) -> Reading:
        self._watch.see(of.return_id, "id", of.return_id, of.date("open") or delivery.received_at)
        told_now = hint is not None and self._meaning(hint) == of.status
        at = (hint.at if told_now and hint is not None else None) or of.updated_at or delivery.received_at
        reading = self._reader.read(of, desk, at)
        # Only once all of it is recorded.
        if not reading.facts and not reading.waits_for and is_over(of.status, of.date("open") or delivery.received_at, desk.now()):
            self._watch.over(of.return_id)
        return reading

    def _is_older(self, of: Return, hint: Hint) -> bool:
        """Does the API show less than the webhook says?"""
        said = self._meaning(hint)
        return said is not None and of.status is not None and RANKS[said] > RANKS[of.status]

    def _meaning(self, hint: Hint) -> str | None:
        return self._reader.tables.meaning("return_status", hint.status)
