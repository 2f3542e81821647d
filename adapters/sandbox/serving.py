"""The simulators over HTTP, each below its prefix with `/_control`, and the courier that posts their webhooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import httpx

from adapters.sandbox.faults import Faults, Front, NoAnswer
from adapters.sandbox.port import OutgoingWebhook, SandboxRequest, SandboxResponse

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# (prefix, webhook) → was it taken? A webhook that was not is tried again.
Post = Callable[[str, OutgoingWebhook], Awaitable[bool]]

MAX_BODY_BYTES = 10_000_000
TRIES = 5
COURIER_EVERY_SECONDS = 0.2
# How long a caller waits for an answer that will not come; then the line is cut.
SILENCE_SECONDS = 35.0


class Courier:
    """Posts webhooks to where each simulator's are to go; one that is not taken is tried again on later rounds, five times in all."""

    def __init__(
        self, fronts: Mapping[str, Front], targets: Mapping[str, str] | None = None, client: httpx.AsyncClient | None = None
    ) -> None:
        self.fronts = fronts
        self.targets: dict[str, str] = dict(targets or {})
        self.sent = dict.fromkeys(fronts, 0)
        self.given_up = dict.fromkeys(fronts, 0)
        self._client = client
        self._again: list[tuple[str, OutgoingWebhook, int]] = []

    async def round(self) -> None:
        """One sending of everything that waits. Without a target a simulator's webhooks go nowhere, as where nobody has subscribed."""
        due = self._again + [(name, webhook, 0) for name, front in self.fronts.items() for webhook in front.webhooks()]
        self._again = []
        for name, webhook, tries in due:
            if await self._post(name, webhook):
                self.sent[name] += 1
            elif tries + 1 < TRIES:
                self._again.append((name, webhook, tries + 1))
            else:
                self.given_up[name] += 1

    async def run(self) -> None:
        """Rounds until it is cancelled."""
        async with self._client or httpx.AsyncClient(timeout=5) as client:
            self._client = client
            while True:
                await self.round()
                await asyncio.sleep(COURIER_EVERY_SECONDS)

    async def _post(self, name: str, webhook: OutgoingWebhook) -> bool:
        url = webhook.url or self.targets.get(name)
        if url is None:
            return True
        assert self._client is not None, "the courier needs a client to post with"
        try:
            response = await self._client.post(url, content=webhook.body, headers=dict(webhook.headers))
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return response.is_success


def sandbox_app(fronts: Mapping[str, Front], targets: Mapping[str, str] | None = None) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI app that serves `fronts` by prefix (`{"returngo": Front(…)}`); `targets` says where a simulator's webhooks go at first.

    `GET /{prefix}/_control` shows documents, faults and webhook figures; `POST /{prefix}/_control` takes `{"seed": …}`, `{"faults": …}`
    and `{"webhooks_to": "http://…"}`, together or apart. `GET /` lists the prefixes.
    """
    courier = Courier(fronts, targets)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(courier, receive, send)
            return
        if scope["type"] != "http":
            return
        body = await _body(receive)
        name, _, below = scope["path"].lstrip("/").partition("/")
        front = fronts.get(name)
        if body is None:
            response = SandboxResponse.of({"error": f"a body of more than {MAX_BODY_BYTES} bytes"}, 413)
        elif front is None:
            found = not name
            said: dict[str, Any] = (
                {"simulators": sorted(fronts)} if found else {"error": f"no simulator {name!r}", "simulators": sorted(fronts)}
            )
            response = SandboxResponse.of(said, 200 if found else 404)
        elif below.rstrip("/") == "_control":
            response = _control(courier, name, scope["method"], body)
        else:
            request = SandboxRequest(
                scope["method"],
                f"/{below}",
                dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                {key.decode("latin-1").lower(): text.decode("latin-1") for key, text in scope["headers"]},
                body,
            )
            try:
                response = front.answer(request)
            except NoAnswer:
                await _silence(send)
                return
        headers = [(key.encode(), text.encode("latin-1")) for key, text in response.headers.items()]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    return app


def _control(courier: Courier, name: str, method: str, body: bytes) -> SandboxResponse:
    front = courier.fronts[name]
    done: dict[str, Any] = {}
    if method == "POST":
        try:
            asked = json.loads(body or b"{}")
            if not isinstance(asked, dict):
                raise ValueError("the body must be a JSON object with seed, faults or webhooks_to")
            if unknown := sorted(set(asked) - {"seed", "faults", "webhooks_to"}):
                raise ValueError(f"{unknown[0]!r} is not known; the body may have seed, faults and webhooks_to")
            if "faults" in asked:
                front.set_faults(Faults.read(asked["faults"]))
            if "webhooks_to" in asked:
                if asked["webhooks_to"] is None:
                    courier.targets.pop(name, None)
                else:
                    courier.targets[name] = str(asked["webhooks_to"])
            if "seed" in asked:
                done = front.seed(asked["seed"])
        except (ValueError, TypeError, AttributeError) as wrong:
            return SandboxResponse.of({"error": str(wrong)}, 422)
    elif method != "GET":
        return SandboxResponse.of({"error": "GET or POST"}, 405)
    webhooks = {"to": courier.targets.get(name), "sent": courier.sent[name], "given_up": courier.given_up[name]}
    shown = {"faults": front.faults.told(), "webhooks": webhooks, "state": front.state()}
    return SandboxResponse.of({"made": done, **shown} if method == "POST" else shown)


async def _body(receive: Receive) -> bytes | None:
    """None where it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


async def _silence(send: Send) -> None:
    """Nothing for a while, then an answer that ends before it has begun: the server cuts the line."""
    await asyncio.sleep(SILENCE_SECONDS)
    await send({"type": "http.response.start", "status": 504, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b""})


async def _live(courier: Courier, receive: Receive, send: Send) -> None:
    await receive()
    rounds = asyncio.create_task(courier.run())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    rounds.cancel()
    with suppress(asyncio.CancelledError):
        await rounds
    await send({"type": "lifespan.shutdown.complete"})
