"""What Tryton itself has in its books after each instruction, and after everything that can go wrong on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from adapters.erps.port import FOUND_TWICE, OVER_CREDIT, ErpDocument, Work
from adapters.vendor.answers import Accepted, Declined, Unknown
from domain.content import ExchangeItem
from domain.money import to_text
from tests.adapters.erps.rig import credited, moved, work_of
from tests.erp.conftest import copied
from tests.erp.hands import Hands, cut
from tests.erp.server import Server
from tests.erp.shop import Item, Shop

pytestmark = pytest.mark.erp
SHIRTS = [Item("SHIRT", 3, "29.99")]


@pytest.fixture(scope="module")
def tryton(tryton_home: Path, company_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = copied(tryton_home, company_database, tmp_path_factory.mktemp("tryton"))
    yield server
    server.kill()


@pytest.fixture
def shop(tryton: Server) -> Shop:
    return Shop(tryton.client())


@pytest.fixture
def hands(tryton: Server) -> Hands:
    return Hands(tryton)


def note(hands: Hands, reference: str, units: int = 1, after: int = 0, **more: Any) -> Work:
    order = hands.matched(reference)
    line = next(one for one in order.lines if one.sku == "SHIRT")
    return work_of(hands, "post_credit_note", reference, order, money=[credited(line, units, after=after)], turn=after, **more)  # type: ignore[arg-type]


def not_alone(_: str) -> AbstractContextManager[None]:
    """Nobody keeps them apart: two houses that do not know of each other."""
    return nullcontext()


def shop_sells(shop: Shop, reference: str) -> str:
    shop.sell(reference, SHIRTS)
    return reference


def begin_anew(shop: Shop, number: int) -> None:
    """The sequences of this year go on with that number, as those of another year would."""
    sequences = [row["id"] for row in shop.client.rows("ir.sequence.strict", [], "id")]
    shop.client.write("ir.sequence.strict.write", sequences, {"number_next": number})


def booked(shop: Shop, work: Work) -> list[str]:
    return [str(one["total"]) for one in shop.notes() if one["reference"] == work.issued.instruction]


def documents(hands: Hands) -> list[ErpDocument]:
    return [one for page in hands.erp.changes(None, hands.clock()) for one in page.documents]


def test_the_way_of_a_return_from_credit_note_to_scrap(tryton: Server, shop: Shop) -> None:
    hands = Hands(tryton, accounts={"refund": "Refunds"})
    shop.sell("#1001", [*SHIRTS, Item("GIFTBOX", 1, "59.00"), Item("SHIPPING", 1, "5.00")])
    owed, scrapped, stored = shop.owed_by_customer(), shop.at("Scrapped", "SHIRT"), shop.at(shop.storage(), "SHIRT")
    order = hands.matched("1001")
    assert [(one.sku, one.quantity, one.items, one.tax) for one in order.lines] == [("SHIRT", 3, 8997, 1799), ("GIFTBOX", 1, 5900, 1180)]
    assert (order.invoice, order.shipping, order.shipping_tax, order.creditable) == ("authorised", 500, 100, 18476)
    kit = order.lines[1].kit
    assert kit is not None
    assert [(part.sku, part.quantity) for part in kit] == [("MUG", 1), ("TEA", 2)]

    credit = note(hands, "#1001", 2, shipping=500, shipping_tax=100, fees=-250)
    answer = hands.drive(credit)
    assert isinstance(answer, Accepted)
    assert credit.issued.amount is not None
    assert booked(shop, credit) == [to_text(credit.issued.amount.total, "GBP")] == ["75.47"]
    assert shop.owed_by_customer() == owed, "what was credited was paid back"
    for kind, goods in (
        ("book_in", [moved("SHIRT", 2, None, "Quarantine")]),
        ("restock", [moved("SHIRT", 1, "Quarantine", None)]),
        ("move", [moved("SHIRT", 1, "Quarantine", "Damaged")]),
        ("write_off", [moved("SHIRT", 1, "Damaged", None)]),
    ):
        work = work_of(hands, kind, "#1001", order, goods=goods)  # type: ignore[arg-type]
        first = hands.drive(work)
        assert isinstance(first, Accepted), first
        assert hands.drive(work, sent_before=True) == first
    places = [shop.at(place, "SHIRT") for place in ("Quarantine", "Damaged", "Scrapped")]
    assert places == [0, 0, scrapped + 1]
    assert shop.at(shop.storage(), "SHIRT") == stored + 1
    told = {(one.number, one.instruction): one for one in documents(hands) if one.kind == "credit_note"}
    assert told[answer.reference, credit.issued.instruction].amount == credit.issued.amount
    assert [one.on_hand for one in hands.erp.levels(["SHIRT", "GIFTBOX"]) if one.location == "Quarantine"] == [0], "kits have no level"


def test_thirds_of_a_tax_come_to_the_whole(shop: Shop, hands: Hands) -> None:
    shop.sell("#1002", SHIRTS)
    works = [note(hands, "#1002", after=after) for after in range(3)]
    for work in works:
        assert isinstance(hands.drive(work), Accepted)
    assert [booked(shop, work) for work in works] == [["35.99"], ["35.98"], ["35.99"]]
    assert hands.matched("#1002").creditable == 0


def test_goods_that_are_not_there_are_not_moved(shop: Shop, hands: Hands) -> None:
    shop.sell("#1003", SHIRTS)
    work = work_of(hands, "restock", "#1003", hands.matched("#1003"), goods=[moved("SHIRT", 5, "Damaged", None)])  # type: ignore[arg-type]
    answer = hands.drive(work)
    assert isinstance(answer, Declined)
    assert "Damaged does not hold" in answer.reason


def test_an_exchange_is_a_sale_that_goes_out(shop: Shop, hands: Hands) -> None:
    shop.sell("#1004", SHIRTS)
    wanted = [ExchangeItem(sku="SHIRT-L", quantity=1)]
    order = hands.matched("#1004")
    draft = hands.drive(work_of(hands, "order_exchange", "#1004", order, exchange=wanted, status="draft"))  # type: ignore[arg-type]
    assert isinstance(draft, Accepted)
    told = {one.number: one.status for one in documents(hands) if one.kind == "exchange_order"}
    assert told[draft.reference] == "draft"
    work = work_of(hands, "authorise_exchange", "#1004", order, document=draft.reference, status="authorised")  # type: ignore[arg-type]
    assert hands.drive(work) == hands.drive(work, sent_before=True) == draft
    told = {one.number: one.status for one in documents(hands) if one.kind == "exchange_order"}
    assert told[draft.reference] == "authorised"


@pytest.mark.parametrize("method", ["account.invoice.create", "account.invoice.post"])
def test_a_lost_reply_ends_in_one_document(shop: Shop, hands: Hands, method: str) -> None:
    reference = f"#2001-{method.rpartition('.')[2]}"
    shop.sell(reference, SHIRTS)
    work = note(hands, reference)
    hands.wire.after[method] = cut
    assert isinstance(hands.erp.carry_out(work), Unknown)
    assert isinstance(hands.drive(work, sent_before=True), Accepted)
    assert booked(shop, work) == ["35.99"]
    assert shop.drafts() == []


def test_a_killed_tryton_ends_in_one_document(tryton: Server, shop: Shop, hands: Hands) -> None:
    shop.sell("#2002", SHIRTS)
    work = note(hands, "#2002")
    # It dies while it works on the post: somewhere between having got it and having answered.
    killer = threading.Timer(0.2, tryton.kill)
    hands.wire.before["account.invoice.post"] = killer.start
    answer = hands.erp.carry_out(work)
    killer.join()
    assert isinstance(answer, Accepted | Unknown)
    tryton.start()
    assert isinstance(hands.drive(work, sent_before=True), Accepted)
    assert booked(shop, work) == ["35.99"]
    assert shop.drafts() == []


def test_two_workers_at_once_end_in_one_document(tryton: Server, shop: Shop, hands: Hands) -> None:
    shop.sell("#2003", SHIRTS)
    work, others = note(hands, "#2003"), [Hands(tryton, alone=not_alone) for _ in range(2)]
    both, answers = threading.Barrier(2), list[Accepted | Declined]()

    def meet() -> None:
        both.wait(60)

    for other in others:
        assert other.erp.check()
        # Both have looked, and found nothing, before either creates.
        other.wire.before["account.invoice.create"] = meet
    threads = [threading.Thread(target=lambda one=one: answers.append(one.drive(work))) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert booked(shop, work) == ["35.99"]
    assert shop.drafts() == []


def test_a_draft_left_behind_is_finished(shop: Shop, hands: Hands) -> None:
    sale = shop.sell("#2004", SHIRTS)
    work = note(hands, "#2004")
    # By somebody who died before its lines were right.
    shop.credit_by_hand(sale, "SHIRT", 2, reference=work.issued.instruction, post=False)
    assert isinstance(hands.drive(work, sent_before=True), Accepted)
    assert booked(shop, work) == ["35.99"]
    assert shop.drafts() == []


def test_a_duplicate_by_hand_is_a_discrepancy(shop: Shop, hands: Hands) -> None:
    sale = shop.sell("#2005", SHIRTS)
    work = note(hands, "#2005")
    for _ in range(2):
        shop.credit_by_hand(sale, "SHIRT", 1, reference=work.issued.instruction)
    answer = hands.erp.carry_out(work)
    assert isinstance(answer, Declined)
    assert answer.code == FOUND_TWICE
    assert len(booked(shop, work)) == 2


def test_what_was_credited_by_hand_is_not_credited_again(shop: Shop, hands: Hands) -> None:
    sale = shop.sell("#2006", SHIRTS)
    work = note(hands, "#2006", 2)
    by_hand = shop.credit_by_hand(sale, "SHIRT", 5)
    answer = hands.drive(work)
    assert isinstance(answer, Declined)
    assert answer.code == OVER_CREDIT
    assert booked(shop, work) == []
    told = {one.number: one for one in documents(hands) if one.kind == "credit_note"}[shop.name_of(by_hand)]
    assert (told.order_reference, told.instruction, [line.quantity for line in told.lines]) == ("#2006", None, [5])


def test_an_edited_reference_hides_nothing(shop: Shop, hands: Hands) -> None:
    shop.sell("#2007", SHIRTS)
    work = note(hands, "#2007")
    first = hands.drive(work)
    assert isinstance(first, Accepted)
    row = next(one for one in shop.notes() if one["name"] == first.reference)
    shop.client.write("account.invoice.write", [row["id"]], {"reference": "spoken with the customer"})
    assert hands.drive(work, sent_before=True) == first
    told = {one.number: one.instruction for one in documents(hands) if one.kind == "credit_note"}
    assert told[first.reference] == work.issued.instruction
    assert [one.credited for one in hands.matched("#2007").lines] == [0], "it is not taken for somebody else's"


def test_a_return_sale_of_a_complaint_is_read_as_the_credit_that_it_is(shop: Shop, hands: Hands) -> None:
    sale = shop.sell("#2008", SHIRTS)
    number = shop.name_of(shop.complain(sale, "SHIRT", 2))
    order = hands.matched("#2008")
    assert [one.credited for one in order.lines] == [2]
    told = {one.number: one for one in documents(hands) if one.kind == "credit_note"}[number]
    assert (told.order_reference, told.instruction, [(one.sku, one.quantity) for one in told.lines]) == ("#2008", None, [("SHIRT", 2)])
    answer = hands.drive(note(hands, "#2008", 2))
    assert isinstance(answer, Declined)
    assert answer.code == OVER_CREDIT


def test_two_notes_with_one_number_are_two(shop: Shop, hands: Hands) -> None:
    """On SQLite it happens to two that are posted at once; elsewhere when a fiscal year begins and numbers do so anew."""
    work, sale = note(hands, shop_sells(shop, "#2009")), shop.sell("#2010", SHIRTS)
    ours = hands.drive(work)
    assert isinstance(ours, Accepted)
    number = ours.reference.partition(" (id ")[0]
    begin_anew(shop, int(number))
    by_hand = shop.credit_by_hand(sale, "SHIRT", 2)
    assert shop.name_of(by_hand) == f"{number} (id {by_hand})"
    told = {one.number: one.order_reference for one in documents(hands) if one.number.startswith(f"{number} ")}
    assert told == {ours.reference: "#2009", f"{number} (id {by_hand})": "#2010"}


def test_ours_never_get_one_number(tryton: Server, shop: Shop) -> None:
    """Four pairs of hands at once: where Tryton would give one number to several, they post one after the other."""
    references = [shop_sells(shop, f"#30{n:02}") for n in range(4)]
    several = [Hands(tryton) for _ in references]
    works = [note(hands, reference) for hands, reference in zip(several, references, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: pair[0].drive(pair[1]), zip(several, works, strict=True)))
    assert all(isinstance(one, Accepted) for one in answers), answers
    numbers = [str(one["number"]) for one in shop.notes() if one["reference"] in {work.issued.instruction for work in works}]
    assert len(set(numbers)) == len(numbers) == 4
