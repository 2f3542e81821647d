"""What is known here of each command: when it was sent, and what a flow has told of it since. Read as it comes, kept without its body."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, Protocol

from adapters.vendor.shapes import Document, first_instant, first_text, nested, number, plain, text
from domain.content import Amount
from domain.money import CURRENCIES, MoneyError, to_minor

Status = Literal["accepted", "declined", "failed", "started"]

COMMAND_ID: Final = re.compile(r"\brl-[0-9a-z]{17}\b")
_COMMAND_NAMES: Final = ("command_id", "commandId", "command", "instruction", "instruction_id", "idempotency_key")
_DOCUMENT_NAMES: Final = (
    "document",
    "document_id",
    "documentId",
    "document_number",
    "number",
    "credit_note",
    "erp_id",
    "erp_reference",
    "erp_document",
)
_RUN_NAMES: Final = ("flow_run_id", "flowRunId", "flow_run", "run_id", "run")
_HOLDERS: Final = (
    "data",
    "payload",
    "body",
    "acknowledgement",
    "acknowledgements",
    "acks",
    "ack",
    "result",
    "results",
    "trackedData",
    "tracked_data",
)
_WORDS: Final[Mapping[Status, frozenset[str]]] = {
    "accepted": frozenset(
        ("accepted", "success", "succeeded", "successful", "done", "completed", "complete", "ok", "created", "booked", "posted", "true")
    ),
    "declined": frozenset(("declined", "rejected", "refused", "denied", "invalid", "false")),
    "failed": frozenset(("failed", "failure", "error", "errored", "stopped")),
    "started": frozenset(("started", "running", "pending", "queued", "processing", "initialised", "initialized", "received")),
}
_PARTS: Final = ("total", "items", "tax", "shipping", "fees")
_LONGEST_REASON: Final = 500
_DEEPEST: Final = 6


@dataclass(frozen=True, slots=True)
class Ack:
    """One telling of one command. `amount` holds the parts as they were told: decimal texts, or minor units under `…_minor`."""

    command_id: str
    status: Status
    document: str | None = None
    run: str | None = None
    code: str | None = None
    reason: str | None = None
    what_to_do: str | None = None
    currency: str | None = None
    amount: tuple[tuple[str, str], ...] = ()
    at: datetime | None = None


class Sending(NamedTuple):
    """The command went out. `answered`: Patchworks said that it has it; `run` where it named the flow run."""

    at: datetime
    answered: bool = False
    run: str | None = None


class Told(NamedTuple):
    """Of one command, the oldest first."""

    sendings: tuple[Sending, ...] = ()
    acks: tuple[Ack, ...] = ()


class Acks(Protocol):
    """What outlives the process: sendings, written before anything is sent, and acknowledgements. Of one ERP's account."""

    def of(self, command_id: str) -> Told: ...

    def sending(self, command_id: str, at: datetime) -> None:
        """It is about to go out."""

    def sent(self, command_id: str, at: datetime, run: str | None) -> None:
        """Patchworks has it: the sending of that moment was answered."""

    def not_sent(self, command_id: str, at: datetime) -> None:
        """It is certain that the sending of that moment never reached anybody."""


class MemoryAcks:
    """For one process: where no database stands behind, as in a test."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def of(self, command_id: str) -> Told:
        return self._told.get(command_id, Told())

    def sending(self, command_id: str, at: datetime) -> None:
        told = self.of(command_id)
        self._told[command_id] = told._replace(sendings=(*told.sendings, Sending(at)))

    def sent(self, command_id: str, at: datetime, run: str | None) -> None:
        told = self.of(command_id)
        self._told[command_id] = told._replace(sendings=tuple(Sending(at, True, run) if one.at == at else one for one in told.sendings))

    def not_sent(self, command_id: str, at: datetime) -> None:
        told = self.of(command_id)
        self._told[command_id] = told._replace(sendings=tuple(one for one in told.sendings if one.at != at))

    def take(self, acks: list[Ack]) -> None:
        for ack in acks:
            told = self.of(ack.command_id)
            if ack not in told.acks:
                self._told[ack.command_id] = told._replace(acks=(*told.acks, ack))


def read_acks(content: object) -> list[Ack]:
    """Every acknowledgement in a JSON value, however it is wrapped: Patchworks puts each callback's answer into a list."""
    return list(_acks(content, 0))


