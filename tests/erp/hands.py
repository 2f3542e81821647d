"""A worker at its plainest over a real Tryton, and a wire that can be cut at a given call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx

from adapters.erps.alone import Alone, in_this_process
from adapters.erps.port import Erp, NotThere, Unfinished, Work
from adapters.erps.tryton import connect
from adapters.vendor.answers import Accepted, Declined, VendorTrouble
from domain.erp_facts import OrderMatched
from tests.erp.server import Server

MOST_TRIES = 20


class Wire(httpx.HTTPTransport):
    """Every call goes through; `after` is called once the answer to a call of that method is there, and may raise instead of giving it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.after: dict[str, Callable[[], None]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        method = request.read().decode().partition('"method": "model.')[2].partition('"')[0]
        self.calls.append(method)
        if (meet := self.before.pop(method, None)) is not None:
            meet()
        response = super().handle_request(request)
        if (meet := self.after.pop(method, None)) is not None:
            response.read()
            meet()
        return response


def cut() -> None:
    raise httpx.ReadTimeout("the answer was lost on its way")


class Hands:
    """`erp` is the adapter; stands for a rig where an instruction is made."""

    def __init__(self, server: Server, *, accounts: Mapping[str, str] | None = None, alone: Alone = in_this_process) -> None:
        self.wire = Wire()
        http = httpx.Client(transport=self.wire)
        self.erp: Erp = connect(settings=server.settings(accounts=accounts or {}), http=http, wait_turn=lambda _: None, alone=alone)

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def matched(self, reference: str) -> OrderMatched:
        found = self.erp.match_order(reference, self.clock())
        assert isinstance(found, OrderMatched), found
        return found

    def drive(self, work: Work, *, sent_before: bool = False) -> Accepted | Declined:
        """As the outbox does: whoever does not know asks before sending again."""
        ask, said = sent_before, []
        for _ in range(MOST_TRIES):
            try:
                if ask:
                    match self.erp.find(work):
                        case Accepted() as found:
                            return found
                        case NotThere() | Unfinished():
                            pass
                ask = True
                answer = self.erp.carry_out(work)
                if isinstance(answer, Accepted | Declined):
                    return answer
                said.append(answer.reason)
            except VendorTrouble as trouble:
                said.append(str(trouble))
        raise AssertionError(f"not settled: {said[-5:]}")
