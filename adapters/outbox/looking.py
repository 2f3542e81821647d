"""A look at a return's order at the ERP: recorded only where it shows something else than the last one."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from adapters.erps.port import NotThere, Unfinished, Work
from adapters.event_store import Prepared
from adapters.outbox.folding import told
from adapters.vendor.answers import Accepted, Answer
from domain.erp_facts import InstructionIssued, OrderMatched, OrderNotFound
from domain.returns import ReturnState


class Hand(Protocol):
    """What carries instructions out: an ERP, or a platform that is to release refunds."""

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound: ...

    def carry_out(self, work: Work) -> Answer: ...

    def find(self, work: Work) -> Accepted | Unfinished | NotThere: ...


def reference_of(state: ReturnState) -> str:
    """Under which name the ERP has the order: a person's word goes before the platform's."""
    if state.work.reference is not None:
        return state.work.reference.reference
    return state.initiated.order if state.initiated else state.key.return_id


def work_of(state: ReturnState, issued: InstructionIssued, issued_at: datetime, batch: str | None) -> Work:
    return Work(state.key, reference_of(state), issued, state.work.order, issued_at, batch)


def look(erp: Hand, name: str, state: ReturnState, now: datetime) -> tuple[list[Prepared], str]:
    """What is to be recorded, and in a few words what was seen. Raises VendorTrouble or VendorRefused."""
    found = erp.match_order(reference_of(state), now)
    work = state.work
    if isinstance(found, OrderMatched):
        said = f"order {found.number or found.order}, invoice {found.invoice}"
        is_newest = work.not_found_at is None or (work.order_at is not None and work.order_at >= work.not_found_at)
        same = work.order == found and is_newest
    else:
        said = found.reason
        is_newest = work.order_at is None or (work.not_found_at is not None and work.not_found_at >= work.order_at)
        same = isinstance(found, OrderNotFound) and work.not_found == found and is_newest
    return ([] if same else [told(state.key, now, found, f"look:{name}")]), said
