"""What surrounds every answer: security headers, the size limit, counting, and a plain problem where the program itself is broken."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.measuring import Measures
from api.http.problems import Problem, answer, our_mistake

log = logging.getLogger("returns_ledger")

MOST_BODY_BYTES: Final = 5_000_000
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Wrapping:
    """ASGI, around the whole application."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def send_wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            if _too_large(scope):
                too_large = Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"A request may carry {MOST_BODY_BYTES} bytes at most."
                )
                await answer(Request(scope), too_large)(scope, receive, send_wrapped)
            else:
                await self._app(scope, receive, send_wrapped)
        except Exception:
            log.exception("http: %s %s broke", scope["method"], scope["path"])
            if status:
                raise  # half an answer cannot be taken back: the connection is cut
            await answer(Request(scope), our_mistake())(scope, receive, send_wrapped)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._measures.count_request(scope["method"], route, status, time.perf_counter() - begun)


def _too_large(scope: Scope) -> bool:
    length = Headers(scope=scope).get("content-length", "")
    return length.isdecimal() and int(length) > MOST_BODY_BYTES
