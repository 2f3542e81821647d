"""Of one return that waits: in words what it waits for, what happens next by itself, and the commands that a person can type."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.matching import suggestions
from domain.policy import CLEARING_KINDS, GapKind, Policy
from domain.returns import ReturnState
from domain.telling import ReturnKey
from domain.work import Answered

# No gap of the ledger, but of the line to an ERP or platform.
UNREACHABLE: Final = "unreachable"
# Looked for by asking the ERP for the order once more.
_BY_LOOKING: Final = (GapKind.ORDER_NOT_FOUND, GapKind.ORDER_NOT_INVOICED, GapKind.SKU_UNMATCHED, GapKind.KIT_NOT_DECOMPOSED)
_BY_ANSWER: Final = {GapKind.INSTRUCTION_FAILED: "declined", GapKind.INSTRUCTION_OUTCOME_UNKNOWN: "unknown"}


class Row(NamedTuple):
    """One thing that a return waits for. `said` is the gap's explanation, or the last word of who cannot be reached."""

    key: ReturnKey
    kind: str
    line: str | None
    sku: str | None
    currency: str | None
    since: datetime
    owner: str
    said: str | None
    since_text: str = ""


def is_stalled(row: Row, state: ReturnState, policy: Policy) -> bool:
    """Some gaps close by themselves as a rule, and wait for somebody only in some cases."""
    match row.kind:
        case GapKind.DAMAGED_NOT_WRITTEN_OFF:
            return policy.write_off == "approve" or policy.erp is None
        case GapKind.REFUND_WITHOUT_CREDIT_NOTE | GapKind.CREDIT_NOTE_WITHOUT_REFUND:
            return bool(state.voided)
        case _:
            return True


def waits_for(row: Row, state: ReturnState) -> str:
    order = state.order or "the order"
    match row.kind:
        case GapKind.ORDER_NOT_FOUND:
            reason = state.work.not_found.reason if state.work.not_found is not None else "it was not found"
            return f"the original order {order} in the ERP: {reason}"
        case GapKind.ORDER_NOT_INVOICED:
            return f"the invoice of {order}: it is not authorised in the ERP"
        case GapKind.SKU_UNMATCHED:
            return f"the ERP's SKU for {row.sku or 'a line'}: {order} has none of that name there"
        case GapKind.KIT_NOT_DECOMPOSED:
            return f"the ERP's bill of materials of the kit {row.sku or ''}".strip()
        case GapKind.INSTRUCTION_FAILED:
            return "; ".join(f"{answer.reason} – {answer.what_to_do}" for _, answer in _answered(row, state)) or (row.said or "a decision")
        case GapKind.INSTRUCTION_OUTCOME_UNKNOWN:
            told = [f"what became of {state.work.issued[name].kind} ({answer.reason})" for name, answer in _answered(row, state)]
            return "; ".join(told) or "what became of an instruction"
        case GapKind.DAMAGED_NOT_WRITTEN_OFF:
            return "somebody who approves that damaged units are written off"
        case GapKind.REFUND_WITHOUT_CREDIT_NOTE:
            return "a decision: its credit note was voided in the ERP, and is posted again only when somebody says so"
        case _:
            return f"a decision: {row.said}" if row.said else "a decision"


def next_of(row: Row, outbox: Sequence[Mapping[str, Any]]) -> tuple[str, datetime | None]:
    """What happens by itself, and when; the outbox's rows of the return say."""
    wanted = [one for one in outbox if _concerns(row, one)]
    due = [one for one in wanted if one["next_at"] is not None and one["state"] != "dead"]
    if not due:
        return "nothing, until somebody decides", None
    first = min(due, key=lambda one: one["next_at"])
    name = first["account"].partition("/")[2]
    if first["kind"] == "match_order":
        return f"{name} is asked for the order again", first["next_at"]
    if row.kind == GapKind.INSTRUCTION_OUTCOME_UNKNOWN:
        return f"{name} is asked whether it has it", first["next_at"]
    return f"{name} is asked to {first['kind'].replace('_', ' ')} again", first["next_at"]


