"""A burst that came while nobody worked is worked off without loss, and a batch of it asks the ledger once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import httpx

from adapters.inbox.lines import Line
from adapters.inbox.store import arrive, store_statement
from adapters.platforms.happy_returns.platform import HappyReturns
from adapters.platforms.port import ConnectionSettings, Delivery, Order
from adapters.sandbox.faults import Front
from adapters.sandbox.happy_returns import HappyReturnsSandbox
from adapters.sandbox.transport import SandboxTransport
from tests.adapters.inbox.conftest import Bench
from tests.adapters.platforms.returns_rig import order_of
from tests.adapters.platforms.test_happy_returns import connection

SHIRT = {"line": "9007199254740993", "sku": "SHIRT-M"}


class ManyOrders:
    """The port's `Orders`, by name, found at once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._orders = {name: order_of(name.lstrip("#"), (SHIRT["line"], SHIRT["sku"], 2, 7_665, 1_533)) for name in names}

    def by_name(self, name: str) -> Order | None:
        return self._orders.get(f"#{name.lstrip('#')}")

    def by_id(self, order_id: str) -> Order | None:
        return None


def burst(bench: Bench, returns: int) -> Line:
    """Twice as many deliveries, stored: each return begun, then handed in."""
    sandbox = HappyReturnsSandbox(bench.clock)
    names = [f"#{number}" for number in range(returns)]
    made = [sandbox.hub.start({name: [{**SHIRT, "quantity": 2}]}) for name in names]
    bench.later(120)
    posts = sandbox.take_webhooks()
    for return_id in made:
        sandbox.hub.hand_in(return_id)
    bench.later(120)
    posts += sandbox.take_webhooks()
    settings = connection()
    http = httpx.Client(transport=SandboxTransport(Front(sandbox)))
    platform = HappyReturns(settings, http, lambda: None, ask_within=timedelta(days=-1))
    for first in range(0, len(posts), 500):
        store(bench, settings, platform, [post.body for post in posts[first : first + 500]])
    return Line(bench.inbox, settings, platform, bench.stop, orders=ManyOrders(names))


def store(bench: Bench, settings: ConnectionSettings, platform: HappyReturns, bodies: Sequence[bytes]) -> None:
    arrived = []
    for body in bodies:
        label = platform.label({}, body)
        delivery = Delivery(settings.name, label.topic, bench.clock(), {}, body)
        arrived.append(arrive(delivery, settings.merchant, label, bench.seal))
    with bench.house.connection() as conn:
        conn.execute(*store_statement(arrived))


def work_off(bench: Bench, line: Line, returns: int) -> float:
    """Seconds it took; every delivery is done and every fact recorded once."""
    began = time.monotonic()
    while line.go() == 0.0:
        pass
    took = time.monotonic() - began
    with bench.house.connection() as conn:
        states = conn.execute("SELECT state, count(*) FROM inbox GROUP BY state").fetchall()
    assert states == [("done", 2 * returns)]
    facts = Counter(type(event.fact).__name__ for event in bench.house.ledger.notifications(0, 10 * returns, 1 << 40))
    assert facts == {"Initiated": returns, "ScannedAtReturnBar": returns}
    return took


def test_a_burst_is_worked_off_without_loss(bench: Bench) -> None:
    work_off(bench, burst(bench, 300), 300)


def test_a_batch_asks_the_ledger_once(bench: Bench) -> None:
    line, asked = burst(bench, 40), list[int]()
    look_up = bench.house.ledger.events_of

    def counted(streams: Sequence[str]) -> object:
        asked.append(len(streams))
        return look_up(streams)

    bench.house.ledger.events_of = counted  # type: ignore[method-assign, assignment]  # counts, and asks the real one
    work_off(bench, line, 40)
    assert len(asked) == 1
