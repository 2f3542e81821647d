"""One example of every fact that only the house itself records: the way to the ERP of RMA-1001, and what people decided about it."""

from typing import Any

_RETURN = {"merchant": "acme", "platform": "returngo", "return": "RMA-1001"}


def _at(minute: int) -> dict[str, Any]:
    return {**_RETURN, "occurred_at": f"2026-10-07T12:{minute:02d}:00Z"}


WORK_EXAMPLES: dict[str, dict[str, Any]] = {
    "OrderMatched": {
        **_at(0),
        "fact": "OrderMatched",
        "erp": "uk-cin7",
        "order": "0c2b7a1e-7f0b-4f5e-9f0e-3f4a7d1f9a11",
        "number": "SO-20417",
        "currency": "GBP",
        "invoice": "authorised",
        "lines": [
            {"order_line": "INV-1/1", "sku": "JKT-OLIVE-M", "quantity": 2, "items": "118.00", "tax": "23.60", "credited": 0},
            {
                "order_line": "INV-1/2",
                "sku": "GIFTBOX",
                "quantity": 1,
                "items": "20.83",
                "tax": "4.17",
                "credited": 0,
                "kit": [{"sku": "MUG", "quantity": 1, "weight": 2}, {"sku": "TEA", "quantity": 3, "weight": 1}],
                "channel_line": "9121",
            },
        ],
        "shipping": "4.17",
        "shipping_tax": "0.83",
        "creditable": "171.60",
    },
    "OrderNotFound": {
        **_at(1),
        "fact": "OrderNotFound",
        "erp": "uk-cin7",
        "reference": "SO-20417",
        "reason": "two sales carry the reference SO-20417",
        "candidates": ["SO-00811", "SO-00812"],
    },
    "SkuMatched": {**_at(2), "fact": "SkuMatched", "sku": "jkt olive m", "to": "JKT-OLIVE-M", "by": "r.haddad"},
    "MovedToQuarantine": {
        **_at(3),
        "fact": "MovedToQuarantine",
        "erp": "uk-cin7",
        "location": "Quarantine",
        "lines": [{"line": "1", "quantity": 2}],
        "from_location": "In transit",
    },
    "CreditNoteAmended": {
        **_at(4),
        "fact": "CreditNoteAmended",
        "credit_note": "CN-004410",
        "erp": "cin7",
        "currency": "GBP",
        "amount": {"items": "118.00", "tax": "23.60", "total": "141.60"},
        "lines": [{"line": "1", "quantity": 2}],
    },
    "InstructionIssued": {
        **_at(5),
        "fact": "InstructionIssued",
        "source_id": "instruction/rl-0123456789abcdef0",
        "instruction": "rl-0123456789abcdef0",
        "kind": "post_credit_note",
        "erp": "uk-cin7",
        "order": "0c2b7a1e-7f0b-4f5e-9f0e-3f4a7d1f9a11",
        "currency": "GBP",
        "amount": {"items": "118.00", "tax": "23.60", "shipping": "0.00", "fees": "0.00", "total": "141.60"},
        "money": [{"line": "1", "order_line": "INV-1/1", "sku": "JKT-OLIVE-M", "quantity": 2, "items": "118.00", "tax": "23.60"}],
        "goods": [
            {"line": "1", "sku": "JKT-OLIVE-M", "quantity": 2, "units": 2, "order_line": "INV-1/1", "to_location": "Quarantine"},
        ],
        "policy": 3,
    },
    "InstructionAccepted": {
        **_at(6),
        "fact": "InstructionAccepted",
        "source_id": "accepted/rl-0123456789abcdef0",
        "instruction": "rl-0123456789abcdef0",
        "document": "CR-00881",
    },
    "InstructionDeclined": {
        **_at(7),
        "fact": "InstructionDeclined",
        "instruction": "rl-0123456789abcdef0",
        "code": "over_credit",
        "reason": "the invoice allows 100.00 GBP more, the note would credit 141.60 GBP",
        "what_to_do": "Look at the credit notes of sale SO-20417: one of them may have been made by hand.",
    },
    "OutcomeUnknown": {
        **_at(8),
        "fact": "OutcomeUnknown",
        "instruction": "rl-0123456789abcdef0",
        "reason": "Cin7 did not answer POST /sale/creditnote: ReadTimeout",
    },
    "InstructionAbandoned": {
        **_at(9),
        "fact": "InstructionAbandoned",
        "instruction": "rl-0123456789abcdef0",
        "reason": "the return was cancelled",
    },
    "Assigned": {**_at(10), "fact": "Assigned", "to": "m.okafor", "by": "r.haddad"},
    "Noted": {**_at(11), "fact": "Noted", "text": "Customer sent a photo, the zip was broken on arrival.", "by": "m.okafor"},
    "Snoozed": {**_at(12), "fact": "Snoozed", "until": "2026-10-12T08:00:00Z", "reason": "waits for the carrier's claim", "by": "m.okafor"},
    "DifferenceAccepted": {
        **_at(13),
        "fact": "DifferenceAccepted",
        "currency": "GBP",
        "amount": "-2.50",
        "reason": "goodwill, agreed with the shop",
        "by": "j.lindqvist",
    },
    "GapWaived": {
        **_at(14),
        "fact": "GapWaived",
        "kind": "received_short",
        "line": "2",
        "reason": "the customer keeps the box",
        "by": "m.okafor",
    },
    "Reopened": {**_at(15), "fact": "Reopened", "kind": "received_short", "reason": "the box came after all", "by": "m.okafor"},
    "RetryAsked": {
        **_at(16),
        "fact": "RetryAsked",
        "instruction": "rl-0123456789abcdef0",
        "reason": "the other note is void now",
        "by": "j.lindqvist",
    },
    "WriteOffApproved": {
        **_at(17),
        "fact": "WriteOffApproved",
        "lines": [{"line": "2", "quantity": 1}],
        "reason": "soaked",
        "by": "j.lindqvist",
    },
    "OrderReferred": {
        **_at(18),
        "fact": "OrderReferred",
        "reference": "SO-20417-B",
        "reason": "entered by hand under another reference",
        "by": "r.haddad",
    },
    "DocumentAssigned": {
        "merchant": "acme",
        "platform": "erp.uk-cin7",
        "return": "CR-00900",
        "occurred_at": "2026-10-07T12:19:00Z",
        "fact": "DocumentAssigned",
        "credit_note": "CR-00900",
        "erp": "uk-cin7",
        "to": "acme/returngo/RMA-1001",
        "by": "j.lindqvist",
    },
}
