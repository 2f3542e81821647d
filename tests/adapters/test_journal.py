"""The journal: in balance, the same for every order of import, and accepted by hledger and beancount as it is."""

import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from beancount.core.data import Commodity, Transaction
from beancount.loader import load_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import journal_beancount, journal_hledger
from adapters.journal_files import COLUMNS, FORMATS, write_journal
from domain.money import CURRENCIES
from domain.postings import ACCOUNTS, CLEARING, OPENING, Posting
from projections.journal import OPENING_FACT, Entry, Span, entries, entries_page
from projections.moments import Moment
from projections.tie_out import money_tie_out
from tests.adapters.proofs import ProofHouse, proof_house
from tests.oracle.worlds import world

HLEDGER = shutil.which("hledger")
GET_HLEDGER = "hledger is not installed: apt-get install hledger, or https://hledger.org/install.html"
needs_hledger = pytest.mark.skipif(HLEDGER is None, reason=GET_HLEDGER)
CHECKER = Path(sys.executable).with_name("bean-check")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SPANS = {
    "everything": Span(),
    "from a day on": Span.of(date(2025, 2, 3)),
    "a month": Span.of(date(2025, 1, 20), date(2025, 2, 19)),
    "one merchant": Span.of(date(2025, 1, 20), merchant="bolt & sons"),
    "nothing": Span.of(date(1999, 1, 1), date(1999, 12, 31)),
}


@pytest.fixture(scope="module")
def house(database: str) -> Iterator[ProofHouse]:
    with proof_house(database, f"test_journal_{os.getpid()}", world(11, 120)) as made:
        try:
            yield made
        finally:
            made.ask(f"DROP SCHEMA {made.schema} CASCADE")


def written(house: ProofHouse, form: str, span: Span = SPANS["everything"]) -> str:
    stream = io.StringIO(newline="")
    with house.connection() as conn:
        write_journal(conn, stream, form, span)
    return stream.getvalue()


def hledger(*arguments: str, journal: Path) -> str:
    """As it runs where no locale is set, which is where it is pickiest."""
    assert HLEDGER is not None
    done = subprocess.run([HLEDGER, "-f", str(journal), *arguments], capture_output=True, check=False, env={"LC_ALL": "C", "HOME": "/"})
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def loaded(path: Path) -> list[Any]:
    found, errors, _ = load_file(str(path))
    assert errors == []
    return list(found)


