"""A house whose returns post to a small ERP, its decider and workers, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.event_store import Outcome, Prepared, prepare
from adapters.outbox.decider import Decider
from adapters.outbox.folding import fold_one, told
from adapters.outbox.shop import Shop
from adapters.outbox.terms import PostingTimes, Terms, erp_account
from adapters.outbox.worker import Worker
from api.bootstrap import House
from api.settings import Settings
from domain.facts import Fact
from domain.policy import ErpTerms, Policy
from domain.returns import ReturnState
from domain.telling import ReturnKey, read_telling
from tests.adapters.outbox.ledgers_erp import BookErp, order

BEGINS = datetime(2026, 11, 20, 9, tzinfo=UTC)
EVERY = timedelta(minutes=10)
NOTE = "kind = 'post_credit_note'"


def key(return_id: str = "R-1") -> ReturnKey:
    return ReturnKey("acme", "returngo", return_id)


@dataclass
class Bench:
    house: House
    erp: BookErp
    terms: Terms
    at: datetime = BEGINS
    decided: Decider | None = None

    def clock(self) -> datetime:
        return self.at

    def later(self, **time: float) -> None:
        self.at += timedelta(**time)

    @property
    def decider(self) -> Decider:
        if self.decided is None:
            self.decided = Decider(self.house.ledger, self.house.pool, self.clock, self.terms_of)
        return self.decided

    def terms_of(self, of: ReturnKey) -> Terms | None:
        return self.terms if of.platform == "returngo" else None

    def with_policy(self, *, posting: PostingTimes | None = None, **decided: Any) -> None:
        policy = Policy.model_validate({**decided, "erp": ErpTerms(name="uk-erp", goods_in_with_note=self.erp.goods_in_with_note)})
        self.terms = Terms("uk", policy, 1, posting)
        self.decided = None

    @property
    def shop(self) -> Shop:
        return Shop(self.house.ledger, self.house.pool, self.clock)

    def worker(self, erp: BookErp | None = None) -> Worker:
        return Worker(self.shop, "uk-erp", erp or self.erp, EVERY)

    def work(self, most: int = 1_000) -> int:
        """Decide and carry out until there is nothing more to do now; gives how often something was done."""
        worker, done = self.worker(), 0
        while done < most:
            self.decider.catch_up()
            if not worker.go():
                return done
            done += 1
        raise AssertionError("it never comes to an end")

    def announce(self, return_id: str = "R-1", order_name: str = "#1001", quantity: int = 1, **more: Any) -> None:
        each = {"items": f"{40 * quantity}.00", "tax": f"{8 * quantity}.00"}
        lines = [{"line": "1", "sku": "SHIRT", "quantity": quantity, **each}]
        self.tell("Initiated", return_id, order=order_name, currency="GBP", resolution="refund", lines=lines, **more)

    def tell(self, name: str, return_id: str = "R-1", **content: Any) -> None:
        row = {"fact": name, "merchant": "acme", "platform": "returngo", "return": return_id, **content}
        telling = read_telling({"occurred_at": self.at.isoformat().replace("+00:00", "Z"), **row})
        (appended,) = self.house.ledger.append([prepare(telling, "test")])
        assert appended.outcome is Outcome.RECORDED

    def record(self, fact: Fact, return_id: str = "R-1") -> None:
        self.house.ledger.append([self.prepared(fact, return_id)])

    def prepared(self, fact: Fact, return_id: str = "R-1") -> Prepared:
        return told(key(return_id), self.at, fact, "test")

    def state(self, return_id: str = "R-1") -> ReturnState:
        return fold_one(self.house.ledger, key(return_id))

    def facts(self, return_id: str = "R-1") -> list[str]:
        """The names of the return's facts, as they were recorded."""
        return [type(event.fact).__name__ for event in self.house.ledger.events(f"return/acme/returngo/{return_id}")]

    def rows(self, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        with self.house.connection() as conn:
            statement = f"SELECT {', '.join(columns)} FROM outbox WHERE {where} ORDER BY number"
            return conn.execute(statement.encode()).fetchall()

    def account(self, *columns: str) -> tuple[Any, ...]:
        with self.house.connection() as conn:
            statement = f"SELECT {', '.join(columns)} FROM outbox_accounts WHERE account = %s"
            found = conn.execute(statement.encode(), (erp_account("uk-erp"),)).fetchone()
        assert found is not None
        return tuple(found)


@pytest.fixture
def bench(database: str, schema: str, tmp_path: Path) -> Iterator[Bench]:
    erp = BookErp(tmp_path / "book.jsonl", {"#1001": order("1", ("SHIRT", 3, 12000, 2400))})
    house = House(Settings.model_validate({"data_dir": tmp_path, "schema": schema}), database, None, 8)
    try:
        house.open()
        made = Bench(house, erp, Terms("uk", Policy(), 1))
        made.with_policy()
        yield made
    finally:
        house.close()


def received(bench: Bench) -> None:
    """A return that is announced and came in: its note and its goods are due."""
    bench.announce()
    bench.tell("Received")
