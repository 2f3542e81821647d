"""Shares of an order line add up to it, whatever partial returns come, on however many returns, as kits or as their parts."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.content import Line
from domain.crediting import credit, credited_by, prorated_shipping, shipping_tax
from domain.erp_facts import KitComponent, MoneyLine, OrderLine
from domain.matching import CreditKey, match_lines, suggestions
from tests.domain.working import Walk, order, order_line, policy
from tests.strategies import examples

MONEY = st.integers(0, 100_000)


@st.composite
def order_lines(draw: st.DrawFn) -> OrderLine:
    kit = None
    if draw(st.booleans()):
        parts = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5)), min_size=1, max_size=3))
        kit = tuple(KitComponent(sku=f"PART-{n}", quantity=quantity, weight=weight) for n, (quantity, weight) in enumerate(parts))
    return order_line("a", "SKU", draw(st.integers(1, 6)), draw(MONEY), draw(MONEY), kit=kit)


def return_line(sku: str, quantity: int) -> Line:
    return Line(line="L1", sku=sku, quantity=quantity, items=0, tax=0)


@examples(100)
@given(order_lines(), st.data())
def test_any_series_of_partial_returns_adds_up_to_the_order_line(one: OrderLine, data: st.DataObject) -> None:
    before: Counter[CreditKey] = Counter()
    credited: list[MoneyLine] = []
    for _ in range(40):
        sku = data.draw(st.sampled_from(["SKU", *(part.sku for part in one.kit or ())]))
        units = data.draw(st.integers(1, 3))
        (slots,) = match_lines([return_line(sku, units)], order(one), {}, before).slots.values()
        credited += credit("L1", slots, units, before)
        if data.draw(st.integers(0, 9)) == 0:
            break
    # Whatever is left comes back part by part, or unit by unit.
    for sku in [part.sku for part in one.kit or ()] or ["SKU"]:
        for _ in range(60):
            (slots,) = match_lines([return_line(sku, 1)], order(one), {}).slots.values()
            credited += credit("L1", slots, 1, before)
    assert (sum(line.items for line in credited), sum(line.tax for line in credited)) == (one.items, one.tax)
    assert all(line.items >= 0 and line.tax >= 0 for line in credited)


@examples(60)
@given(st.integers(1, 5), MONEY, MONEY, st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_several_returns_of_one_order_never_credit_more_than_it(quantity: int, items: int, tax: int, returns: list[int]) -> None:
    original = order(order_line("a", "SKU", quantity, items, tax))
    others: Counter[CreditKey] = Counter()
    notes = []
    for units in returns:
        walk = Walk(policy(move_on="never"), others=Counter(others)).announce(("L1", "SKU", units, "0.00", "0.00")).record(original)
        notes += walk.tell("Received").carry_out()
        others.update(credited_by(walk.issued))
    credited = sum(note.amount.total for note in notes if note.amount)
    assert credited <= items + tax
    if sum(returns) >= quantity and all(note.amount for note in notes):
        assert credited == items + tax


@examples(60)
@given(MONEY, MONEY, st.lists(st.integers(0, 100_000), max_size=5))
def test_the_tax_on_shipping_adds_up(shipping: int, tax: int, parts: list[int]) -> None:
    one = order(order_line("a", "SKU", 1, 1000, 200), shipping=shipping, shipping_tax=tax)
    done = total = 0
    for part in [*parts, shipping]:
        part = min(part, shipping - done)
        total += shipping_tax(one, part, done)
        done += part
    assert done == shipping
    assert total == (tax if shipping else 0)


@examples(30)
@given(st.sampled_from(["full", "prorated"]), MONEY, MONEY, st.permutations([1, 2, 3]))
def test_the_returns_of_one_order_share_its_shipping(rule: str, shipping: int, tax: int, returns: list[int]) -> None:
    original = order(order_line("a", "SKU", 6, 6000, 1200), shipping=shipping, shipping_tax=tax if shipping else 0)
    decided = policy(move_on="never", shipping_refund=rule)
    others: Counter[CreditKey] = Counter()
    notes = []
    for units in returns:
        walk = Walk(decided, others=Counter(others)).announce(("L1", "SKU", units, "0.00", "0.00")).record(original)
        notes += walk.tell("Received").carry_out()
        others.update(credited_by(walk.issued))
    amounts = [note.amount for note in notes if note.amount]
    assert sum(amount.shipping or 0 for amount in amounts) == shipping
    assert sum(amount.total for amount in amounts) == 7200 + original.shipping + original.shipping_tax


def test_prorated_shipping_is_all_of_it_once_everything_is_credited() -> None:
    one = order(order_line("a", "A", 3, 1000, 0), order_line("b", "B", 1, 1, 0), shipping=500)
    a, b = CreditKey("a"), CreditKey("b")
    steps: list[Counter[CreditKey]] = [Counter(), Counter({a: 1}), Counter({a: 3}), Counter({a: 3, b: 1})]
    shares = [prorated_shipping(one, before, after) for before, after in pairwise(steps)]
    assert sum(shares) == 500
    assert shares[0] == 166


def test_the_same_sku_on_two_lines_finds_the_line_of_its_price() -> None:
    original = order(order_line("a", "SKU", 1, 4000, 800), order_line("b", "SKU", 1, 3000, 600))
    lines = [Line(line="x", sku="SKU", quantity=1, items=3000, tax=600), Line(line="y", sku="SKU", quantity=1, items=4000, tax=800)]
    slots = match_lines(lines, original, {}).slots
    assert {name: [slot.order_line.order_line for slot in found] for name, found in slots.items()} == {"x": ["b"], "y": ["a"]}


def test_a_line_that_names_its_order_line_goes_there_whatever_its_price() -> None:
    original = order(order_line("a", "SKU", 1, 4000, 800, channel_line="9120"), order_line("b", "SKU", 1, 3000, 600))
    first = Line(line="x", sku="SKU", quantity=1, items=3000, tax=600)
    lines = [first, first.model_copy(update={"line": "y", "order_line": "9120"})]
    slots = match_lines(lines, original, {}).slots
    assert {name: [slot.order_line.order_line for slot in found] for name, found in slots.items()} == {"x": ["b"], "y": ["a"]}


def test_what_may_be_meant_is_told_by_case_and_punctuation_first() -> None:
    original = order(*(order_line(str(n), sku, 1, 0, 0) for n, sku in enumerate(("SHIRT-M", "SHIRT-ML", "COAT"))))
    assert suggestions("shirt m", original)[0] == "SHIRT-M"
    assert suggestions("zzz", original) == []


def test_units_of_a_whole_kit_are_counted_once() -> None:
    kit = order_line("k", "GIFT", 1, 3000, 0, kit=(KitComponent(sku="MUG", quantity=1), KitComponent(sku="TEA", quantity=2)))
    before = Counter({CreditKey("k", "TEA"): 1})
    (slots,) = match_lines([return_line("GIFT", 1)], order(kit), {}).slots.values()
    assert credit("L1", slots, 1, before) == []
    (slots,) = match_lines([return_line("MUG", 1)], order(kit), {}).slots.values()
    assert [line.items for line in credit("L1", slots, 1, before)] == [1000]
    assert [key for key, _ in groupby(sorted(before))] == [CreditKey("k", "MUG"), CreditKey("k", "TEA")]


def test_a_sibling_that_has_one_of_two_lines_leaves_the_other() -> None:
    original = order(order_line("a", "SKU", 1, 4000, 800), order_line("b", "SKU", 1, 3000, 600))
    walk = Walk(policy(move_on="never"), others=Counter({CreditKey("a"): 1})).announce(("L1", "SKU", 1, "40.00", "8.00")).record(original)
    (note,) = walk.tell("Received").carry_out()
    assert [(line.order_line, line.items) for line in note.money] == [("b", 3000)]
