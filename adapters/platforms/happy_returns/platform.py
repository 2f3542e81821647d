"""One connection to Happy Returns: signed webhooks, read as they come; polling for what they lose; what it can be asked to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import httpx

from adapters.platforms.happy_returns.client import HappyReturnsClient
from adapters.platforms.happy_returns.commands import Commands, Content
from adapters.platforms.happy_returns.mapping import tables_of
from adapters.platforms.happy_returns.polling import Poll, watch_parts
from adapters.platforms.happy_returns.posts import Post, parse, read_post, topic_of
from adapters.platforms.happy_returns.reading import ASK_WITHIN, PLATFORM, PostReader
from adapters.platforms.happy_returns.signature import Recipe
from adapters.platforms.happy_returns.told import part_of
from adapters.platforms.port import ConnectionSettings, Delivery, Desk, Label, Polled, Reading
from adapters.platforms.watching import Watch
from adapters.vendor.answers import Answer, NotUnderstood
from domain.telling import ReturnKey, write_telling

_MOST_FORESEEN: Final = 1_000


class HappyReturns:
    """The port, for Happy Returns."""

    def __init__(
        self, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None], ask_within: timedelta = ASK_WITHIN
    ) -> None:
        mappings = {table: dict(words) for table, words in connection.mappings.items()}
        tables = tables_of(connection.name, mappings)
        self._recipe = Recipe.of(connection.name, mappings.get("signature", {}))
        self._connection = connection
        self._client = HappyReturnsClient(connection, http, wait_turn)
        self._reader = PostReader(connection.merchant, self._client, tables, ask_within)
        self._watch = Watch()
        # Understood to foresee, and kept until they are read.
        self._foreseen: dict[bytes, Post] = {}
        self._commands = Commands(self._client, tables, self._reader.strip_suffix)

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        secret = self._connection.webhook_secret
        return bool(secret) and self._recipe.fits(secret or "", body, headers)

    def label(self, headers: Mapping[str, str], body: bytes) -> Label:
        """Deliveries have no ids: the same body is the same delivery."""
        try:
            return Label(topic_of(parse(body)), None)
        except NotUnderstood:
            return Label("unreadable", None)

    def foresee(self, delivery: Delivery) -> list[ReturnKey]:
        """A return by its own id, and as the part of it that its order is, should it cover several."""
        try:
            post = read_post(parse(delivery.body), strip_suffix=self._reader.strip_suffix)
        except NotUnderstood:
            return []
        if len(self._foreseen) >= _MOST_FORESEEN:
            self._foreseen.clear()
        self._foreseen[delivery.body] = post
        names = {name for unit in post.units for name in (unit.return_id, part_of(unit.return_id, unit.order))}
        return [ReturnKey(self._connection.merchant, PLATFORM, name) for name in names]

    def read(self, delivery: Delivery, desk: Desk) -> Reading:
        post = self._foreseen.pop(delivery.body, None) or read_post(parse(delivery.body), strip_suffix=self._reader.strip_suffix)
        reading, parts = self._reader.read(post, desk, delivery.received_at)
        watch_parts(self._watch, post, parts, delivery.received_at)
        if not reading.facts and not reading.waits_for:
            # Nothing new: then it is shown with what it tells once more.
            return replace(reading, facts=tuple(write_telling(telling) for part in parts for telling in part.told.ours))
        return reading

    def poll(self, cursor: Mapping[str, Any] | None, desk: Desk) -> Iterator[Polled]:
        return Poll(self._connection.name, self._client, self._reader, self._watch, cursor, desk).pages()

    def check(self) -> str:
        count = self._client.webhooks()
        return f"Happy Returns answers for retailer {self._client.retailer}; webhook subscriptions: {count}"

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str] | None = None) -> Answer:
        """Approve a return, which pays the customer and cannot be taken back. What is approved already is not approved again."""
        return self._commands.release_refund(return_id, order, conditions or {})

    def tell_contents(self, contents: Sequence[Content]) -> Answer:
        """What the warehouse found. No money depends on it; telling it twice tells it once."""
        return self._commands.tell_contents(contents)
