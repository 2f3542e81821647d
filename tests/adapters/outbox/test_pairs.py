"""Each pair of a platform and an ERP from the announced return to the closed books, over real HTTP, with the house's own workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.event_store import prepare
from adapters.outbox.folding import fold_one
from adapters.outbox.running import run_outbox
from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Front
from adapters.sandbox.linnworks import SANDBOX_CREDENTIALS, LinnworksSandbox
from adapters.sandbox.patchworks import PatchworksSandbox
from adapters.sandbox.serving import sandbox_app
from api.bootstrap import House
from api.posting import open_outbox
from api.settings import Settings
from domain.returns import ReturnState
from domain.telling import ReturnKey, read_telling
from projections.moments import Moment
from projections.tie_out import money_tie_out
from tests.api.serving import served

PATIENCE_SECONDS = 120.0
CHANNEL = {"cin7_core": "Main Warehouse", "linnworks": "Default", "patchworks": "Main Warehouse"}


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Pair:
    """One platform's returns and one ERP, with hands to tell facts and to look into the ERP's books."""

    house: House
    platform: str
    kind: str
    front: Front
    told: int = 0

    def tell(self, fact: str, **content: Any) -> None:
        self.told += 1
        at = now() - timedelta(hours=2) + timedelta(minutes=self.told)
        row = {"fact": fact, "merchant": "acme", "platform": self.platform, "return": "R-1", "occurred_at": at.isoformat(), **content}
        self.house.ledger.append([prepare(read_telling(row), "test")])

    def state(self) -> ReturnState:
        return fold_one(self.house.ledger, ReturnKey("acme", self.platform, "R-1"))

    def wait(self, true: Callable[[ReturnState], bool], what: str, seconds: float = PATIENCE_SECONDS) -> ReturnState:
        ends = time.monotonic() + seconds
        while not true(state := self.state()):
            assert time.monotonic() < ends, f"{what}: {state.work.answers}, {state.work.not_found}, {state.work.order}"
            time.sleep(0.1)
        return state


def _cin7() -> tuple[Front, dict[str, Any]]:
    front = Front(Cin7CoreSandbox(now, calls_per_minute=10_000))
    lines = [{"sku": "SHIRT", "quantity": 3, "price": "40.00", "tax": "24.00"}]
    front.seed({"orders": [{"reference": "#1001", "lines": lines, "invoice": "authorised"}]})
    return front, {
        "base_url": "/cin7-core/ExternalApi/v2",
        "credentials": {"account_id": "sandbox-account", "application_key": "sandbox-key"},
    }


def _linnworks() -> tuple[Front, dict[str, Any]]:
    front = Front(LinnworksSandbox(now, limit_factor=100))
    lines = [{"sku": "SHIRT", "quantity": 3, "net": "120.00", "tax": "24.00"}]
    front.seed(
        {"locations": ["In transit", "Quarantine", "Damaged"], "orders": [{"reference": "#1001", "lines": lines, "processed": True}]}
    )
    return front, {"base_url": "/linnworks", "credentials": dict(SANDBOX_CREDENTIALS)}


def _patchworks() -> tuple[Front, dict[str, Any]]:
    sandbox = PatchworksSandbox(now)
    front = Front(sandbox)
    rows = [{"sku": "SHIRT", "quantity": 3, "items": "120.00", "tax": "24.00"}]
    front.seed({"order": {"order_ref": "#1001", "invoice": "authorised", "lines": rows}})
    ways = {"webhook_url": "/patchworks" + sandbox.webhook_path, "callback_url": "/patchworks" + sandbox.callback_path}
    return front, {"base_url": "/patchworks", "credentials": {**ways, "api_key": "sandbox-key"}}


MAKERS = {"cin7_core": _cin7, "linnworks": _linnworks, "patchworks": _patchworks}
CREDENTIALS = {
    "happy_returns": {"api_key": "k", "retailer_id": "r"},
    "returngo": {"api_key": "k", "shop": "s"},
    "reveni": {"api_key": "k", "store_id": "s"},
}


@contextmanager
def working(
    database: str, schema: str, tmp_path: Path, platform: str, kind: str, of_erp: dict[str, Any] | None = None, **policy: Any
) -> Iterator[Pair]:
    front, told = MAKERS[kind]()
    prefix = kind.replace("_", "-")
    with served(sandbox_app({prefix: front})) as address:  # type: ignore[arg-type]  # any ASGI application will do
        credentials = {name: address + said if said.startswith("/") else said for name, said in told["credentials"].items()}
        erp = {
            "name": "erp",
            "kind": kind,
            "base_url": address + told["base_url"],
            "credentials": credentials,
            "poll": "1s",
            **(of_erp or {}),
        }
        if kind == "cin7_core":
            erp["accounts"] = {"write_off": "404", "adjustment": "403"}
        connection = {"name": "uk", "merchant": "acme", "platform": platform, "credentials": CREDENTIALS[platform], "erp": "erp"}
        dispositions = {
            "saleable": {"action": "restock", "location": CHANNEL[kind]},
            "damaged": {"action": "write_off", "location": "Damaged"},
        }
        connection["policy"] = {"dispositions": dispositions, **policy}
        settings = {"data_dir": tmp_path, "schema": schema, "connections": [connection], "erps": [{**erp, "rate": "6000/min"}]}
        house, stop = House(Settings.model_validate(settings), database, None, 16), threading.Event()
        house.open()
        try:
            with open_outbox(house, stop) as outbox:
                thread = threading.Thread(target=run_outbox, args=(outbox,))
                thread.start()
                try:
                    yield Pair(house, platform, kind, front)
                finally:
                    stop.set()
                    thread.join(30)
                assert not thread.is_alive()
        finally:
            house.close()


@pytest.fixture
def start(database: str, schema: str, tmp_path: Path) -> Callable[..., Any]:
    def started(platform: str, kind: str, **policy: Any) -> Any:
        return working(database, schema, tmp_path, platform, kind, **policy)

    return started


PAIRS = [
    ("happy_returns", "cin7_core"),
    ("returngo", "cin7_core"),
    ("reveni", "cin7_core"),
    ("happy_returns", "linnworks"),
    ("happy_returns", "patchworks"),
]


@pytest.mark.parametrize(("platform", "kind"), PAIRS, ids=str)
def test_from_the_announcement_to_closed_books(start: Callable[..., Any], platform: str, kind: str) -> None:
    with start(platform, kind) as pair:
        lines = [{"line": "1", "sku": "SHIRT", "quantity": 2, "items": "80.00", "tax": "16.00"}]
        pair.tell("Initiated", order="#1001", currency="GBP", resolution="refund", lines=lines)
        pair.tell("ScannedAtReturnBar")
        pair.wait(lambda state: state.work.order is not None, "the order is found")
        pair.tell("Received")
        state = pair.wait(lambda state: bool(state.active_notes()), "a credit note")
        assert [(note.amount.total, note.currency) for note in state.active_notes()] == [(9600, "GBP")]
        each = [{"line": "1", "quantity": 1, "disposition": "saleable"}, {"line": "1", "quantity": 1, "disposition": "damaged"}]
        pair.tell("Inspected", lines=each)
        pair.wait(lambda state: state.counts["1"].restocked == 1 and state.counts["1"].written_off == 1, "goods put away")
        pair.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "96.00"}, method="original_payment")
        polled_at = now()
        pair.wait(lambda _: polled(pair) > polled_at, "read back")
        state = pair.state()
        assert len(state.active_notes()) == 1, "what was read back tells nothing new"
        assert not state.work.amended
        assert {answer.status for answer in state.work.answers.values()} == {"accepted"}
        pair.house.catch_up()
        with pair.house.connection() as conn:
            rows = money_tie_out(conn, Moment(now()))
            gaps = conn.execute("SELECT open_gaps FROM returns").fetchall()
        assert [(row["refunded"], row["credited"], row["difference"]) for row in rows] == [("96.00", "96.00", "0.00")]
        assert gaps == [(0,)]


def polled(pair: Pair) -> datetime:
    with pair.house.connection() as conn:
        found = conn.execute("SELECT polled_at FROM outbox_accounts WHERE account = 'erp/erp'").fetchone()
    return found[0] if found and found[0] else datetime.min.replace(tzinfo=UTC)
