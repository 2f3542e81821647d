"""An ERP that is down for a simulated day while instructions pile up. `python -m tests.adapters.outbox.backlog COUNT` measures it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.erps.port import NotThere, Unfinished, Work
from adapters.event_store import prepare
from adapters.outbox.decider import Decider
from adapters.outbox.folding import told
from adapters.outbox.shop import Shop
from adapters.outbox.terms import Terms
from adapters.outbox.worker import Worker
from adapters.postgres import open_database
from adapters.vendor.answers import Accepted, Answer, Unknown, VendorTrouble
from adapters.vendor.quota import QuotaSpent
from api.bootstrap import House
from api.settings import Settings
from domain.erp_facts import OrderMatched, OrderNotFound
from domain.policy import ErpTerms, Policy
from domain.telling import ReturnKey, read_telling
from tests.adapters.outbox.ledgers_erp import order

BEGINS: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)
DOWN: Final = timedelta(days=1)
STEP: Final = timedelta(seconds=12)
# What the vendor allows, and our own rate below it.
VENDORS_PER_MINUTE: Final = 60
OURS_PER_MINUTE, AT_ONCE = 50, 10
LOST_EVERY: Final = 97


class BusyErp:
    """Takes 60 calls in any minute and refuses more; every 97th command is lost after it was written. Keeps its books in memory."""

    def __init__(self) -> None:
        self.now, self.down = BEGINS, True
        self.calls: deque[datetime] = deque()
        self.tokens, self.filled_at = float(AT_ONCE), BEGINS
        self.books: dict[str, tuple[str, str, str]] = {}
        self.twice: list[str] = []
        self.asked_while_down = self.refused = self.commands = self.busiest = 0

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        self._called()
        return OrderNotFound(erp="uk-erp", reference=reference, reason="none")

    def carry_out(self, work: Work) -> Answer:
        self._called()
        self.commands += 1
        name = work.issued.instruction
        if name in self.books:
            self.twice.append(name)
        self.books[name] = (work.key.return_id, work.issued.kind, f"D-{self.commands}")
        if self.commands % LOST_EVERY == 0:
            return Unknown("the ERP did not answer")
        return Accepted(self.books[name][2], work.issued.amount)

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        self._called()
        found = self.books.get(work.issued.instruction)
        return Accepted(found[2], work.issued.amount) if found else NotThere("its books")

    def _called(self) -> None:
        """As `wait_turn` of the account does it, and then the vendor's own count."""
        self.tokens = min(AT_ONCE, self.tokens + (self.now - self.filled_at).total_seconds() * OURS_PER_MINUTE / 60)
        self.filled_at = self.now
        if self.tokens < 1:
            raise QuotaSpent("the quota is used up", (1 - self.tokens) * 60 / OURS_PER_MINUTE)
        self.tokens -= 1
        if self.down:
            self.asked_while_down += 1
            raise VendorTrouble("the ERP cannot be reached")
        while self.calls and self.calls[0] <= self.now - timedelta(minutes=1):
            self.calls.popleft()
        if len(self.calls) >= VENDORS_PER_MINUTE:
            self.refused += 1
            raise VendorTrouble("429", 60)
        self.calls.append(self.now)
        self.busiest = max(self.busiest, len(self.calls))


@dataclass
class Figures:
    """`hours` of simulated time to work all of it off; `deciding` and `working` are seconds of real time."""

    instructions: int
    done: int
    waiting: int
    twice: int
    out_of_order: int
    asked_while_down: int
    refused: int
    busiest: int
    hours: float
    deciding: float
    working: float
    states: Counter[str] = field(default_factory=Counter)


def weather_a_day(house: House, returns: int) -> Figures:
    """Two instructions a return. The ERP is down when they are decided on, and for a day after."""
    erp, terms = BusyErp(), Terms("uk", Policy(erp=ErpTerms(name="uk-erp")), 1)
    shop = Shop(house.ledger, house.pool, lambda: erp.now)
    decider = Decider(house.ledger, house.pool, shop.clock, lambda key: terms if key.platform == "returngo" else None)
    worker = Worker(shop, "uk-erp", erp, timedelta(minutes=10))
    _tell(house, returns)
    begun = time.monotonic()
    decider.catch_up()
    deciding, begun = time.monotonic() - begun, time.monotonic()
    while erp.now < BEGINS + DOWN:
        while worker.go():
            pass
        erp.now += timedelta(minutes=2)
    erp.down = False
    back = erp.now
    while _open(house):
        while worker.go():
            pass
        erp.now += STEP
    working = time.monotonic() - begun
    with house.connection() as conn:
        states = Counter(dict(conn.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()))
    kinds: dict[str, list[str]] = {}
    for return_id, kind, _ in erp.books.values():
        kinds.setdefault(return_id, []).append(kind)
    wrong = sum(1 for kind in kinds.values() if kind != ["post_credit_note", "book_in"])
    hours = (erp.now - back).total_seconds() / 3600
    done, waiting = states["done"], states.total() - states["done"]
    counted = (states.total(), done, waiting, len(erp.twice), wrong, erp.asked_while_down, erp.refused, erp.busiest)
    return Figures(*counted, round(hours, 2), round(deciding, 1), round(working, 1), states)


def _tell(house: House, returns: int) -> None:
    prepared = []
    for n in range(returns):
        row = {"merchant": "acme", "platform": "returngo", "return": f"R-{n}", "occurred_at": "2026-11-20T08:00:00Z"}
        lines = [{"line": "1", "sku": "SHIRT", "quantity": 1, "items": "40.00", "tax": "8.00"}]
        announced = {**row, "fact": "Initiated", "order": f"#{n}", "currency": "GBP", "resolution": "refund", "lines": lines}
        for fact in (announced, {**row, "fact": "Received"}):
            prepared.append(prepare(read_telling(fact), "test"))
        prepared.append(told(ReturnKey("acme", "returngo", f"R-{n}"), BEGINS, order(str(n), ("SHIRT", 3, 12000, 2400)), "test"))
    house.ledger.append(prepared)


def _open(house: House) -> bool:
    with house.connection() as conn:
        return bool(conn.execute("SELECT 1 FROM outbox WHERE state IN ('pending', 'waiting') LIMIT 1").fetchone())


def main(count: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        with open_database(Path(directory), None) as url:
            house = House(Settings.model_validate({"data_dir": Path(directory), "schema": "backlog"}), url, None, 4)
            house.open()
            print(weather_a_day(house, int(count) // 2))
            house.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
