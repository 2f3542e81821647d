"""How a fact is kept in the log: a stable name and version, plain JSON, and the way from old shapes to today's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from domain.facts import FACTS, Fact
from domain.returns import Recorded
from domain.telling import ReturnKey, Telling, write_instant

# Stored names never change, whatever the classes are called.
STORED_NAMES: dict[str, str] = {
    "Initiated": "return.initiated",
    "ScannedAtReturnBar": "return.scanned_at_return_bar",
    "Received": "return.received",
    "Inspected": "return.inspected",
    "Refunded": "return.refunded",
    "RefundReversed": "return.refund_reversed",
    "CreditNoted": "return.credit_noted",
    "CreditNoteVoided": "return.credit_note_voided",
    "Restocked": "return.restocked",
    "WrittenOff": "return.written_off",
    "ExchangeOrdered": "return.exchange_ordered",
    "Cancelled": "return.cancelled",
    "Expired": "return.expired",
    "PayoutSettled": "return.payout_settled",
    "OrderMatched": "return.order_matched",
    "OrderNotFound": "return.order_not_found",
    "SkuMatched": "return.sku_matched",
    "MovedToQuarantine": "return.moved_to_quarantine",
    "CreditNoteAmended": "return.credit_note_amended",
    "InstructionIssued": "return.instruction_issued",
    "InstructionAccepted": "return.instruction_accepted",
    "InstructionDeclined": "return.instruction_declined",
    "OutcomeUnknown": "return.outcome_unknown",
    "InstructionAbandoned": "return.instruction_abandoned",
    "Assigned": "return.assigned",
    "Noted": "return.noted",
    "Snoozed": "return.snoozed",
    "DifferenceAccepted": "return.difference_accepted",
    "GapWaived": "return.gap_waived",
    "Reopened": "return.reopened",
    "RetryAsked": "return.retry_asked",
    "WriteOffApproved": "return.write_off_approved",
    "OrderReferred": "return.order_referred",
    "DocumentAssigned": "return.document_assigned",
    "PolicyAdopted": "policy.adopted",
    "DispositionChosen": "return.disposition_chosen",
}
_FACT_OF: dict[str, type[Fact]] = {stored: FACTS[name] for name, stored in STORED_NAMES.items()}
VERSION = 1

# (topic, version it was stored with) → the same content one version on. Empty as long as no shape has changed.
Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: dict[tuple[str, int], Upcast] = {}

# A text as JSON, in quotes, with nothing escaped that need not be.
_quoted = json.encoder.encode_basestring


class UnknownStoredShape(LookupError):
    """The log holds an event that this version of the program cannot read; a newer one wrote it."""


@lru_cache(maxsize=20_000)
def stream_of(key: ReturnKey) -> str:
    """`return/{merchant}/{platform}/{id}`, each part percent-encoded."""
    return "return/" + "/".join(quote(part, safe="") for part in key)


@lru_cache(maxsize=20_000)
def key_of(stream: str) -> ReturnKey:
    _, merchant, platform, return_id = stream.split("/")
    return ReturnKey(unquote(merchant), unquote(platform), unquote(return_id))


def to_stored(telling: Telling, content: str, digest: bytes, cause: str) -> tuple[str, bytes]:
    """Topic and state, without the moment of recording, which the recorder puts in front: `{"recorded_at":…,` + state.

    `content` is the fact's canonical JSON (`identity.content_json`), `digest` its identity's content.
    """
    source = "" if telling.source_id is None else f'"source_id":{_quoted(telling.source_id)},'
    by = "" if telling.by is None else f'"by":{_quoted(telling.by)},'
    head = f'"v":{VERSION},"occurred_at":"{write_instant(telling.occurred_at)}",{source}{by}"cause":{_quoted(cause)}'
    return STORED_NAMES[type(telling.fact).__name__], f'{head},"digest":"{digest.hex()}","fact":{content}}}'.encode()


def from_stored(key: ReturnKey, version: int, position: int, topic: str, state: dict[str, Any]) -> Recorded:
    """The event as it is in memory. Raises UnknownStoredShape for a topic or version from the future."""
    kind, stored_version, content = _FACT_OF.get(topic), state["v"], state["fact"]
    if kind is None or stored_version > VERSION:
        raise UnknownStoredShape(
            f"event {position} is a {topic} of version {stored_version}; this program reads version {VERSION}: upgrade it"
        )
    while stored_version < VERSION:
        content = UPCASTS[topic, stored_version](content)
        stored_version += 1
    return Recorded(
        key,
        version,
        _instant(state["occurred_at"]),
        _instant(state["recorded_at"]),
        kind.model_validate(content),
        state.get("source_id"),
        state.get("by"),
        state["cause"],
        position,
        bytes.fromhex(state["digest"]),
    )


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return at
