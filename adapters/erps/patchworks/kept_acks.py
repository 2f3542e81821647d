"""Sendings and acknowledgements in the database: what a flow has told is known to whoever asks next, in any process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.erps.patchworks.acks import Ack, Sending, Told
from domain.telling import write_instant


class KeptAcks:
    """Of one ERP's account. Threads may share it."""

    def __init__(self, pool: ConnectionPool[Connection[Any]], erp: str) -> None:
        self._pool, self._erp = pool, erp

    def of(self, command_id: str) -> Told:
        with self._pool.connection() as conn:
            sendings = conn.execute(
                "SELECT sent_at, answered, run FROM command_sendings WHERE erp = %s AND command_id = %s ORDER BY sent_at",
                (self._erp, command_id),
            ).fetchall()
            acks = conn.execute(
                "SELECT ack FROM command_acks WHERE erp = %s AND command_id = %s ORDER BY number", (self._erp, command_id)
            ).fetchall()
        return Told(tuple(Sending(*row) for row in sendings), tuple(_read(row[0]) for row in acks))

    def sending(self, command_id: str, at: datetime) -> None:
        with self._pool.connection() as conn:
            conn.execute(
                "INSERT INTO command_sendings (erp, command_id, sent_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (self._erp, command_id, at),
            )

    def sent(self, command_id: str, at: datetime, run: str | None) -> None:
        with self._pool.connection() as conn:
            conn.execute(
                "UPDATE command_sendings SET answered = true, run = %s WHERE erp = %s AND command_id = %s AND sent_at = %s",
                (run, self._erp, command_id, at),
            )

    def not_sent(self, command_id: str, at: datetime) -> None:
        with self._pool.connection() as conn:
            conn.execute("DELETE FROM command_sendings WHERE erp = %s AND command_id = %s AND sent_at = %s", (self._erp, command_id, at))


def keep_acks(conn: Connection[Any], erp: str, acks: Sequence[Ack], now: datetime) -> int:
    """Keep what was told, each telling once, and have whoever waits for it look now; gives how many were new."""
    new = 0
    with conn.transaction():
        for ack in acks:
            body = orjson.dumps(_written(ack), option=orjson.OPT_SORT_KEYS)
            new += conn.execute(
                "INSERT INTO command_acks (erp, command_id, digest, received_at, ack) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (erp, ack.command_id, hashlib.sha256(body).digest(), now, body.decode()),
            ).rowcount
        conn.execute(
            "UPDATE outbox SET next_at = %s WHERE id = ANY(%s) AND account = %s AND state IN ('pending', 'waiting')",
            (now, [ack.command_id for ack in acks], f"erp/{erp}"),
        )
    return new


def _written(ack: Ack) -> dict[str, Any]:
    told = {name: value for name, value in asdict(ack).items() if value is not None and value != ()}
    return told | ({"at": write_instant(ack.at)} if ack.at is not None else {})


def _read(told: Mapping[str, Any]) -> Ack:
    at = datetime.fromisoformat(told["at"]) if told.get("at") else None
    amount = tuple((name, text) for name, text in told.get("amount", ()))
    return Ack(**{**told, "at": at, "amount": amount})
