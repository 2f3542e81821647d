"""Deliveries on their way into the table `inbox`: one statement stores many of them, each once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from adapters.inbox.sealing import Seal
from adapters.platforms.port import Delivery, Label

# What was polled without a delivery of its own stands in the inbox as its facts. No webhook can have this topic.
FACTS_TOPIC: Final = "ledger/facts"
MOST_TOPIC, MOST_KEY, MOST_TEXT = 200, 300, 4_000
# Parts of names of headers that carry secrets. What is left of the headers is kept as it came.
_SECRET: Final = re.compile("authorization|cookie|signature|hmac|token|secret|password|api-?key|credential")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery as the table takes it: `headers` are JSON, `sealed` is the encrypted body."""

    connection: str
    merchant: str
    topic: str
    delivery_key: str
    received_at: datetime
    headers: str
    sealed: bytes


def arrive(delivery: Delivery, merchant: str, label: Label, seal: Seal) -> Arrival:
    topic = storable(label.topic, MOST_TOPIC)
    headers = {name: storable(text) for name, text in without_secrets(delivery.headers).items()}
    return Arrival(
        delivery.connection,
        merchant,
        topic,
        _key(topic, label.delivery_id, delivery.body),
        delivery.received_at,
        orjson.dumps(headers).decode(),
        seal.close(delivery.body),
    )


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in headers.items() if not _is_secret(name)}


@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def storable(text: str, most: int = MOST_TEXT) -> str:
    """Text that PostgreSQL takes: without NUL and halves of characters, and not too long."""
    if len(text) <= most and text.isascii() and "\x00" not in text:
        return text
    shown = text.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def store_statement(arrivals: Sequence[Arrival]) -> tuple[bytes, tuple[Any, ...]]:
    """The statement and its parameters; its rows are the ids of what was new. One statement outside a transaction is one commit."""
    columns = zip(
        *((one.connection, one.merchant, one.topic, one.delivery_key, one.received_at, one.headers, one.sealed) for one in arrivals),
        strict=True,
    )
    return _STORE, tuple(map(list, columns))


def _key(topic: str, delivery_id: str | None, body: bytes) -> str:
    """One and the same id may stand on deliveries of several topics: Shopify gives what happened at once the same."""
    own = f"sha256:{hashlib.sha256(body).hexdigest()}" if delivery_id is None else delivery_id
    key = f"{topic}/{own}"
    if len(key) > MOST_KEY or not key.isprintable():
        return f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return key


_STORE = b"""
    INSERT INTO inbox (connection, merchant, topic, delivery_key, received_at, headers, body, next_at)
    SELECT connection, merchant, topic, delivery_key, received_at, headers::jsonb, body, received_at
    FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::bytea[])
        AS a (connection, merchant, topic, delivery_key, received_at, headers, body)
    ON CONFLICT (connection, delivery_key) DO NOTHING
    RETURNING id"""
