"""Bodies go after some days, or when a person asks for it; what the ledger knows stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.inbox.erasing import Forgotten, erase_older, forget
from adapters.inbox.listing import show_delivery
from adapters.inbox.sealing import Seal
from domain.telling import ReturnKey
from tests.adapters.inbox.conftest import Bench, initiated, received, refunded

KEEP = timedelta(days=30)


def forget_in(bench: Bench, order: str, merchant: str = "acme", seal: Seal | None = None) -> Forgotten:
    bench.house.catch_up()
    with bench.house.connection() as conn:
        return forget(conn, seal or bench.seal, merchant=merchant, order=order, by="dpo", reason="request 12", now=bench.clock())


def bodies(bench: Bench) -> list[str | None]:
    with bench.house.connection() as conn:
        return [show_delivery(conn, row["id"], bench.seal)["body"] for row in bench.rows()]


def test_what_is_old_is_erased(bench: Bench) -> None:
    old = bench.deliver({"facts": [received("R-1")]})
    bench.line().go()
    waiting = bench.deliver({"record": "nobody's"})
    bench.line().go()
    bench.later(30 * 86_400 + 1)
    young = bench.deliver({"facts": [received("R-2")]})
    with bench.house.connection() as conn:
        assert erase_older(conn, bench.clock(), KEEP) == 2
        assert erase_older(conn, bench.clock(), KEEP) == 0
        shown = show_delivery(conn, old or 0, bench.seal)
    assert (shown["state"], shown["body"], shown["body_encoding"], shown["recorded"]) == ("done", None, "erased", 1)
    assert shown["body_erased_at"]
    row = bench.row(waiting)
    assert row["state"] == "failed"
    assert row["error"] == "its body was erased before it could be worked off: it waited for record nobody's"
    assert bench.row(young)["body_erased_at"] is None
    assert bench.deliver({"facts": [received("R-1")]}) is None, "a replay is still known"


def test_many_old_ones_are_erased_in_bites(bench: Bench) -> None:
    with bench.house.connection() as conn:
        conn.execute(
            "INSERT INTO inbox (connection, merchant, topic, delivery_key, received_at, headers, body, next_at) "
            "SELECT 'uk', 'acme', 't', n::text, %s, '{}', 'x', %s FROM generate_series(1, 2500) n",
            (bench.clock(), bench.clock()),
        )
        assert erase_older(conn, bench.clock() + KEEP + timedelta(seconds=1), KEEP) == 2500


def test_an_order_is_forgotten(bench: Bench) -> None:
    for facts in (
        [initiated("R-1", "#1001")],
        [received("R-1")],
        [refunded("order-1001", "RF-9", platform="shopify")],
        [initiated("R-2", "#10012")],
        [received("R-2")],
    ):
        bench.deliver({"facts": facts, "customer": "Zoe Quill"})
    bench.deliver({"order_name": "1001", "note": "for Zoe"})
    bench.deliver({"order": {"id": "gid://shopify/Order/1001"}})
    bench.deliver(b'{"order_number": 1001, "quantity": 2}')
    bench.deliver({"price": "10010", "at": 11001})
    bench.deliver(b'{"order": "1001", torn')
    bench.line().go()
    done = forget_in(bench, "#1001")
    own = [ReturnKey("acme", "happy_returns", "R-1"), ReturnKey("acme", "shopify", "order-1001")]
    assert done == Forgotten(7, (), 0, tuple(own), 3)
    assert [body is None for body in bodies(bench)] == [True, True, True, False, False, True, True, True, False, True]
    assert len(bench.facts()) == 5
    with bench.house.connection() as conn:
        assert conn.execute("SELECT merchant, order_ref, by, reason, bodies FROM erasures").fetchall() == [
            ("acme", "#1001", "dpo", "request 12", 7)
        ]
    assert forget_in(bench, "1001").bodies == 0


@pytest.mark.parametrize(("order", "written"), [('A"1', r'"A\"1"'), ("Größe/1", r'"Gr\u00f6\u00dfe/1"'), ("Größe/1", '"#Größe/1"')])
def test_an_order_is_found_however_json_writes_it(bench: Bench, order: str, written: str) -> None:
    bench.deliver(f'{{"order": {written}}}'.encode())
    bench.line().go()
    assert forget_in(bench, order).bodies == 1


def test_a_short_number_is_no_name(bench: Bench) -> None:
    bench.deliver({"quantity": 7, "price": 7})
    bench.deliver({"order": "7"})
    bench.line().go()
    assert forget_in(bench, "7").bodies == 1


def test_another_merchants_order_stays(bench: Bench) -> None:
    bench.deliver({"facts": [initiated("R-1", "#1001")]})
    bench.line().go()
    assert forget_in(bench, "#1001", merchant="other") == Forgotten(0, (), 0, (), 0)


def test_what_is_pending_is_told_and_stays(bench: Bench) -> None:
    id_ = bench.deliver({"record": "x", "order": "#1001"})
    assert forget_in(bench, "#1001") == Forgotten(0, (id_ or 0,), 0, (), 0)
    assert bodies(bench) != [None]
    bench.vendor.tell("x", received("R-1"))
    bench.line().go()
    assert forget_in(bench, "#1001").bodies == 1


def test_what_no_key_opens_is_told(bench: Bench) -> None:
    bench.deliver({"facts": [initiated("R-1", "#1001")]})
    bench.deliver({"order": "#1001"})
    bench.line().go()
    other = Seal("AQ" + "E" * 40 + "E=")
    done = forget_in(bench, "#1001", seal=other)
    assert (done.bodies, done.unreadable) == (1, 1), "what its facts tell needs no key"
