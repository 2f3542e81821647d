"""Readings become facts in the ledger: what can be understood is recorded, what cannot is told with its field and reason."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg

from adapters.event_store import Appended, Ledger, LedgerBusy, LedgerUnavailable, Outcome, Prepared, prepare
from adapters.platforms.port import RawFact
from domain.facts import Initiated
from domain.refusals import Conflicting, Rejected
from domain.telling import Telling, read_telling, write_telling

log = logging.getLogger("returns_ledger")

# The house's own database or log cannot be had for the moment: no delivery has anything to do with it.
AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, LedgerBusy, LedgerUnavailable)


@dataclass(slots=True)
class Told:
    """The facts of one reading: `tellings` are understood, `refused` says why others are not."""

    cause: str
    tellings: list[Telling] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Kept:
    """What became of them. `refused` names those that cannot be facts, `conflicts` those that are told otherwise, with both contents."""

    recorded: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    returns: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)


def understand(facts: Iterable[RawFact], merchant: str, cause: str) -> Told:
    """A connection tells of its own merchant only."""
    told = Told(cause)
    for raw in facts:
        try:
            telling = read_telling(raw, merchant)
            if telling.key.merchant != merchant:
                raise Rejected("merchant", f"must be {merchant!r}, whose connection this is, not {telling.key.merchant!r}")
        except Rejected as refusal:
            told.refused.append(f"{raw.get('fact')} of {raw.get('return')}: {refusal}")
        else:
            told.tellings.append(telling)
    return told


def keep(ledger: Ledger, batch: Sequence[Told]) -> list[Kept]:
    """Record everything in `batch`; each fact once, however often it is told. Raises what is in AWAY."""
    prepared = [[prepare(telling, told.cause) for telling in told.tellings] for told in batch]
    appended = _append(ledger, prepared)
    return [_kept(told, answers) for told, answers in zip(batch, appended, strict=True)]


def _append(ledger: Ledger, prepared: Sequence[Sequence[Prepared]]) -> list[list[Appended | Exception]]:
    try:
        answers: list[Appended | Exception] = list(ledger.append([one for reading in prepared for one in reading]))
    except AWAY:
        raise
    except Exception:  # one fact that breaks the batch must not keep the others out: see which one it is
        log.exception("inbox: a batch could not be recorded; recording its facts one by one")
        answers = [_append_one(ledger, one) for reading in prepared for one in reading]
    given = iter(answers)
    return [[next(given) for _ in reading] for reading in prepared]


def _append_one(ledger: Ledger, one: Prepared) -> Appended | Exception:
    try:
        return ledger.append([one])[0]
    except AWAY:
        raise
    except Exception as failure:  # told with the delivery
        return failure


def _kept(told: Told, answers: Sequence[Appended | Exception]) -> Kept:
    kept = Kept(refused=list(told.refused))
    for telling, answer in zip(told.tellings, answers, strict=True):
        if isinstance(answer, Exception):
            kept.refused.append(f"{type(telling.fact).__name__} of {telling.key}: cannot be recorded: {answer}")
            continue
        match answer.outcome:
            case Outcome.RECORDED:
                kept.recorded += 1
            case Outcome.KNOWN:
                kept.known += 1
            case Outcome.CONFLICT:
                now, before = write_telling(telling), answer.conflict_with
                kept.conflicts.append(str(Conflicting(json.dumps(now, ensure_ascii=False), json.dumps(before, ensure_ascii=False))))
        kept.returns.append(str(telling.key))
        if isinstance(telling.fact, Initiated):
            kept.orders.append(telling.fact.order)
    return kept
