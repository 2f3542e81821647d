"""The kind `shopify-payouts`: movements of the Shopify Payments balance, as its API writes them → what payouts settled of refunds.

A movement names the payment it is of, and the payment's refund is looked up in the ledger: never by amount or date. Where a file holds
the payouts beside the movements, a settlement has the payout's day; else the day of the movement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from adapters.files import exact_json
from adapters.files.errors import UnusableFile
from adapters.files.rows import ABOUT_THE_ROW, BYTE_ORDER_MARK, Progress, Row, opened, rejected_row, shown_raw, told
from adapters.files.shopify_amounts import minor, objects
from domain.money import CURRENCIES, to_text
from domain.refusals import Rejected
from domain.telling import ReturnKey

# Payments' ids → the refunds of this merchant that name them, each with its return; those taken back are left out.
PaidBy = Callable[[Sequence[str]], Mapping[str, Sequence[tuple[ReturnKey, str]]]]

LARGEST_FILE_BYTES = 200_000_000
EXAMPLE = (
    '{"payouts":[{"id":623721858,"status":"paid","date":"2026-10-09","currency":"GBP","amount":"-45.98"}],"transactions":[{"id":699519475,'
    '"type":"refund","test":false,"payout_id":623721858,"payout_status":"paid","currency":"GBP","amount":"-45.98","fee":"0.00","net":"-45.98",'
    '"source_order_id":450789469,"source_order_transaction_id":1068278587,"processed_at":"2026-10-06T11:00:00+01:00",'
    '"return":"87654321","refund":"929361463"}]}\n'
)


class Settlement(NamedTuple):
    """A refund's movement in a payout. `amount` is what was taken from the merchant, without a sign."""

    movement: str
    payout: str
    occurred_at: str
    transaction: str
    currency: str
    amount: str
    fee: str | None

    def fact(self, key: ReturnKey, refund: str) -> dict[str, Any]:
        settled: dict[str, Any] = {
            "fact": "PayoutSettled",
            "merchant": key.merchant,
            "platform": key.platform,
            "return": key.return_id,
            "occurred_at": self.occurred_at,
            "source_id": f"shopify/balance/{self.movement}/{key.return_id}",
            "payout": self.payout,
            "refund": refund,
            "transaction": self.transaction,
            "currency": self.currency,
            "amount": self.amount,
        }
        return settled | ({"fee": self.fee} if self.fee else {})


def read_settlement(movement: Mapping[str, Any], payout_date: object = None) -> Settlement:
    """A movement of type refund. Raises Rejected."""
    number, payout, payment = (_id(movement, field) for field in ("id", "payout_id", "source_order_transaction_id"))
    status = str(movement.get("payout_status", "paid"))
    if status.casefold() != "paid":
        raise Rejected("payout_status", f"is {status[:20]!r}: the payout is not paid; import it again when it has been")
    currency = str(movement.get("currency"))
    if currency not in CURRENCIES:
        raise Rejected("currency", f"{currency[:20]!r} is not a currency of ISO 4217")
    amount, fee = minor(movement.get("amount"), currency), minor(movement.get("fee"), currency)
    if amount is None or amount > 0:
        shown = str(movement.get("amount"))[:40]
        raise Rejected("amount", f"{shown!r} must be an amount in {currency} that leaves the balance, such as -{to_text(4598, currency)}")
    # A payout has a day and no hour.
    occurred_at = f"{payout_date}T00:00:00Z" if payout_date else str(movement.get("processed_at"))
    charged = to_text(fee, currency) if fee else None
    return Settlement(number, payout, occurred_at, payment, currency, to_text(-amount, currency), charged)


