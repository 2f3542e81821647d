"""An ERP behind Patchworks: commands go into a flow, and are done once the flow, or a run of it, says so.

A trigger's 200 is no success: until something names the document, the outcome is unknown. The flow removes duplicates by `command_id`,
since Patchworks itself delivers a command up to four times where a shape fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.erps.patchworks.acks import Ack, Acks, Told, amount_of, read_acks
from adapters.erps.patchworks.client import Client, Sent
from adapters.erps.patchworks.envelope import instruction_envelope, read_envelope
from adapters.erps.patchworks.reading import read_documents, read_levels, read_order, unwrapped
from adapters.erps.patchworks.runs import Run, Runs, outcome
from adapters.erps.patchworks.settings import Terms
from adapters.erps.port import FOUND_TWICE, REFUSED, Changes, FoundTwice, Level, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.shapes import first_text, flag, instant
from domain.erp_facts import OrderMatched, OrderNotFound
from domain.telling import write_instant

FIRST_LOOK_BACK: Final = timedelta(days=3)
OVERLAP: Final = timedelta(minutes=15)
MOST_PAGES: Final = 200
_LOOK: Final = (
    "look into the ERP for {command}: where it is booked, post the acknowledgement; where it is not, mend the flow and let it be sent "
    "again (retry)"
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """It was sent, and may yet be done."""

    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Failed:
    """The flow broke: the ERP may have it or not, and the flow itself removes duplicates."""

    reason: str


_Standing = Accepted | Declined | _Waiting | _Failed | NotThere


class Patchworks:
    """One account. `acks` outlives the process; the flow runs seen so far do not."""

    def __init__(self, name: str, client: Client, terms: Terms, acks: Acks, clock: Callable[[], datetime]) -> None:
        self._name, self._client, self._terms, self._acks, self._clock = name, client, terms, acks, clock
        self._runs = Runs(client, clock)

    @property
    def goods_in_with_note(self) -> bool:
        return self._terms.goods_in_with_note

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        """Without a callback flow nobody here can read an order: it is one without lines, and the return's own stand for them."""
        if self._client.callback_url is None:
            return OrderMatched(erp=self._name, order=reference, currency=self._terms.currency, invoice="authorised", lines=())
        asked = read_envelope("match_order", {"reference": reference}, self._clock())
        return read_order(self._name, reference, self._client.call_back(asked))

    def carry_out(self, work: Work) -> Answer:
        command = work.issued.instruction
        told = self._acks.of(command)
        if told.sendings or told.acks:
            try:
                standing = self._standing(work, told)
            except FoundTwice as twice:
                return Declined(FOUND_TWICE, str(twice), "void the one that is too many in the ERP, then let it be looked at again (retry)")
            match standing:
                case Accepted() | Declined():
                    return standing
                case _Waiting(reason):
                    return self._overdue(command, told, reason) or Unknown(reason, self._awaited_until(told))
                case _Failed(reason) if len(told.sendings) >= self._terms.most_sendings:
                    return Declined(REFUSED, f"{reason}; it was sent {len(told.sendings)} times", _LOOK.format(command=command))
        return self._send(work)

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        standing = self._standing(work, self._acks.of(work.issued.instruction))
        if isinstance(standing, Accepted | NotThere):
            return standing
        # Sent, and no document yet: `carry_out` says whether it waits, is sent once more, or is declined.
        return Unfinished(work.issued.instruction)

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        """Only a callback flow can read the ERP back. `cursor` holds since when, and the flow's own cursor within that."""
        since = instant((cursor or {}).get("since")) or now - FIRST_LOOK_BACK
        if self._client.callback_url is None:
            yield Changes((), {"since": write_instant(now)})
            return
        theirs = (cursor or {}).get("cursor")
        for _ in range(MOST_PAGES):
            query = {"since": write_instant(since - OVERLAP), "cursor": theirs}
            documents, theirs, more = read_documents(self._client.call_back(read_envelope("changes", query, self._clock())))
            if not more or theirs is None:
                break
            yield Changes(tuple(documents), {"since": write_instant(since), "cursor": theirs})
        yield Changes(tuple(documents), {"since": write_instant(now)})

    def levels(self, skus: Sequence[str]) -> list[Level]:
        if self._client.callback_url is None or not skus:
            return []
        return read_levels(self._client.call_back(read_envelope("levels", {"skus": sorted(skus)}, self._clock())))

    def check(self) -> str:
        if not self._client.asks_runs and self._client.callback_url is not None:
            self._client.call_back(read_envelope("levels", {"skus": []}, self._clock()))
            return "Patchworks answers, and its callback flow does"
        if not self._client.asks_runs:
            return "Patchworks is not asked: a trigger can only be tried by sending a command; with an api_key its flow runs are looked at"
        if self._client.flow_id is None:
            self._client.runs(int(self._clock().timestamp() * 1000))
            return "Patchworks answers, and shows its flow runs"
        flow = self._client.flow()
        if flow is None:
            raise VendorRefused(f"Patchworks has no flow {self._client.flow_id} that this api_key may see: check flow_id")
        if flag(flow.get("is_enabled", flow.get("enabled"))) is False:
            raise VendorRefused(f"the flow {self._client.flow_id} is not enabled: enable and deploy it in Patchworks")
        return f"Patchworks answers, and has the flow {first_text(flow, 'name') or self._client.flow_id}"

    def _send(self, work: Work) -> Answer:
        command, at = work.issued.instruction, self._clock()
        self._acks.sending(command, at)
        try:
            answered = self._by_way(work)
        except (VendorTrouble, VendorRefused):
            self._acks.not_sent(command, at)
            raise
        match answered:
            case Sent(run):
                self._acks.sent(command, at, run)
                said = f"the flow has {command}{f' (run {run})' if run else ''}; what it made of it is not acknowledged yet"
                return Unknown(said, self._awaited_until(self._acks.of(command)))
            case Declined():
                self._acks.not_sent(command, at)
                return answered
            case Unknown():
                return answered
            case _:
                return self._answered_at_once(work, at, answered)

    def _by_way(self, work: Work) -> Any:
        envelope = instruction_envelope(work)
        match self._terms.way:
            case "webhook":
                return self._client.post_webhook(envelope)
            case "start" | "start_raw":
                return self._client.start_flow(envelope, raw=self._terms.way == "start_raw")
            case "callback":
                return self._client.post_callback(envelope)

    def _answered_at_once(self, work: Work, at: datetime, content: Any) -> Answer:
        """By a callback: its answer is the acknowledgement, where it names the command or is nothing else."""
        command = work.issued.instruction
        bare = unwrapped(content)
        acks = read_acks(bare) or (read_acks({**bare, "command_id": command}) if isinstance(bare, Mapping) else [])
        self._acks.sent(command, at, None)
        standing = self._by_acks(work, [ack for ack in acks if ack.command_id == command])
        if isinstance(standing, Accepted | Declined):
            return standing
        return Unknown(f"the flow took {command} and did not say what it made of it")

    def _standing(self, work: Work, told: Told) -> _Standing:
        """What is known of a command: by its acknowledgements, then by the runs of the flow. Raises FoundTwice."""
        command = work.issued.instruction
        standing = self._by_acks(work, told.acks)
        if isinstance(standing, Accepted | Declined):
            return standing
        asked = self._ask(work, told) if told.sendings else None
        if isinstance(asked, Accepted | Declined | _Waiting):
            return asked
        if not self._client.asks_runs:
            nothing = _Waiting(f"no acknowledgement of {command} has come yet") if told.sendings else NotThere("what was sent")
            return asked or standing or nothing
        since = told.sendings[0].at if told.sendings else work.issued_at
        by_runs = self._by_runs(work, told, since)
        if asked is not None:
            # The ERP does not have it, and a run may say why: it was declined.
            return by_runs if isinstance(by_runs, Declined | _Waiting | _Failed) else asked
        return by_runs or standing or self._by_absence(command, told, since)

    def _by_acks(self, work: Work, acks: Sequence[Ack]) -> Accepted | Declined | _Failed | None:
        done = [ack for ack in acks if ack.status == "accepted"]
        documents = sorted({ack.document for ack in done if ack.document is not None})
        if len(documents) > 1:
            raise FoundTwice(f"{' and '.join(documents)} both carry {work.issued.instruction}: the flow let a duplicate through")
        if done:
            best = next((ack for ack in reversed(done) if ack.document is not None), done[-1])
            return Accepted(best.document or work.issued.instruction, amount_of(best, work.issued.currency), best.at)
        said = next((ack for ack in reversed(acks) if ack.status in ("declined", "failed")), None)
        if said is None:
            return None
        reason = said.reason or "the flow gave no reason"
        if said.status == "failed":
            return _Failed(f"the flow failed on {work.issued.instruction}: {reason}")
        what_to_do = said.what_to_do or "see to the reason in the ERP or in the flow, then let it be sent again (retry)"
        return Declined(said.code or REFUSED, reason, what_to_do)

    def _ask(self, work: Work, told: Told) -> Accepted | Declined | _Waiting | NotThere | None:
        """A callback flow that answers `find` is asked; one that does not says nothing, which is nothing."""
        if self._client.callback_url is None:
            return None
        command = work.issued.instruction
        try:
            content = unwrapped(self._client.call_back(read_envelope("find", {"command_id": command}, self._clock())))
        except NotUnderstood:
            return None
        standing = self._by_acks(work, [ack for ack in read_acks(content) if ack.command_id == command])
        if isinstance(standing, Accepted | Declined):
            return standing
        if isinstance(content, Mapping) and flag(content.get("found")) is False:
            return self._too_early(command, told) or NotThere("the ERP behind the flow")
        return None

    def _by_runs(self, work: Work, told: Told, since: datetime) -> _Standing | None:
        """None where no run carried it."""
        command = work.issued.instruction
        runs = self._runs.of(command, since, [one.run for one in told.sendings if one.run is not None])
        standing = self._by_acks(work, [ack for run in runs for ack in run.acks(command)])
        if isinstance(standing, Accepted | Declined) or not runs:
            return standing
        last, names = runs[-1], ", ".join(run.run for run in runs)
        if any(run.ending == "running" for run in runs):
            return _Waiting(f"the flow run {names} is under way with {command}")
        if last.ending == "partial":
            return Declined(REFUSED, f"the flow run {last.run} {outcome(last)}, and named no document", _LOOK.format(command=command))
        if all(run.ending == "success" for run in runs):
            return self._succeeded(work, last)
        if last.ending == "success":
            # The de-dupe shape may have held the second one back because the first one was tracked before it failed.
            said = f"the flow runs {names} carried {command}: one failed, the next succeeded, and none named a document"
            return Declined(REFUSED, said, _LOOK.format(command=command))
        return _Failed(f"the flow run {last.run} {outcome(last)}")

    def _succeeded(self, work: Work, run: Run) -> Accepted | _Waiting:
        """An acknowledgement may be on its way, with the document's name in it; without one the command's id is the name."""
        command, finished = work.issued.instruction, run.finished_at or run.started_at
        if self._terms.acknowledges and finished is not None and self._clock() - finished < self._terms.settle:
            return _Waiting(f"the flow run {run.run} has succeeded with {command}, and has not named the document yet")
        return Accepted(work.issued.document or command, at=finished)

    def _by_absence(self, command: str, told: Told, since: datetime) -> _Waiting | NotThere:
        """No run names it: that says something only while runs are kept, where all others say whose they are, and after a while."""
        now = self._clock()
        looked = f"the flow runs since {write_instant(since)}"
        if now - since >= self._terms.runs_kept:
            days = self._terms.runs_kept.days
            return _Waiting(f"Patchworks keeps flow runs for {days} days: of {command} nothing can be known from there any more")
        nameless = self._runs.nameless(since)
        if not told.sendings:
            return NotThere(looked) if not nameless else _Waiting(f"{len(nameless)} of {looked} do not say which command they carried")
        if nameless:
            return _Waiting(f"{len(nameless)} of {looked} do not say which command they carried; track command_id in the flow")
        return self._too_early(command, told) or NotThere(looked)

    def _too_early(self, command: str, told: Told) -> _Waiting | None:
        """A flow that was begun a moment ago has no run to be seen yet, and has told the ERP nothing."""
        last = told.sendings[-1]
        if self._clock() - last.at >= (self._terms.settle_answered if last.answered else self._terms.settle):
            return None
        return _Waiting(f"{command} was sent at {write_instant(last.at)}, and nothing shows it yet")

    def _awaited_until(self, told: Told) -> datetime | None:
        """A flow that has taken a command says in its own time what it made of it; one that did not answer has perhaps not taken it."""
        last = told.sendings[-1] if told.sendings else None
        return last.at + self._terms.settle_answered if last is not None and last.answered else None

    def _overdue(self, command: str, told: Told, reason: str) -> Declined | None:
        """What nobody can settle any more is a person's."""
        last = told.sendings[-1].at if told.sendings else None
        if last is None or self._clock() - last < self._terms.within:
            return None
        return Declined(REFUSED, f"no acknowledgement since {write_instant(last)}: {reason}", _LOOK.format(command=command))
