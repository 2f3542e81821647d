"""Several processes at one account: what is read and then written is nobody else's meanwhile, and whoever dies lets go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from threading import Thread
from time import sleep
from typing import Any

import pytest

from adapters.erps import alone as alone_room
from adapters.erps.alone import InDatabase
from adapters.erps.cin7_core import connect
from adapters.erps.registry import make_erp
from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.vendor.answers import Accepted
from adapters.vendor.quota import QuotaSpent
from domain.erp_facts import Kind
from tests.adapters.erps.cin7_rig import Cin7Rig
from tests.adapters.erps.contract import SHIRT, matched
from tests.adapters.erps.rig import credited, moved, work_of

HOLDER = """
import sys
from adapters.erps.alone import InDatabase
with InDatabase(sys.argv[1]) as alone, alone("an account"):
    print("held", flush=True)
    sys.stdin.read()
"""


class SlowReads(Front):
    """Time passes between what is read and what is written because of it."""

    def answer(self, request: SandboxRequest) -> SandboxResponse:
        answered = super().answer(request)
        if request.path.lower().endswith(("ref/productavailability", "/sale")):
            sleep(0.02)
        return answered


def test_several_processes_write_over_nobodys_level(database: str) -> None:
    rig = Cin7Rig(SlowReads, calls_per_minute=10_000)
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-M", rig.quarantine, 20)
    order = matched(rig)
    ways: tuple[tuple[Kind, str | None, str | None], ...] = (
        *(("book_in", None, rig.quarantine),) * 2,
        ("move", rig.quarantine, rig.damaged),
        ("write_off", rig.quarantine, None),
    )

    def go(place: int, hand: Any) -> None:
        kind, source, target = ways[place]
        for turn in range(5):
            work = work_of(rig, kind, order=order, goods=[moved("SHIRT-M", 1, source, target)], turn=10 * place + turn)
            answers.append(hand.carry_out(work))

    answers: list[object] = []
    with ExitStack() as stack:
        # Each with a session of its own: they agree through the database alone, as processes do.
        hands = [
            make_erp(rig.settings, stack.enter_context(rig.http()), lambda _: None, alone=stack.enter_context(InDatabase(database)))
            for _ in ways
        ]
        run([lambda place=place, hand=hand: go(place, hand) for place, hand in enumerate(hands)])  # type: ignore[misc]
    assert [type(answer) for answer in answers] == [Accepted] * 20
    assert (rig.stock("SHIRT-M", rig.quarantine), rig.stock("SHIRT-M", rig.damaged)) == (20 + 10 - 5 - 5, 5)
    assert {one["Status"] for one in rig.sandbox.warehouse.adjustments} == {"COMPLETED"}, "none had to be taken back"


def test_several_processes_credit_no_more_than_a_sale_allows(database: str) -> None:
    rig = Cin7Rig(SlowReads, calls_per_minute=10_000)
    rig.seed_order("#1001", [SHIRT])
    order = matched(rig)
    answers: list[object] = []

    def go(turn: int, hand: Any) -> None:
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 2)], turn=turn)
        answers.append(hand.carry_out(work))

    with ExitStack() as stack:
        hands = [
            connect(settings=rig.settings, http=stack.enter_context(rig.http()), wait_turn=lambda _: None, alone=alone)
            for alone in (stack.enter_context(InDatabase(database)) for _ in range(3))
        ]
        run([lambda turn=turn, hand=hand: go(turn, hand) for turn, hand in enumerate(hands)])  # type: ignore[misc]
    assert sorted(type(answer).__name__ for answer in answers) == ["Accepted", "Declined", "Declined"]
    assert len(rig.notes("#1001")) == 1


def test_whoever_dies_lets_go(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone_room, "_WAIT_SECONDS", 1)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with InDatabase(database) as alone:
            with pytest.raises(QuotaSpent), alone("an account"):
                pytest.fail("another process holds it")
            with alone("another account"), alone("another account"):
                pass  # whoever holds a name may ask for it again
        holder.kill()
        holder.wait()
        monkeypatch.setattr(alone_room, "_WAIT_SECONDS", 30)
        with InDatabase(database) as alone, alone("an account"):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_database_that_is_away_stops_before_anything_is_asked() -> None:
    with InDatabase("postgresql://nobody@127.0.0.1:1/none") as alone, pytest.raises(QuotaSpent), alone("an account"):
        pytest.fail("nobody can say that it is free")


def run(jobs: list[Callable[[], None]]) -> None:
    threads = [Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