def actions_of(row: Row, state: ReturnState, policy: Policy) -> list[str]:
    """Each as it is typed; what stands in capitals is the person's to fill in."""
    match row.kind:
        case GapKind.SKU_UNMATCHED:
            sku = row.sku or "SKU"
            likely = suggestions(sku, state.work.order) if state.work.order is not None else []
            return [_typed(row, "map-sku", "--sku", sku, "--to", one) for one in likely or ["SKU"]] + [_typed(row, "retry")]
        case GapKind.ORDER_NOT_FOUND:
            found = state.work.not_found
            likely = list(found.candidates or ()) if found is not None else []
            return [_typed(row, "match-order", "--order", one) for one in likely[:3] or ["ORDER"]] + [_typed(row, "retry")]
        case GapKind.ORDER_NOT_INVOICED | GapKind.KIT_NOT_DECOMPOSED | GapKind.REFUND_WITHOUT_CREDIT_NOTE:
            return [_typed(row, "retry")] + ([_accept(row)] if row.kind == GapKind.REFUND_WITHOUT_CREDIT_NOTE else [])
        case GapKind.INSTRUCTION_FAILED | GapKind.INSTRUCTION_OUTCOME_UNKNOWN:
            return [_typed(row, "retry"), _typed(row, "waive", "--kind", row.kind, "--reason", "REASON")]
        case GapKind.DAMAGED_NOT_WRITTEN_OFF:
            line = ("--line", row.line) if row.line is not None else ()
            return [_typed(row, "write-off", *line, "--reason", "REASON")]
        case GapKind.DISPOSITION_UNMAPPED | GapKind.UNINSPECTED_ITEMS:
            line = ("--line", row.line) if row.line is not None else ()
            ways = ("restock", "quarantine", "write-off")
            chosen = [_typed(row, "choose-disposition", *line, "--to", one, "--reason", "REASON") for one in ways]
            return [*chosen, _typed(row, "waive", "--kind", row.kind, *line, "--reason", "REASON")]
        case kind if kind == UNREACHABLE:
            return [f"returns-ledger outbox list --return {shlex.quote(row.key.return_id)}", "returns-ledger doctor"]
        case GapKind.ORPHAN_CREDIT_NOTE:
            return [_typed(row, "match-return", "--to", "RETURN"), _accept(row)]
        case kind if kind in CLEARING_KINDS:
            return [_accept(row), _typed(row, "assign", "--to", "NAME")]
        case _:
            line = ("--line", row.line) if row.line is not None else ()
            return [_typed(row, "waive", "--kind", row.kind, *line, "--reason", "REASON"), _typed(row, "assign", "--to", "NAME")]


def _accept(row: Row) -> str:
    return _typed(row, "accept-difference", *(("--currency", row.currency) if row.currency else ()), "--reason", "REASON")


def _typed(row: Row, *words: str) -> str:
    return " ".join(["returns-ledger resolve", *(shlex.quote(word) for word in (str(row.key), *words)), "--by YOU"])


def _answered(row: Row, state: ReturnState) -> list[tuple[str, Answered]]:
    wanted = _BY_ANSWER[GapKind(row.kind)]
    found = ((name, state.work.answer(name)) for name in state.work.issued)
    return [(name, answer) for name, answer in found if answer is not None and answer.status == wanted]


def _concerns(row: Row, one: Mapping[str, Any]) -> bool:
    if row.kind in _BY_LOOKING:
        return bool(one["kind"] == "match_order" or one["waits_for"] == row.kind)
    if row.kind in (GapKind.INSTRUCTION_FAILED, GapKind.INSTRUCTION_OUTCOME_UNKNOWN, UNREACHABLE):
        return row.kind == UNREACHABLE or bool(one["kind"] != "match_order")
    return False
