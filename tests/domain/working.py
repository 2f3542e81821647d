"""A return on its way through an ERP, told step by step: what `plan` gives is carried out as if the ERP said yes to everything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.erp_facts import InstructionDeclined, InstructionIssued, OrderLine, OrderMatched
from domain.facts import Fact
from domain.instructions import consequences
from domain.matching import CreditKey
from domain.policy import ErpTerms, Policy
from domain.process import Plan, plan
from domain.returns import Recorded, ReturnState, evolve
from domain.telling import ReturnKey, read_telling

KEY = ReturnKey("acme", "returngo", "RMA-1")
BEGINS = datetime(2026, 10, 1, 9, tzinfo=UTC)


def policy(*, goods_in_with_note: bool = False, **decided: Any) -> Policy:
    terms = ErpTerms(name="uk-erp", goods_in_with_note=goods_in_with_note)
    return Policy.model_validate(
        {"dispositions": {"saleable": {"action": "restock", "location": "Main"}, "damaged": {"action": "write_off", "location": "Damaged"}}}
        | decided
        | {"erp": terms}
    )


def order_line(name: str, sku: str, quantity: int, items: int, tax: int, **more: Any) -> OrderLine:
    return OrderLine(order_line=name, sku=sku, quantity=quantity, items=items, tax=tax, **more)


def order(*lines: OrderLine, invoice: str = "authorised", **more: Any) -> OrderMatched:
    told = {"erp": "uk-erp", "order": "SO-1", "currency": "GBP", "invoice": invoice, "lines": lines}
    return OrderMatched.model_validate(told | more)


@dataclass
class Walk:
    """`tell` a contract fact, `record` one of the house's own; `due` is what is planned, `carry_out` lets the ERP do all of it."""

    policy: Policy
    key: ReturnKey = KEY
    others: Counter[CreditKey] = field(default_factory=Counter)
    at: datetime = BEGINS
    documents: int = 0
    issued: list[InstructionIssued] = field(default_factory=list)
    events: list[Recorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = ReturnState(self.key)

    def tell(self, fact: str, **content: Any) -> Walk:
        row = {"fact": fact, "merchant": self.key.merchant, "platform": self.key.platform, "return": self.key.return_id}
        return self.record(read_telling({**row, "occurred_at": "2026-10-01T09:00:00Z", **content}).fact)

    def record(self, *facts: Fact) -> Walk:
        for fact in facts:
            self.at += timedelta(minutes=1)
            version = self.state.count + 1
            self.state = evolve(self.state, fact, self.at, version)
            self.events.append(Recorded(self.key, version, self.at, self.at, fact, position=version, cause="test"))
        return self

    @property
    def plan(self) -> Plan:
        return plan(self.state, self.policy, self.others)

    def carry_out(self) -> list[InstructionIssued]:
        """Everything that becomes due, until nothing is; gives what was issued."""
        done: list[InstructionIssued] = []
        while due := self.plan.due:
            for one in due:
                self.documents += 1
                self.record(one, *consequences(one, f"DOC-{self.documents}"))
                done.append(one)
        self.issued += done
        return done

    def decline(self, code: str) -> list[InstructionIssued]:
        due = list(self.plan.due)
        for one in due:
            self.record(one, InstructionDeclined(instruction=one.instruction, code=code, reason="no", what_to_do="wait"))
        return due

    def announce(self, *lines: tuple[str, str, int, str, str], resolution: str = "refund", **more: Any) -> Walk:
        told = [{"line": n, "sku": sku, "quantity": q, "items": items, "tax": tax} for n, sku, q, items, tax in lines]
        return self.tell("Initiated", order="#1001", currency="GBP", resolution=resolution, lines=told, **more)

    def with_policy(self, **decided: Any) -> Walk:
        self.policy = replace(self, policy=policy(**decided)).policy
        return self