def amount_of(ack: Ack, currency: str) -> Amount | None:
    """What was booked, by the currency that was told or else the command's own; None where it makes no sense there."""
    said, known = dict(ack.amount), ack.currency or currency
    if known != currency or known not in CURRENCIES:
        return None
    parts: dict[str, int] = {}
    for name in _PARTS:
        try:
            if name in said:
                parts[name] = to_minor(said[name], known)
            elif f"{name}_minor" in said:
                parts[name] = int(said[f"{name}_minor"])
        except (MoneyError, ValueError):
            return None
    return Amount(**parts) if parts.get("total", -1) >= 0 else None


def scrubbed(said: str | None) -> str | None:
    """A vendor's sentence, short, and without what could be somebody's address."""
    if said is None:
        return None
    words = ("(an address)" if "@" in word else word for word in said.split())
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(words))[:_LONGEST_REASON] or None


def pairs(value: object) -> object:
    """A list of names with values, as tracked data comes, as one object; everything else as it is."""
    if not isinstance(value, list) or not value:
        return value
    told: dict[str, Any] = {}
    for each in value:
        if not isinstance(each, Mapping):
            return value
        name = first_text(each, "name", "key", "field", "label")
        if name is None or "value" not in each:
            return value
        told[name] = each["value"]
    return told


def _acks(content: object, depth: int) -> Iterator[Ack]:
    content = pairs(content)
    if depth > _DEEPEST:
        return
    if isinstance(content, list):
        for each in content:
            yield from _acks(each, depth + 1)
    elif isinstance(content, Mapping):
        ack = _ack(content)
        if ack is not None:
            yield ack
            return
        outer = _command(content)
        for name in _HOLDERS:
            for inner in _acks(content.get(name), depth + 1):
                yield inner if outer is None else replace(inner, command_id=outer)


def _command(told: Document) -> str | None:
    found = first_text(told, *_COMMAND_NAMES)
    return found if found is not None and COMMAND_ID.fullmatch(found) else None


def _ack(told: Document) -> Ack | None:
    """None for what names no command, or says nothing of it."""
    command = _command(told)
    document = first_text(told, *_DOCUMENT_NAMES) or first_text(nested(told, "document"), "number", "id")
    status = _status(told, document)
    if command is None or status is None:
        return None
    return Ack(
        command,
        status,
        document,
        first_text(told, *_RUN_NAMES),
        first_text(told, "code", "error_code"),
        scrubbed(first_text(told, "reason", "error", "message", "error_message")),
        scrubbed(first_text(told, "what_to_do")),
        first_text(told, "currency", "currency_code"),
        _amount(told),
        first_instant(told, "at", "booked_at", "date", "finished_at"),
    )


def _status(told: Document, document: str | None) -> Status | None:
    """As it says; without a word, what names a document is done."""
    said = (told.get(name) for name in ("status", "result", "outcome", "success", "accepted"))
    word = next((str(each) for each in said if isinstance(each, str | bool)), None)
    if word is None:
        return "accepted" if document is not None else None
    return next((status for status, words in _WORDS.items() if plain(word) in words), None)


def _amount(told: Document) -> tuple[tuple[str, str], ...]:
    said = told.get("amount")
    holder: Document = said if isinstance(said, Mapping) else {"total": said, "total_minor": told.get("amount_minor")}
    found: list[tuple[str, str]] = []
    for part in _PARTS:
        if (exact := number(holder.get(part))) is not None:
            # ERPs write 41.0000: what says nothing goes.
            whole, _, fraction = format(exact, "f").partition(".")
            found.append((part, f"{whole}.{fraction.rstrip('0')}".rstrip(".")))
        elif (minor := text(holder.get(f"{part}_minor"))) is not None:
            found.append((f"{part}_minor", minor))
    return tuple(found)
