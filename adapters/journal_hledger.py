"""The journal as hledger reads it: one complete file, which `hledger check --strict` accepts as it is.

It is ASCII throughout, because hledger refuses anything else where no locale is set: letters beyond it, and what means something to
hledger, are percent-encoded as in a URL, in texts and in SKUs alike. An SKU is a commodity in quotation marks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO
from urllib.parse import quote

from domain.money import CURRENCIES
from domain.postings import ACCOUNTS, kind_of
from domain.telling import write_instant
from projections.journal import Entry

# What units are counted in where nobody announced the line. A real SKU of that name is written otherwise.
UNANNOUNCED = "unannounced"
# All of ASCII that can be printed, but for `%` itself and what ends a text, a tag or a commodity, or parts a description.
_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '%,;|"')


def write(stream: TextIO, currencies: Iterable[str], skus: Iterable[str | None], entries: Iterable[Entry]) -> None:
    stream.write("; The journal of Returns Ledger. %XX in texts stands for a character as it does in a URL.\n\ndecimal-mark .\n\n")
    stream.writelines(f"account {account}  ; type: {kind_of(account).capitalize()}\n" for account in ACCOUNTS)
    stream.write("\n")
    stream.writelines(f"commodity 1000.{'0' * CURRENCIES[currency]} {currency}\n" for currency in currencies)
    stream.writelines(f"commodity 1000. {commodity(sku)}\n" for sku in skus)
    for entry in entries:
        stream.write(_transaction(entry))


def commodity(sku: str | None) -> str:
    """A quoted symbol, different for every SKU and from every currency; `unquote` of what is in the quotation marks gives the SKU."""
    if sku is None:
        return f'"{UNANNOUNCED}"'
    if sku in CURRENCIES or sku == UNANNOUNCED:
        return f'"%{ord(sku[0]):02X}{sku[1:]}"'
    return f'"{escaped(sku)}"'


def escaped(text: str) -> str:
    """Text that hledger gives back as it is; `unquote` makes the original of it. Spaces at its ends would be cut off."""
    safe = quote(text, safe=_SAFE, errors="surrogatepass")
    body = safe.strip(" ")
    if len(body) == len(safe):
        return safe
    before = len(safe) - len(safe.lstrip(" "))
    return "%20" * before + body + "%20" * (len(safe) - before - len(body))


def _transaction(entry: Entry) -> str:
    tags = (
        ("merchant", entry.merchant),
        ("platform", entry.platform),
        ("return", entry.return_id),
        ("document", entry.document),
        ("occurred_at", write_instant(entry.occurred_at)),
    )
    symbol = entry.currency or commodity(entry.sku)
    return "\n".join(
        (
            f"\n{entry.day.isoformat()} {entry.fact} {escaped(entry.return_id)}".rstrip(" "),
            *(f"    ; {name}: {escaped(text)}" for name, text in tags if text),
            *(f"    {posting.account}  {entry.amount(posting)} {symbol}" for posting in entry.postings),
            "",
        )
    )