def kept(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def balances(transactions: list[Any], account: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in transactions:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                if posting.account == account and posting.units is not None and posting.units.number is not None:
                    sums[posting.units.currency] += posting.units.number
    return {commodity: amount for commodity, amount in sums.items() if amount}


def clearing(house: ProofHouse, as_of: datetime | None = None, merchant: str | None = None) -> dict[str, Decimal]:
    with house.connection() as conn:
        rows = money_tie_out(conn, Moment(NOW, as_of), merchant=merchant)
    return {row["currency"]: Decimal(row["clearing_balance"]) for row in rows if Decimal(row["clearing_balance"])}


@needs_hledger
@pytest.mark.parametrize("name", SPANS)
def test_hledger_accepts_the_file_and_finds_the_same_clearing_balance(house: ProofHouse, tmp_path: Path, name: str) -> None:
    span = SPANS[name]
    journal = kept(tmp_path, "books.journal", written(house, "hledger", span))
    hledger("check", journal=journal)
    hledger("check", "--strict", "ordereddates", journal=journal)
    rows = csv.DictReader(io.StringIO(hledger("bal", CLEARING, "-N", "-O", "csv", "--layout=bare", journal=journal)))
    found = {row["commodity"]: Decimal(row["balance"]) for row in rows if Decimal(row["balance"])}
    assert found == clearing(house, span.to, span.merchant)


@pytest.mark.parametrize("name", SPANS)
def test_beancount_accepts_the_file_and_finds_the_same_clearing_balance(house: ProofHouse, tmp_path: Path, name: str) -> None:
    span = SPANS[name]
    ledger = kept(tmp_path, "books.beancount", written(house, "beancount", span))
    checked = subprocess.run([CHECKER, ledger], capture_output=True, check=False, env={"LC_ALL": "C"})
    assert (checked.returncode, checked.stderr) == (0, b"")
    assert balances(loaded(ledger), "Assets:Clearing:Returns") == clearing(house, span.to, span.merchant)


def test_the_world_of_these_tests_has_something_to_show(house: ProofHouse) -> None:
    assert len(clearing(house)) > 3
    with house.connection() as conn:
        told = list(entries(conn))
    assert {entry.currency for entry in told} >= {"GBP", "JPY", "KWD", None}
    assert {entry.fact for entry in told} >= {"Refunded", "RefundReversed", "CreditNoted", "CreditNoteVoided", "Initiated", "Inspected"}


def test_any_order_of_import_gives_the_same_bytes(house: ProofHouse, database: str, schema: str) -> None:
    facts = world(11, 120)
    random.Random(5).shuffle(facts)
    with proof_house(database, schema, facts) as other:
        for form in FORMATS:
            assert written(other, form) == written(house, form)


def test_every_entry_is_in_balance_and_none_is_empty(house: ProofHouse) -> None:
    with house.connection() as conn:
        for entry in entries(conn):
            assert sum(posting.amount for posting in entry.postings) == 0
            assert len(entry.postings) >= 2
            assert all(posting.amount for posting in entry.postings)
            assert {posting.account for posting in entry.postings} <= set(ACCOUNTS)


def test_a_correction_leaves_no_trace(database: str, schema: str) -> None:
    """A reversal that was known before its refund makes the refund, when it comes, no entry at all."""
    common = {"merchant": "acme", "platform": "shopify", "return": "R-1"}
    refund = {**common, "fact": "Refunded", "refund": "RF", "currency": "GBP", "method": "bank_transfer", "amount": {"total": "9.99"}}
    with proof_house(database, schema) as house:
        house.tell([{**refund, "occurred_at": "2026-03-02T00:00:00Z"}])
        house.fold()
        house.tell([{**common, "fact": "RefundReversed", "refund": "RF", "occurred_at": "2026-03-01T00:00:00Z"}])
        house.fold()
        assert house.ask("SELECT count(*) FROM money_moves") > [(1,)]
        assert written(house, "csv").splitlines() == [",".join(COLUMNS)]


PAGES = [("a month", 1), ("nothing", 1), *((name, limit) for name in SPANS for limit in (7, 100, 100_000))]


@pytest.mark.parametrize(("name", "limit"), PAGES)
def test_pages_are_the_journal_cut_up(house: ProofHouse, name: str, limit: int) -> None:
    span = SPANS[name]
    with house.connection() as conn:
        whole, pages, after = list(entries(conn, span)), list[Entry](), None
        while True:
            page = entries_page(conn, span, limit=limit, after=after)
            assert len(page.items) == limit or page.after is None
            pages += page.items
            after = page.after
            if after is None:
                break
    assert pages == whole
    assert len({entry.place for entry in whole}) == len(whole)


def test_a_page_after_nowhere_is_refused(house: ProofHouse) -> None:
    with house.connection() as conn:
        for nowhere in (("2026-01-01T00:00:00+00:00",), ("yesterday", *[""] * 8)):
            with pytest.raises(ValueError, match=r"place|isoformat"):
                entries_page(conn, Span(), limit=10, after=nowhere)


def test_both_ends_of_a_span_belong_to_it_and_days_are_whole_days(house: ProofHouse) -> None:
    with house.connection() as conn:
        instants = sorted({entry.occurred_at for entry in entries(conn)})
        first, last = instants[40], instants[60]
        found = {entry.occurred_at for entry in entries(conn, Span(first, last))}
        assert found == set(instants[40:61])
        of_day = {entry.day for entry in entries(conn, Span.of(first.date(), first.date()))}
        assert of_day == {first.date()}
    assert Span.of(date(2026, 1, 2), date(2026, 1, 2)) == Span(
        datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC) - timedelta(microseconds=1)
    )


def test_with_a_beginning_the_file_opens_with_what_was_there_before(house: ProofHouse) -> None:
    begin = date(2025, 2, 10)
    sums: dict[bool, dict[tuple[str, str, str], Decimal]] = {}
    for opened, span in ((False, Span()), (True, Span.of(begin))):
        held: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in csv.DictReader(io.StringIO(written(house, "csv", span))):
            held[row["merchant"], row["account"], row["commodity"]] += Decimal(row["amount"])
            if row["fact"] == OPENING_FACT:
                assert (row["date"], row["return"], row["document"]) == (begin.isoformat(), "", "")
            else:
                assert not opened or row["date"] >= begin.isoformat()
        sums[opened] = {of: amount for of, amount in held.items() if amount}
    assert sums[True] == sums[False]
    assert not any(account == OPENING for _, account, _ in sums[True])


def test_csv_has_exact_amounts_and_no_formulas(database: str, schema: str) -> None:
    common = {"fact": "Refunded", "merchant": "=cmd|' /C calc'!A0", "platform": "shopify", "occurred_at": "2026-03-02T10:00:00+02:00"}
    facts = [
        {**common, "return": name, "refund": "-1", "currency": currency, "method": "gift_card", "amount": {"total": total}}
        for name, currency, total in (("@a", "KWD", "999999999999.999"), ("+b", "JPY", "5"), ('-c"d,e', "GBP", "0.10"))
    ]
    with proof_house(database, schema, facts) as house:
        rows = list(csv.DictReader(io.StringIO(written(house, "csv"))))
    assert list(rows[0]) == list(COLUMNS)
    assert {row["merchant"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert {row["document"] for row in rows} == {"'-1"}
    assert {(row["return"], row["commodity"], row["amount"]) for row in rows if row["account"] == CLEARING} == {
        ("'@a", "KWD", "999999999999.999"),
        ("'+b", "JPY", "5"),
        ("'-c\"d,e", "GBP", "0.10"),
    }
    assert {(row["date"], row["occurred_at"]) for row in rows} == {("2026-03-02", "2026-03-02T08:00:00Z")}


def test_beancount_tolerates_nothing(house: ProofHouse, tmp_path: Path) -> None:
    text = written(house, "beancount")
    for commodity, more in (("GBP", "01"), ("GBP", "001"), ("JPY", "01"), ("KWD", "0001")):
        line = next(line for line in text.splitlines() if line.endswith(f" {commodity}") and "Clearing" in line)
        amount = line.removesuffix(f" {commodity}")
        wrong = f"{amount}{'' if '.' in amount else '.'}{more} {commodity}"
        path = kept(tmp_path, f"wrong-{commodity}-{more}.beancount", text.replace(line, wrong, 1))
        _, errors, _ = load_file(str(path))
        assert len(errors) == 1, (line, wrong)
        assert "does not balance" in errors[0].message


def test_every_account_is_declared_in_both_languages() -> None:
    assert len(set(journal_beancount.ACCOUNT_NAMES.values())) == len(ACCOUNTS)
    assert set(journal_beancount.ACCOUNT_NAMES) == set(ACCOUNTS)
    assert journal_beancount.ACCOUNT_NAMES[CLEARING] == "Assets:Clearing:Returns"
    stream = io.StringIO()
    journal_hledger.write(stream, (), (), ())
    assert all(f"account {account} " in stream.getvalue() for account in ACCOUNTS)


# Ids as nasty as text can be; what means something to the two programs comes often.
CHARACTERS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"]) | st.sampled_from('",;|:%\\\n\r\t()[]{}*!#@=^~ ')
TEXTS = st.text(CHARACTERS, min_size=1, max_size=12)
WORDS = ("TRUE", "NULL", "UNANNOUNCED", "unannounced", "SKU-1", "SKU-1 x", "ABC_ABCDEFGHIJKLM", "42", "-1", "%47BP")
SKUS = st.none() | TEXTS | st.sampled_from([*CURRENCIES, *WORDS])
INSTANTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)
AMOUNTS = st.integers(-(10**15) + 1, 10**15 - 1).filter(bool)


@st.composite
def journals(draw: st.DrawFn) -> list[Entry]:
    told = []
    for at in sorted(draw(st.lists(INSTANTS, max_size=8))):
        currency = draw(st.none() | st.sampled_from([*CURRENCIES]))
        amount, account = draw(AMOUNTS), draw(st.sampled_from(ACCOUNTS[1:]))
        postings = (Posting(CLEARING, amount), Posting(account, -amount))
        sku = draw(SKUS) if currency is None else None
        told.append(Entry(at, draw(TEXTS), draw(TEXTS), draw(TEXTS), "Refunded", draw(TEXTS), currency, sku, postings))
    return told


def as_file(path: Path, language: Any, told: list[Entry]) -> Path:
    skus = sorted({entry.sku for entry in told if entry.currency is None}, key=lambda sku: sku or "")
    with path.open("w", encoding="utf-8", newline="") as stream:
        language.write(stream, sorted({entry.currency for entry in told if entry.currency}), skus, told)
    return path


FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@needs_hledger
@FEW
@given(told=journals())
def test_no_text_breaks_the_file_for_hledger_and_each_is_given_back(tmp_path: Path, told: list[Entry]) -> None:
    journal = as_file(tmp_path / "books.journal", journal_hledger, told)
    hledger("check", "--strict", journal=journal)
    found = json.loads(hledger("print", "-O", "json", journal=journal))
    assert len(found) == len(told)
    for transaction, entry in zip(found, told, strict=True):
        assert transaction["tdate"] == entry.day.isoformat()
        tags = {name: unquote(value) for name, value in transaction["ttags"]}
        assert {name: tags[name] for name in ("merchant", "platform", "return", "document")} == {
            "merchant": entry.merchant,
            "platform": entry.platform,
            "return": entry.return_id,
            "document": entry.document,
        }
        amount = transaction["tpostings"][0]["pamount"][0]
        quantity = Decimal(amount["aquantity"]["decimalMantissa"]).scaleb(-amount["aquantity"]["decimalPlaces"])
        assert quantity == Decimal(entry.amount(entry.postings[0]))
        symbol = amount["acommodity"]
        if entry.currency is not None:
            assert symbol == entry.currency
        else:
            assert symbol not in CURRENCIES
            assert (None if symbol == journal_hledger.UNANNOUNCED else unquote(symbol)) == entry.sku


@FEW
@given(told=journals())
def test_no_text_breaks_the_file_for_beancount_and_each_is_given_back(tmp_path: Path, told: list[Entry]) -> None:
    found = loaded(as_file(tmp_path / "books.beancount", journal_beancount, told))
    skus = {one.currency: one.meta.get("sku") for one in found if isinstance(one, Commodity)}
    transactions = [one for one in found if isinstance(one, Transaction)]
    assert len(transactions) == len(told)
    for transaction in transactions:
        entry = told.pop(next(place for place, one in enumerate(told) if matches(transaction, one)))
        number, commodity = transaction.postings[0].units or (None, "")
        assert number == Decimal(entry.amount(entry.postings[0]))
        if entry.currency is not None:
            assert commodity == entry.currency
        else:
            assert commodity not in CURRENCIES
            assert skus[commodity] == entry.sku


def matches(transaction: Transaction, entry: Entry) -> bool:
    told = (entry.day, entry.merchant, entry.platform, entry.return_id, entry.document)
    return told == (transaction.date, *(transaction.meta[name] for name in ("merchant", "platform", "return", "document")))


@given(st.lists(TEXTS | SKUS, unique=True, max_size=40))
def test_codes_of_skus_are_legal_and_never_shared(skus: list[str | None]) -> None:
    codes = [journal_beancount.code(sku) for sku in skus]
    assert len(set(codes)) == len(skus)
    for code in codes:
        assert code not in CURRENCIES
        assert len(code) <= 24
    assert len({journal_hledger.commodity(sku) for sku in skus}) == len(skus)


def test_codes_of_skus_stay_what_they_are() -> None:
    """They stand in files that were handed out."""
    assert journal_beancount.code("SKU-001") == "SKU-001"
    assert journal_beancount.code("Größe 42/b") == "GRSSE42B_BJNBFAJHSG3ES"
    assert journal_beancount.code("GBP") == "GBP_W7YGELLGFDGT4"
    assert journal_beancount.code(None) == "UNANNOUNCED"
