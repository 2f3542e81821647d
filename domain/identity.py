"""What is the same fact: keys that hold within a merchant and platform, and a digest of the content."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from hashlib import blake2b
from typing import NamedTuple

from domain.facts import CreditNoted, Fact, Initiated, PayoutSettled, Refunded, currency_of
from domain.telling import Telling


class Identity(NamedTuple):
    """`keys` (16 bytes each): any one of them already known means the same fact. `content` (16 bytes): is it told with the same content."""

    keys: tuple[bytes, ...]
    content: bytes


class Verdict(Enum):
    NEW = auto()
    KNOWN = auto()
    CONFLICT = auto()


def content_json(fact: Fact) -> str:
    """The canonical JSON of a fact's content: money and line order are normalised, absent fields left out."""
    return fact.model_dump_json(exclude_none=True, context={"currency": currency_of(fact)})


def identify(telling: Telling, content: str | None = None) -> Identity:
    """The keys and the digest of a telling; `content` is its `content_json`, where that has been made already.

    A `source_id` is the key where there is one, else the content itself; announcements, refunds, credit notes and settlements have a
    business key too.
    """
    fact = telling.fact
    merchant, platform, return_id = telling.key
    name = type(fact).__name__
    digest = _digest(
        merchant, platform, return_id, name, telling.occurred_at.isoformat(), content if content is not None else content_json(fact)
    )
    own = _digest("source", merchant, platform, telling.source_id) if telling.source_id is not None else digest
    if isinstance(fact, Initiated):
        return Identity((own, _digest("initiated", *telling.key)), digest)
    if isinstance(fact, Refunded):
        return Identity((own, _digest("refund", *telling.key, fact.refund)), digest)
    if isinstance(fact, CreditNoted):
        return Identity((own, _digest("credit note", *telling.key, fact.erp, fact.credit_note)), digest)
    if isinstance(fact, PayoutSettled):
        return Identity((own, _digest("settled", *telling.key, fact.payout, fact.refund, fact.transaction or "")), digest)
    return Identity((own,), digest)


def judge(identity: Identity, known: Mapping[bytes, bytes]) -> Verdict:
    """`known` maps each recorded key to the content that was recorded under it."""
    found = [known[key] for key in identity.keys if key in known]
    if not found:
        return Verdict.NEW
    return Verdict.KNOWN if all(content == identity.content for content in found) else Verdict.CONFLICT


def _digest(*parts: str) -> bytes:
    # The unit separator cannot stand in any part but free text inside JSON, which is last and quoted.
    return blake2b("\x1f".join(parts).encode(), digest_size=16).digest()
