"""What goes wrong at a real Tryton, seen from the whole house: each trouble ends in one document, or in the gap that says what it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.money import to_text
from domain.returns import ReturnState
from tests.erp.line import line_to
from tests.erp.merchant import PATIENCE_SECONDS, Merchant, working
from tests.erp.server import Server
from tests.erp.shop import Item, Shop

pytestmark = pytest.mark.erp
SHIRTS = [Item("SHIRT", 3, "29.99")]
ONE_SHIRT = "35.99"


def announce(merchant: Merchant, return_id: str, order: str, units: int = 1) -> None:
    worth = {"items": to_text(2999 * units, "GBP"), "tax": to_text(600 * units, "GBP")}
    lines = [{"line": "1", "sku": "SHIRT", "quantity": units, **worth}]
    merchant.tell("Initiated", return_id, order=order, currency="GBP", resolution="refund", lines=lines)


def receive(merchant: Merchant, return_id: str) -> None:
    """One unit of it."""
    merchant.tell("Received", return_id, lines=[{"line": "1", "quantity": 1}])
    merchant.tell("Inspected", return_id, lines=[{"line": "1", "quantity": 1, "disposition": "saleable"}])


def refund(merchant: Merchant, return_id: str, total: str = ONE_SHIRT) -> None:
    merchant.tell("Refunded", return_id, refund=f"RF-{return_id}", currency="GBP", amount={"total": total}, method="original_payment")


def put_away(state: ReturnState) -> bool:
    return bool(state.active_notes()) and all(one.restocked for one in state.counts.values())


def soon(true: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < ends, what
        time.sleep(0.2)


def booked(shop: Shop, instruction: str) -> list[str]:
    """Totals of the booked notes that carry the id."""
    return [str(one["total"]) for one in shop.notes() if one["reference"] == instruction]


def ours(shop: Shop, merchant: Merchant, return_id: str) -> list[list[str]]:
    """The same for each note that the house had to post for a return."""
    return [booked(shop, name) for name, _, _ in merchant.instructions(return_id, "post_credit_note")]


def test_lost_answers_and_a_killed_program_end_in_one_document_each(
    fresh: Callable[[], Server], database: str, schema: str, tmp_path: Path
) -> None:
    """Two processes' workers race meanwhile."""
    server = fresh()
    shop = Shop(server.client())
    names = ["R-1", "R-2", "R-3", "R-4"]
    for name in names:
        shop.sell(f"#{name}", SHIRTS)
    with line_to(server.url) as line, working(line.url, database, schema, tmp_path, workers=2) as merchant:
        line.lose = {"account.invoice.create", "account.invoice.post", "stock.shipment.internal.do"}
        for name in names[:3]:
            announce(merchant, name, f"#{name}")
            receive(merchant, name)
            refund(merchant, name)
        for name in names[:3]:
            merchant.wait(name, put_away, "credited and put away")
        assert sorted(line.lost) == ["account.invoice.create", "account.invoice.post", "stock.shipment.internal.do"]
        announce(merchant, "R-4", "#R-4")
        receive(merchant, "R-4")
        refund(merchant, "R-4")
        soon(lambda: any(sent for _, _, sent in merchant.instructions("R-4", "post_credit_note")), "the note is on its way")
        server.kill()
        server.start()
        merchant.wait("R-4", put_away, "credited and put away")
        merchant.wait_for_reading()
        assert [ours(shop, merchant, name) for name in names] == [[[ONE_SHIRT]]] * 4
        assert merchant.gaps() == []
        assert [difference for _, _, difference in merchant.tie_out()] == ["0.00"]
    assert len(shop.notes()) == 4
    assert shop.drafts() == []
    assert shop.at("Quarantine", "SHIRT") == 0


def test_what_people_do_there_ends_in_the_gap_that_says_so(fresh: Callable[[], Server], database: str, schema: str, tmp_path: Path) -> None:
    server = fresh()
    shop = Shop(server.client())
    sales = {name: shop.sell(f"#{name}", SHIRTS) for name in ("R-1", "R-2", "R-3", "R-4")}
    # Five of three shirts, by somebody who was quicker than the platform.
    shop.credit_by_hand(sales["R-3"], "SHIRT", 5)
    with working(server.url, database, schema, tmp_path) as merchant:
        for name in ("R-1", "R-2", "R-3"):
            announce(merchant, name, f"#{name}")
            receive(merchant, name)
            refund(merchant, name)
        announce(merchant, "R-4", "#R-4", 2)
        receive(merchant, "R-4")
        for name in ("R-1", "R-2", "R-4"):
            merchant.wait(name, put_away, "credited and put away")
        # A duplicate posted by hand after ours, and a reference that somebody edited.
        shop.credit_by_hand(sales["R-1"], "SHIRT", 1)
        (edited,) = merchant.state("R-2").active_notes()
        row = next(one for one in shop.notes() if one["name"] == edited.credit_note)
        shop.client.write("account.invoice.write", [row["id"]], {"reference": "spoken with the customer"})
        # A draft with our id and the wrong units in it, left behind by somebody who died.
        merchant.pause(True)
        receive(merchant, "R-4")
        soon(lambda: len(merchant.instructions("R-4", "post_credit_note")) == 2, "the second note is decided on")
        second = merchant.instructions("R-4", "post_credit_note")[1][0]
        shop.credit_by_hand(sales["R-4"], "SHIRT", 2, reference=second, post=False)
        merchant.pause(False)
        merchant.wait("R-4", lambda state: len(state.active_notes()) == 2 and state.counts["1"].restocked == 2, "both are credited")
        refund(merchant, "R-4", "71.97")
        merchant.wait_for_reading()
        merchant.wait("R-1", lambda state: len(state.active_notes()) == 2, "the duplicate is read back")
        merchant.wait("R-3", lambda state: bool(state.active_notes()), "what was credited by hand is read back")
        # Neither the edited reference nor the draft is one.
        assert merchant.gaps() == [("R-1", "duplicate_credit_note", f"-{ONE_SHIRT}"), ("R-3", "credit_note_mismatch", "-143.95")]
        assert ours(shop, merchant, "R-3") in ([], [[]]), "nothing was credited beyond the invoice by us"
        assert booked(shop, second) == ["35.98"]
        assert [difference for _, _, difference in merchant.tie_out()] == ["0.00"]
    assert shop.drafts() == []
