"""The one envelope in which every command goes to a flow: versioned, with each amount as a decimal string and in minor units.

`command.schema.json` beside this file describes it, `acknowledgement.schema.json` what the flow answers. The names are ours: Patchworks
passes any payload on. `command_id` is the same however often a command is sent, and the key to remove duplicates by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

from adapters.erps.port import Work
from domain.content import Amount
from domain.money import to_text
from domain.telling import write_instant

Envelope = dict[str, Any]

# A flow refuses a version that it was not made for: a field that changes its meaning makes a new one, a new field does not.
VERSION: Final = 1
# What is asked of a callback flow. Everything else is an instruction.
READS: Final = ("match_order", "find", "changes", "levels")


def instruction_envelope(work: Work) -> Envelope:
    """A command to do something. Nothing of the customer is in it."""
    issued = work.issued
    currency = issued.currency
    return {
        "expected_version": VERSION,
        "command_id": issued.instruction,
        "command_type": issued.kind,
        "occurred_at": write_instant(work.issued_at),
        "source": {
            "platform": work.key.platform,
            "merchant": work.key.merchant,
            "return_id": work.key.return_id,
            "order_ref": work.reference,
        },
        "order": issued.order,
        "document": issued.document,
        "status": issued.status,
        "batch": work.batch,
        "currency": currency,
        "amount": _amount(issued.amount, currency) if issued.amount is not None else None,
        "money": [
            {
                "line": one.line,
                "order_line": one.order_line,
                "sku": one.sku,
                "component": one.component,
                "quantity": one.quantity,
                **_money("items", one.items, currency),
                **_money("tax", one.tax, currency),
            }
            for one in issued.money
        ],
        "goods": [
            {
                "line": one.line,
                "order_line": one.order_line,
                "sku": one.sku,
                "quantity": one.quantity,
                "units": one.units,
                "disposition": one.disposition,
                "from_location": one.from_location,
                "to_location": one.to_location,
            }
            for one in issued.goods
        ],
        "exchange": [{"sku": one.sku, "quantity": one.quantity} for one in issued.exchange or ()],
    }


def read_envelope(command_type: str, query: Mapping[str, Any], at: datetime) -> Envelope:
    """A question to a callback flow. Its id is another one each time: no de-dupe shape may hold a question back."""
    asked = json.dumps([command_type, query, write_instant(at)], sort_keys=True)
    return {
        "expected_version": VERSION,
        "command_id": "rq-" + blake2b(asked.encode(), digest_size=9).hexdigest()[:17],
        "command_type": command_type,
        "occurred_at": write_instant(at),
        "query": dict(query),
    }


def written(envelope: Envelope) -> str:
    return json.dumps(envelope, ensure_ascii=False)


def schema(name: str = "command") -> Any:
    """The JSON Schema of `command` or `acknowledgement`."""
    return json.loads(files(__package__).joinpath(f"{name}.schema.json").read_text())


def _amount(amount: Amount, currency: str) -> Envelope:
    told: Envelope = {}
    for part in ("total", "items", "tax", "shipping", "fees"):
        minor = getattr(amount, part)
        told |= _money(part, minor, currency) if minor is not None else {}
    return told


def _money(name: str, minor: int, currency: str) -> Envelope:
    return {name: to_text(minor, currency), f"{name}_minor": minor}
