"""What platforms are told while they read: everything recorded so far, folded in already or not, and what was read before in the batch."""

from __future__ import annotations

from adapters.event_store import prepare
from adapters.inbox.desk import HouseDesk
from adapters.platforms.port import Desk
from domain.telling import ReturnKey, Telling, read_telling
from tests.adapters.inbox.conftest import Bench, initiated, received, refunded


def telling(row: dict[str, object], merchant: str = "acme") -> Telling:
    return read_telling(row, merchant)


def record(bench: Bench, *rows: dict[str, object], merchant: str = "acme", fold: bool = False) -> None:
    bench.house.ledger.append([prepare(telling(row, merchant), "test") for row in rows])
    if fold:
        bench.house.catch_up()


def desk_of(bench: Bench) -> HouseDesk:
    return HouseDesk(bench.house.ledger, bench.house.pool, "acme", bench.clock, refunds_for=["returngo"])


def key(return_id: str) -> ReturnKey:
    return ReturnKey("acme", "happy_returns", return_id)


def test_folded_or_not_it_counts(bench: Bench) -> None:
    for fold in (True, False):
        name = str(fold)
        record(bench, initiated(f"A-{name}", f"#{name}"), refunded(f"A-{name}", f"RF-{name}"), fold=fold)
        record(bench, initiated(f"B-{name}", f"#{name}"), fold=fold)
        record(bench, initiated(f"C-{name}", f"#{name}"), refunded(f"C-{name}", f"RF-{name}x"), merchant="other", fold=fold)
    desk: Desk = desk_of(bench)
    for name in ("True", "False"):
        assert desk.returns_of_order(f"#{name}") == [key(f"A-{name}"), key(f"B-{name}")]
        assert desk.return_of_refund(f"RF-{name}") == key(f"A-{name}")
        assert desk.return_of_refund(f"RF-{name}x") is None
        assert desk.announced(key(f"A-{name}"))
    assert desk.returns_of_order("#nobody's") == []
    assert desk.returns_of_order("\x00") == []
    assert not desk.announced(key("nobody's"))
    assert desk.told(key("nobody's")) == []
    assert desk.refunds_for == {"returngo"}
    assert desk.now() == bench.clock()


def test_a_batch_sees_what_came_before_it_began(bench: Bench) -> None:
    desk = desk_of(bench)
    desk.begin()
    assert desk.returns_of_order("#1") == []
    record(bench, initiated("A", "#1"))
    desk.begin()
    assert desk.returns_of_order("#1") == [key("A")]
    bench.house.catch_up()
    record(bench, initiated("B", "#1"))
    desk.begin()
    assert desk.returns_of_order("#1") == [key("A"), key("B")]
    bench.house.catch_up()
    desk.begin()
    assert desk.returns_of_order("#1") == [key("A"), key("B")]


def test_what_was_read_in_the_batch_counts_before_it_is_recorded(bench: Bench) -> None:
    desk = desk_of(bench)
    desk.begin()
    read = [telling(initiated("A", "#1")), telling(refunded("A", "RF"))]
    desk.learn(read)
    assert desk.returns_of_order("#1") == [key("A")]
    assert desk.return_of_refund("RF") == key("A")
    assert desk.announced(key("A"))
    assert list(desk.told(key("A"))) == read
    desk.learn([telling(received("A"))])
    assert len(desk.told(key("A"))) == 3
    desk.begin()
    assert list(desk.told(key("A"))) == [], "it was never recorded"


def test_told_is_what_the_ledger_holds(bench: Bench) -> None:
    rows = [initiated("A", "#1"), received("A", by="dock 4")]
    record(bench, *rows)
    assert list(desk_of(bench).told(key("A"))) == [telling(row) for row in rows]


def test_what_is_asked_is_found_by_index(bench: Bench) -> None:
    from adapters.inbox import desk

    with bench.house.connection() as conn:
        conn.execute("SET enable_seqscan = off")
        for question, index in ((desk._OF_ORDER, "returns_of_order"), (desk._OF_REFUND, "money_moves_document")):
            plan = conn.execute(f"EXPLAIN {question}".encode(), {"name": "x", "merchant": "acme"}).fetchall()
            assert index in str(plan)
        conn.execute("RESET enable_seqscan")
