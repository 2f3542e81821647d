"""The merchant's side of a whole house over a real Tryton: tells it what the platform would, and looks into its ledger and its gaps."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.event_store import prepare
from adapters.outbox import accounts
from adapters.outbox.folding import fold_one
from adapters.outbox.running import run_outbox
from api.bootstrap import House
from api.posting import open_outbox
from api.settings import Settings
from domain.postings import CLEARING
from domain.returns import ReturnState
from domain.telling import ReturnKey, read_telling
from projections.gap_register import GapFilter, all_gaps
from projections.journal import Entry, entries
from projections.moments import Moment
from projections.tie_out import money_tie_out
from tests.erp.server import CREDENTIALS

PATIENCE_SECONDS = 150.0


class Merchant:
    """Tells the house what the platform would, and looks into its ledger."""

    def __init__(self, house: House) -> None:
        self.house, self._told = house, 0

    def tell(self, name: str, return_id: str, **content: Any) -> None:
        self._told += 1
        at = datetime.now(UTC) - timedelta(hours=6) + timedelta(seconds=self._told)
        row = {"fact": name, "merchant": "acme", "platform": "returngo", "return": return_id, "occurred_at": at.isoformat(), **content}
        self.house.ledger.append([prepare(read_telling(row, own=True), "test")])

    def state(self, return_id: str) -> ReturnState:
        return fold_one(self.house.ledger, ReturnKey("acme", "returngo", return_id))

    def wait(self, return_id: str, true: Callable[[ReturnState], bool], what: str, seconds: float = PATIENCE_SECONDS) -> ReturnState:
        ends = time.monotonic() + seconds
        while not true(state := self.state(return_id)):
            assert time.monotonic() < ends, f"{what}: {state.work.answers}, {state.work.not_found}, {state.work.order}"
            time.sleep(0.2)
        return state

    def wait_for_reading(self) -> None:
        """Everything that is in Tryton now has been read back."""
        asked, ends = datetime.now(UTC), time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            with self.house.connection() as conn:
                found = conn.execute("SELECT polled_at FROM outbox_accounts WHERE account = 'erp/uk-tryton'").fetchone()
            if found and found[0] and found[0] > asked + timedelta(seconds=1):
                return
            time.sleep(0.2)
        raise AssertionError("Tryton is not read")

    def tie_out(self) -> list[tuple[str, str, str]]:
        self.house.catch_up()
        with self.house.connection() as conn:
            return [(row["refunded"], row["credited"], row["difference"]) for row in money_tie_out(conn, Moment(datetime.now(UTC)))]

    def credited(self) -> dict[str, Decimal]:
        """By the journal: what each credit note took off the clearing account."""
        found: dict[str, Decimal] = {}
        for entry in self._journal():
            if entry.fact == "CreditNoted":
                taken = sum(posting.amount for posting in entry.postings if posting.account == CLEARING)
                found[entry.document] = found.get(entry.document, Decimal(0)) - Decimal(taken) / 100
        return found

    def units(self) -> Counter[tuple[str, str]]:
        """By the journal: units by SKU and account, without those of 0."""
        units: Counter[tuple[str, str]] = Counter()
        for entry in self._journal():
            if entry.sku is not None:
                for posting in entry.postings:
                    units[entry.sku, posting.account.partition(":")[2]] += posting.amount
        return Counter({place: count for place, count in units.items() if count})

    def _journal(self) -> list[Entry]:
        self.house.catch_up()
        with self.house.connection() as conn:
            return list(entries(conn))

    def gaps(self) -> list[tuple[str, str, str | None]]:
        """Open gaps: return, kind, amount; sorted."""
        self.house.catch_up()
        with self.house.connection() as conn:
            return sorted((row["return"], row["kind"], row["amount"]) for row in all_gaps(conn, GapFilter(), Moment(datetime.now(UTC))))

    def instructions(self, return_id: str, kind: str) -> list[tuple[str, str, bool]]:
        """As the outbox has them: id, state, and whether it was sent."""
        asked = "SELECT id, state, sent_at IS NOT NULL FROM outbox WHERE return_id = %s AND kind = %s ORDER BY number"
        with self.house.connection() as conn:
            return conn.execute(asked, (return_id, kind)).fetchall()

    def pause(self, on: bool) -> None:
        """Nothing is sent to Tryton meanwhile; what is decided waits."""
        with self.house.connection() as conn:
            if on:
                accounts.pause(conn, "erp/uk-tryton", "m.okafor", "stocktaking", datetime.now(UTC))
            else:
                accounts.resume(conn, "erp/uk-tryton", "m.okafor", datetime.now(UTC))


@contextmanager
def working(url: str, database: str, schema: str, data_dir: Path, workers: int = 1) -> Iterator[Merchant]:
    """The whole house against the Tryton at `url`, with so many processes' worth of workers."""
    places = {
        "saleable": {"action": "restock", "location": "Storage Zone"},
        "damaged": {"action": "write_off", "location": "Damaged"},
    }
    erp = {"name": "uk-tryton", "kind": "tryton", "base_url": url, "credentials": CREDENTIALS, "poll": "1s"}
    shop = {"name": "uk", "merchant": "acme", "platform": "returngo", "credentials": {"api_key": "k", "shop": "s"}, "erp": "uk-tryton"}
    settings = {"data_dir": data_dir, "schema": schema, "erps": [erp], "connections": [{**shop, "policy": {"dispositions": places}}]}
    house, stop = House(Settings.model_validate(settings), database, None, 16 * workers), threading.Event()
    house.open()
    try:
        with ExitStack() as stack:
            outboxes = [stack.enter_context(open_outbox(house, stop)) for _ in range(workers)]
            threads = [threading.Thread(target=run_outbox, args=(outbox,)) for outbox in outboxes]
            for thread in threads:
                thread.start()
            try:
                yield Merchant(house)
            finally:
                stop.set()
                for thread in threads:
                    thread.join(60)
    finally:
        house.close()
