"""Where platforms post: checked over the raw bytes, stored durably, and only then answered with 202.

It stands before everything else, as deliveries come in bursts: none of what the other addresses need is in its way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.inbox.doors import Door, Doors
from adapters.inbox.store import Arrival
from adapters.inbox.writer import GroupWriter, InboxUnavailable
from api.http.measuring import Measures
from api.http.problems import Problem, answer, away, our_mistake
from api.http.segments import shown_path
from api.http.wrapping import MOST_BODY_BYTES, SECURITY_HEADERS

log = logging.getLogger("returns_ledger")

PREFIX: Final = "/webhooks/"
# To check and encrypt more than that on the event loop would keep the others waiting.
_LARGE_BYTES: Final = 100_000
# Whoever is refused before he has sent everything is listened to for a moment longer, so that he is still there to hear the answer.
_UNHEARD: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_LINGER_BYTES, _LINGER_SECONDS = 20_000_000, 2.0
_END: Final = {"type": "http.response.body", "body": b""}


class _TooLarge(Exception):
    """More than a delivery may carry."""


class _Gone(Exception):
    """Whoever sent it has hung up half-way."""


class Webhooks:
    """ASGI: answers below /webhooks/, and hands everything else on."""

    def __init__(self, app: ASGIApp, doors: Doors, writer: GroupWriter, measures: Measures) -> None:
        self._app, self._doors, self._writer, self._measures = app, doors, writer, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        name, secret = _parts(scope)
        try:
            problem = await self._take(scope, receive, name, secret)
        except _Gone:
            return
        except Exception:
            log.exception("webhooks: a delivery for %s could not be taken", name)
            problem = our_mistake()
        if problem is None:
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
            await send(_END)
        else:
            await _refuse(problem, scope, receive, send)
        route = "/webhooks/{connection}" if secret is None else "/webhooks/{connection}/{secret}"
        self._measures.count_request(scope["method"], route, int(problem.status) if problem else 202, time.perf_counter() - begun)

    async def _take(self, scope: Scope, receive: Receive, name: str, secret: str | None) -> Problem | None:
        """None: it is stored. Otherwise nothing is, and the problem says why."""
        if scope["method"] != "POST":
            return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "A webhook is sent with POST.", headers={"Allow": "POST"})
        door = self._doors.find(name, secret)
        if door is None:
            return Problem(HTTPStatus.NOT_FOUND, "unknown-connection", "No connection of this house takes webhooks at this address.")
        try:
            body = await _body(scope, receive)
        except _TooLarge:
            said = f"A delivery may carry {MOST_BODY_BYTES} bytes at most."
            return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", said)
        arrival = await _admit(door, _headers(scope), body)
        if arrival is None:
            said = "The signature is missing, or was not made with this connection's webhook_secret."
            return Problem(HTTPStatus.UNAUTHORIZED, "wrong-signature", said, headers={"WWW-Authenticate": "Signature"})
        try:
            await self._writer.put(arrival)
        except InboxUnavailable as failure:
            log.warning("webhooks: not stored, to be sent again: %s", failure)
            return away("The delivery could not be stored. Send it again in a few seconds.")
        return None


def _parts(scope: Scope) -> tuple[str, str | None]:
    """The connection's name, and what stands behind it. Decoded last, as a secret may have slashes in it."""
    name, slash, rest = shown_path(scope).split(PREFIX, 1)[-1].partition("/")
    return unquote(name), unquote(rest) if slash else None


async def _admit(door: Door, headers: dict[str, str], body: bytes) -> Arrival | None:
    if len(body) > _LARGE_BYTES:
        return await asyncio.to_thread(door.admit, headers, body)
    return door.admit(headers, body)


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Not a byte more than allowed is kept, whether its length was told or not."""
    told = next((text for name, text in scope["headers"] if name == b"content-length"), b"")
    if told.isdigit() and int(told) > MOST_BODY_BYTES:
        raise _TooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise _TooLarge
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _headers(scope: Scope) -> dict[str, str]:
    """In lower case; one that stands several times is joined, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw_name, raw_text in scope["headers"]:
        name, text = raw_name.decode("latin-1").lower(), raw_text.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    response = answer(Request(scope), problem)
    response.headers.update(SECURITY_HEADERS)
    if problem.status not in _UNHEARD:
        await response(scope, receive, send)
        return
    if problem.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        response.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    await _linger(receive)
    await send(_END)


async def _linger(receive: Receive) -> None:
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return