def read_shopify_payouts(path: Path, merchant: str | None, include_test: bool, paid_by: PaidBy, progress: Progress) -> Iterator[Row]:
    """Every refund among the movements as a row; charges, fees and the payouts themselves are passed over. Raises UnusableFile.

    Where the ledger does not know the payment, a person may add `return` and `refund` (and `platform`) to the movement.
    """
    if merchant is None:
        raise UnusableFile(f"{path} names no merchant, as Shopify's files never do; give --merchant.")
    if path.is_file() and path.stat().st_size > LARGEST_FILE_BYTES:
        raise UnusableFile(f"{path} has more than {LARGEST_FILE_BYTES} bytes; split it, by payout for instance.")
    with opened(path) as stream:
        content = stream.read().removeprefix(BYTE_ORDER_MARK)
    dates: dict[str, object] = {}
    movements: list[tuple[int, dict[str, Any]]] = []
    for number, document in _documents(content):
        if isinstance(document, Rejected):
            yield rejected_row(number, shown_raw(content.splitlines()[number - 1] if number > 1 else content), document)
        else:
            _gather(document, number, dates, movements)
    progress(len(content) // 2)
    payments = {str(movement.get("source_order_transaction_id")) for _, movement in movements}
    found = paid_by(sorted(payment for payment in payments if _is_number(payment)))
    for number, movement in movements:
        date = movement.get("payout_date") or dates.get(str(movement.get("payout_id")))
        own = {name: value for name, value in movement.items() if name not in ABOUT_THE_ROW} | ({"payout_date": date} if date else {})
        try:
            yield Row((number,), (own,), _telling(own, merchant, include_test, found), None)
        except Rejected as rejected:
            yield rejected_row(number, own, rejected)
    progress(len(content))


def _telling(movement: dict[str, Any], merchant: str, include_test: bool, found: Mapping[str, Sequence[tuple[ReturnKey, str]]]) -> Any:
    if movement.get("test") is True and not include_test:
        raise Rejected("test", "is a test payment, which is no money; --include-test takes it all the same")
    settlement = read_settlement(movement, movement.get("payout_date"))
    if movement.get("return") is not None and movement.get("refund") is not None:
        key = ReturnKey(merchant, str(movement.get("platform") or "shopify"), str(movement["return"]))
        return told(settlement.fact(key, str(movement["refund"])), merchant)
    refunds = found.get(settlement.transaction, ())
    if len(refunds) != 1:
        how = "no refund that is recorded names it: import the refunds first" if not refunds else "several refunds name it"
        field = "source_order_transaction_id"
        raise Rejected(field, f"is payment {settlement.transaction}, and {how}, or add `return` and `refund` to this row")
    key, refund = refunds[0]
    return told(settlement.fact(key, refund), merchant)


def _documents(content: bytes) -> Iterator[tuple[int, Any]]:
    """The whole as one document, or line by line; what is no JSON is a Rejected in its place."""
    try:
        yield 1, exact_json.loads(content.decode())
        return
    except (ValueError, RecursionError):
        lines = content.splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, exact_json.loads(line.decode())
            except (ValueError, RecursionError) as wrong:
                yield number, Rejected("row", f"is not JSON ({str(wrong)[:80]})")


def _gather(document: Any, number: int, dates: dict[str, object], movements: list[tuple[int, dict[str, Any]]]) -> None:
    """Payouts give their days; of the movements, the refunds are kept."""
    for each in document if isinstance(document, list) else [document]:
        if not isinstance(each, dict):
            continue
        payouts, inner = [*objects(each.get("payouts")), each.get("payout")], [*objects(each.get("transactions")), each.get("transaction")]
        for payout in (payout for payout in payouts if isinstance(payout, dict)):
            dates[str(payout.get("id"))] = payout.get("date")
        wraps = any(isinstance(one, dict) for one in (*payouts, *inner))
        for movement in (one for one in ([*inner] if wraps else [each]) if isinstance(one, dict)):
            if str(movement.get("type")).casefold() == "refund":
                movements.append((number, movement))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _id(movement: Mapping[str, Any], field: str) -> str:
    value = movement.get(field)
    if value is None:
        raise Rejected(field, "is missing; a movement names its payout and its payment")
    if isinstance(value, bool | exact_json.Number) or not _is_number(str(value).strip()):
        raise Rejected(field, f"must be an id, not {str(value)[:40]!r}")
    return str(value).strip()
