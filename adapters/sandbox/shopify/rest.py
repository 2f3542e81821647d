"""The legacy REST documents of a shop that the ledger still reads: payouts and the movements of the Shopify Payments balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.sandbox.shopify.documents import instant, number_of
from adapters.sandbox.shopify.shop import BalanceTransaction, Payout, Shop
from domain.money import to_text

LARGEST_PAGE = 250
_SUMMARY = ("adjustments", "charges", "refunds", "reserved_funds", "retried_payouts")


def rest_document(shop: Shop, path: str, query: Mapping[str, str]) -> dict[str, Any] | None:
    """None where there is no such document."""
    parts = path.removesuffix(".json").split("/")
    match parts:
        case ["shopify_payments", "payouts"]:
            found = [each for each in shop.payouts.values() if each.date >= query.get("date_min", "")]
            return {"payouts": [_payout(shop, each) for each in _page(found, query)]}
        case ["shopify_payments", "payouts", number]:
            payout = shop.payouts.get(number_of(number))
            return None if payout is None else {"payout": _payout(shop, payout)}
        case ["shopify_payments", "balance", "transactions"]:
            wanted = query.get("payout_id")
            moved = [each for each in shop.balance if wanted is None or str(each.payout) == wanted]
            return {"transactions": [_movement(shop, each) for each in _page(moved, query)]}
    return None


def _page(found: list[Any], query: Mapping[str, str]) -> list[Any]:
    """The newest first, as the vendor says; between `since_id` and `last_id`, without these."""
    after, before = number_of(query.get("since_id")), number_of(query.get("last_id"))
    kept = [each for each in found if each.id > after and (not before or each.id < before)]
    size = min(number_of(query.get("limit")) or 50, LARGEST_PAGE)
    return sorted(kept, key=lambda each: each.id, reverse=True)[:size]


def _payout(shop: Shop, payout: Payout) -> dict[str, Any]:
    kinds = dict.fromkeys((f"{name}_{what}_amount" for name in _SUMMARY for what in ("fee", "gross")), 0)
    for each in shop.balance:
        if each.payout == payout.id and each.type in ("charge", "refund"):
            kinds[f"{each.type}s_gross_amount"] += each.amount
            kinds[f"{each.type}s_fee_amount"] += each.fee
    return {
        "id": payout.id,
        "status": payout.status,
        "date": payout.date,
        "currency": payout.currency,
        "amount": to_text(payout.amount, payout.currency),
        "summary": {name: to_text(amount, payout.currency) for name, amount in kinds.items()},
    }


def _movement(shop: Shop, each: BalanceTransaction) -> dict[str, Any]:
    payout = shop.payouts.get(each.payout or 0)
    return {
        "id": each.id,
        "type": each.type,
        "test": False,
        "payout_id": each.payout,
        "payout_status": payout.status if payout else "pending",
        "currency": each.currency,
        "amount": to_text(each.amount, each.currency),
        "fee": to_text(each.fee, each.currency),
        "net": to_text(each.amount - each.fee, each.currency),
        "source_id": each.transaction,
        "source_type": each.source_type,
        "source_order_id": each.order,
        "source_order_transaction_id": each.transaction,
        "processed_at": instant(each.processed_at),
        "adjustment_order_transactions": None,
        "adjustment_reason": None,
    }
