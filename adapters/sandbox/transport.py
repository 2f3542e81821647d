"""A simulator as the other end of an httpx client: no socket, the same faults."""

from __future__ import annotations

from urllib.parse import parse_qsl

import httpx

from adapters.sandbox.faults import Faults, Front, NoAnswer
from adapters.sandbox.port import SandboxRequest, Simulator


class SandboxTransport(httpx.BaseTransport):
    """`httpx.Client(transport=SandboxTransport(simulator))`. For a client that talks to several vendors, mount one per host.

    `prefix` is cut off the path, for a base URL that has one (`https://sandbox.test/returngo`).
    """

    def __init__(self, simulator: Simulator | Front, faults: Faults | None = None, prefix: str = "") -> None:
        self.front = simulator if isinstance(simulator, Front) else Front(simulator, faults)
        self._prefix = prefix.rstrip("/")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answered = self.front.answer(
                SandboxRequest(
                    request.method,
                    request.url.path.removeprefix(self._prefix) or "/",
                    dict(parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)),
                    {name.lower(): text for name, text in request.headers.items()},
                    request.read(),
                )
            )
        except NoAnswer:
            raise httpx.ReadTimeout("the sandbox does not answer", request=request) from None
        return httpx.Response(answered.status, headers=dict(answered.headers), content=answered.body, request=request)
