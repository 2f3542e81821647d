"""The journal as beancount reads it: one complete file, which `bean-check` accepts as it is."""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import blake2b
from itertools import chain
from typing import TextIO

from domain.money import CURRENCIES
from domain.postings import ACCOUNTS, OPENING, AccountKind, kind_of
from domain.telling import write_instant
from projections.journal import Entry

# What units are counted in where nobody announced the line. A real SKU of that name gets another code.
UNANNOUNCED = "UNANNOUNCED"
_ROOTS: dict[AccountKind, str] = {
    "asset": "Assets",
    "liability": "Liabilities",
    "revenue": "Income",
    "expense": "Expenses",
    "equity": "Equity",
}
_SOME_DAY = date(1970, 1, 1)

_LEGAL = re.compile(r"[A-Z][A-Z0-9._-]{1,22}[A-Z0-9]")
_DERIVED = re.compile(r"[A-Z][A-Z0-9]{0,9}_[A-Z2-7]{13}")
_ILLEGAL = re.compile(r"[^A-Z0-9]+")
# Words of beancount's own, and the currencies.
_TAKEN = {"TRUE", "FALSE", "NULL", UNANNOUNCED, *CURRENCIES}


def _account(account: str) -> str:
    if account == OPENING:
        return "Equity:Opening-Balances"
    parts = ["-".join(word.capitalize() for word in re.split("[-_]", part)) for part in account.split(":")]
    return ":".join((_ROOTS[kind_of(account)], *parts))


# `refunds-paid:original_payment` → `Liabilities:Refunds-Paid:Original-Payment`, and so on for every account that a posting can name.
ACCOUNT_NAMES = {account: _account(account) for account in ACCOUNTS}


def write(stream: TextIO, currencies: Iterable[str], skus: Iterable[str | None], entries: Iterable[Entry]) -> None:
    entries = iter(entries)
    first = next(entries, None)
    day = (first.day if first else _SOME_DAY).isoformat()
    currencies = list(currencies)
    stream.write('option "title" "Returns Ledger"\n')
    # Amounts are exact, so nothing is tolerated: an entry that is out of balance by any amount is an error.
    stream.write('option "tolerance_multiplier" "0"\n')
    stream.writelines(f'option "operating_currency" "{currency}"\n' for currency in currencies)
    stream.write("\n")
    stream.writelines(f"{day} open {name}\n" for name in ACCOUNT_NAMES.values())
    stream.write("\n")
    stream.writelines(f"{day} commodity {currency}\n" for currency in currencies)
    for sku in skus:
        stream.write(f"{day} commodity {code(sku)}\n" + (f"  sku: {string(sku)}\n" if sku is not None else ""))
    for entry in _with(first, entries):
        stream.write(_transaction(entry))


def code(sku: str | None) -> str:
    """A commodity that beancount takes: the SKU itself where it can be one, else what of it can be read and a digest of it."""
    if sku is None:
        return UNANNOUNCED
    if _LEGAL.fullmatch(sku) and sku not in _TAKEN and not _DERIVED.fullmatch(sku):
        return sku
    digest = b32encode(blake2b(sku.encode(errors="surrogatepass"), digest_size=8).digest()).decode()[:13]
    readable = _ILLEGAL.sub("", sku.upper())[:10]
    return f"{readable if readable[:1].isalpha() else ('X' + readable)[:10]}_{digest}"


def string(text: str) -> str:
    """A quoted string that beancount reads as the text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'


def _transaction(entry: Entry) -> str:
    narration = f"{entry.fact} {entry.document}".strip()
    texts = (
        ("merchant", entry.merchant),
        ("platform", entry.platform),
        ("return", entry.return_id),
        ("document", entry.document),
        ("occurred_at", write_instant(entry.occurred_at)),
    )
    commodity = entry.currency or code(entry.sku)
    return "\n".join(
        (
            f"\n{entry.day.isoformat()} * {string(entry.merchant)} {string(narration)}",
            *(f"  {name}: {string(text)}" for name, text in texts if text),
            *(f"  {ACCOUNT_NAMES[posting.account]}  {entry.amount(posting)} {commodity}" for posting in entry.postings),
            "",
        )
    )


def _with(first: Entry | None, rest: Iterator[Entry]) -> Iterator[Entry]:
    return chain(() if first is None else (first,), rest)
