"""What Happy Returns' words mean here: the defaults, and what the operator may set beside or over them.

Published are the event names of the sample, `started`, the drop-off methods, the prose "dropped off, approved for refund, expired", and
the conditions; everything else is read from integrators' notes or assumed, and therefore a table.
"""

from __future__ import annotations

from typing import Final

from adapters.platforms.tables import Tables

STEPS: Final = frozenset({"started", "handed_in", "approved", "received", "expired", "cancelled", "nothing"})
MEANINGS: Final[dict[str, frozenset[str] | None]] = {
    # How webhooks are signed: `header`, `algorithm`, `encoding`, `prefix`. Read by signature.py.
    "signature": None,
    # `event/typeID`, `event`, or `typeID` → the step it tells of; the first of them that is named counts.
    "events": STEPS,
    # Conditions and inspection outcomes → dispositions; `nothing`: no unit came that could be looked at.
    "conditions": None,
    "refund_types": frozenset({"refund", "exchange", "store_credit"}),
    # Reasons that are not named here stand in the ledger as they come.
    "reasons": None,
    # `suffix`: are `-offset-quantity` at the end of line ids taken off (`strip`), or are a shop's own ids like that (`keep`)?
    "line_ids": frozenset({"strip", "keep"}),
    # Retailer ids beside the connection's own whose posts are its merchant's, too.
    "retailers": frozenset({"ours", "other"}),
}
DEFAULTS: Final[dict[str, dict[str, str]]] = {
    "signature": {"header": "X-Hr-Signature", "algorithm": "sha256", "encoding": "hex", "prefix": ""},
    "events": {
        "started": "started",
        "return_started": "started",
        "dropped-off": "handed_in",
        "drop-off": "handed_in",
        "return_dropped_off": "handed_in",
        "approved": "approved",
        "approved-for-refund": "approved",
        "refund-approved": "approved",
        "return_approved": "approved",
        "expired": "expired",
        "return_expired": "expired",
        "cancelled": "cancelled",
        "canceled": "cancelled",
        "return_cancelled": "cancelled",
        "return_canceled": "cancelled",
        "return_dropoff_method_created": "nothing",
        "return_dropoff_method_updated": "nothing",
        "return_dropoff_method_changed": "nothing",
        # Sent when the consolidated shipment from hub to warehouse enters the carrier's system: the last that Happy Returns says of
        # goods on their way. A merchant whose warehouse tells receipts itself sets `nothing`.
        "outbound_shipment.asn": "received",
    },
    "conditions": {
        "sellable": "sellable",
        "saleable": "saleable",
        "restockable": "restockable",
        "damaged": "damaged",
        "wrong-item": "wrong-item",
        "missing": "nothing",
    },
    "refund_types": {
        "refund": "refund",
        "original": "refund",
        "original-payment": "refund",
        "original-payment-method": "refund",
        "store-credit": "store_credit",
        "gift-card": "store_credit",
        "exchange": "exchange",
    },
    "reasons": {},
    "line_ids": {"suffix": "strip"},
    "retailers": {},
}


def tables_of(connection: str, set_by_operator: dict[str, dict[str, str]]) -> Tables:
    """Raises ValueError with the key."""
    return Tables("Happy Returns", connection, MEANINGS, DEFAULTS, set_by_operator)
