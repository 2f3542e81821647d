"""What the console says, and how it writes figures, times and addresses."""

from datetime import UTC, datetime, timedelta

import pytest

from api.console.help import AREAS, HELP, usual_owner
from api.console.keeping import TIMES_AS_LONG, Kept
from api.console.overview import counted
from api.console.writing import Address, grouped, length, moment, money, of_return, relative, since, spoken
from domain.policy import GapKind

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_every_kind_is_explained() -> None:
    assert HELP.keys() == set(GapKind)
    assert {one.area for one in HELP.values()} == set(AREAS)
    assert len({one.title for one in HELP.values()}) == len(HELP)
    for kind, one in HELP.items():
        assert one.causes, kind
        assert one.todo, kind
        for sentence in (one.means, *one.causes, *one.todo):
            assert sentence[0].isupper(), sentence
            assert sentence.endswith("."), sentence
        assert usual_owner(kind)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0.00", "0.00"),
        ("-0.05", "-0.05"),
        ("999", "999"),
        ("1000", "1,000"),
        ("-1234567.891", "-1,234,567.891"),
        ("9999999999999.99", "9,999,999,999,999.99"),
    ],
)
def test_amounts_are_grouped_and_never_rounded(amount: str, written: str) -> None:
    assert grouped(amount) == written
    assert written in money(amount, "GBP")
    assert "GBP" in money(amount, "GBP")


def test_no_amount_is_a_dash() -> None:
    assert "–" in money(None, "GBP")
    assert "–" in money("1.00", None)


def test_times_are_exact_and_relative() -> None:
    assert spoken("2026-10-02T08:30:15.123456Z") == "2 Oct 2026, 08:30"
    assert spoken("2026-10-02T08:30:00+02:00") == "2 Oct 2026, 06:30"
    assert relative(NOW - timedelta(days=3, hours=5), NOW) == "3 d ago"
    assert relative(NOW + timedelta(minutes=59), NOW) == "in 59 min"
    assert relative(NOW, NOW) == "now"
    assert length(timedelta(days=800)) == "2 y"
    assert 'datetime="2026-11-20T12:00:00Z"' in moment("2026-11-20T12:00:00Z", NOW)
    assert "1 d ago" in moment("2026-11-20T12:00:00Z", NOW)
    assert ">1 d ago<" in since("2026-11-20T12:00:00Z", NOW)


def test_addresses_keep_the_question() -> None:
    here = Address("/", [("kind", "a"), ("kind", "b"), ("merchant", "Ö & co"), ("cursor", "x"), ("as_of", "")])
    assert str(here) == "/?kind=a&kind=b&merchant=%C3%96%20%26%20co&cursor=x"
    assert str(here.set("kind", "c")) == "/?merchant=%C3%96%20%26%20co&kind=c"
    assert str(here.without("kind", "a").without("merchant")) == "/?kind=b"
    assert str(here.only("kind").to("/tie-out")) == "/tie-out?kind=a&kind=b"
    assert here.has("cursor")
    assert not here.has("as_of")
    assert here.set("q", '"<&>').__html__() == "/?kind=a&amp;kind=b&amp;merchant=%C3%96%20%26%20co&amp;q=%22%3C%26%3E"
    assert of_return("a/b", "returngo", "100% ö") == "/returns/a%2Fb/returngo/100%25%20%C3%B6"


def test_currencies_are_counted_apart() -> None:
    def row(
        kind: str, currency: str | None, amount: str | None, count: int = 1, age: str = "0-1 d", units: int | None = None, late: int = 0
    ) -> dict[str, object]:
        told = {"kind": kind, "owner": "ops", "currency": currency, "age": age, "count": count, "amount": amount}
        return {**told, "units": units, "overdue": late}

    seen = counted(
        [
            row("refund_without_credit_note", "GBP", "10.00"),
            row("refund_without_credit_note", "GBP", "5.50", age=">30 d", count=3, late=3),
            row("refund_without_credit_note", "JPY", "500"),
            row("credit_note_without_refund", "GBP", "-3.00"),
            row("uninspected_items", "GBP", "80.00", units=2),
            row("unannounced_return", None, None, count=2, late=1),
        ],
    )
    assert [(one.currency, one.gaps, one.clearing) for one in seen.currencies] == [("GBP", 6, "12.50"), ("JPY", 1, "500")]
    assert seen.currencies[0].ages.counts == [3, 0, 0, 0, 0, 3]
    assert (seen.gaps, seen.overdue) == (9, 4)
    money_kinds, goods = (kinds for _, kinds in seen.areas)
    assert [one.kind for one in money_kinds] == ["refund_without_credit_note", "credit_note_without_refund"]
    assert (money_kinds[0].amount("GBP"), money_kinds[0].amount("JPY"), money_kinds[0].amount("EUR")) == ("15.50", "500", None)
    assert [one.units for one in goods] == [2, None]


def test_an_answer_is_kept_the_longer_the_harder_it_was_to_find() -> None:
    time, looked = [0.0], list[float]()
    kept: Kept[float] = Kept(lambda: time[0])

    def find() -> float:
        time[0] += 0.5
        looked.append(time[0])
        return time[0]

    assert kept.get("q", find) == kept.get("q", find) == 0.5
    time[0] = 0.5 + 0.5 * TIMES_AS_LONG - 0.01
    assert kept.get("q", find) == 0.5
    assert kept.get("other", find) > 0.5
    time[0] += 0.5 * TIMES_AS_LONG
    assert kept.get("q", find) > 0.5
    assert len(looked) == 3
