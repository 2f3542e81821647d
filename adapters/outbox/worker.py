"""Carries instructions out at one ERP: each exactly once, whatever fails. What was sent and not answered is asked about first.

No transaction is open while the ERP is asked. `sent_at` is committed before anything is sent; the answer, its facts and the row's new
state are committed together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, assert_never

import psycopg
from psycopg import Cursor

from adapters.erps import port
from adapters.erps.port import FoundTwice, NotThere, Unfinished, Work
from adapters.event_store import LedgerError, Prepared, UnreadableEvent
from adapters.inbox.schedule import next_try
from adapters.outbox import accounts, queue
from adapters.outbox.availability import want_told
from adapters.outbox.early import remember
from adapters.outbox.folding import TICK, answered_at, fold_one, told
from adapters.outbox.looking import Hand, look, work_of
from adapters.outbox.places import CREDIT_NOTE, EXCHANGE_ORDER, Place, keep
from adapters.outbox.queue import Change, Row
from adapters.outbox.shop import LOOK_AGAIN, Shop
from adapters.outbox.terms import MATCH_ORDER, erp_account
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.quota import QuotaSpent
from domain.erp_facts import CreditNoteAmended, InstructionAbandoned, InstructionDeclined, InstructionIssued, OutcomeUnknown
from domain.facts import CreditNoted, ExchangeOrdered
from domain.instructions import consequences
from domain.returns import ReturnState

log = logging.getLogger("returns_ledger")

# Not a reason of the ERP's: the vendor took it, and acknowledges it in its own time.
AWAITED: Final = "acknowledgement"
# Reasons that go away by themselves, or by what people do in the ERP: looked at again at each of its polls.
LOOKED_AT_AGAIN: Final = (port.ORDER_NOT_FOUND, port.ORDER_NOT_INVOICED, port.SKU_UNMATCHED, port.KIT_NOT_DECOMPOSED)
# What is still on its way to the ERP, or being written there, may not show at once, and its lists may be older than what was written:
# before that "it is not there" says nothing. No vendor publishes how long; an ERP's `settle` says it otherwise.
SETTLE: Final = timedelta(seconds=20)
# Technical trouble for so long and so often: a person should know. It stays in the outbox, and can be tried again.
DEAD_AFTER: Final = timedelta(days=1)
DEAD_TRIES: Final = 12
UNREACHABLE: Final = "unreachable"
# One turn in so many goes to what waits for its cause, however much else there is to do.
LOOKS_EVERY: Final = 4
# What is acknowledged later is looked at so many times sooner than what went wrong.
SOONER: Final = 4


class Worker:
    """One account's, for one thread. `every`: how often the ERP is polled; what waits for its cause is looked at as often.

    `acknowledged_later`: that the outcome is unknown for a while is how it works, and no failure. `settle`: how long after it was sent
    "it is not there" is not believed. `publishing`: connections whose shops are told what may be sold.
    """

    def __init__(
        self,
        shop: Shop,
        name: str,
        hand: Hand,
        every: timedelta | None = None,
        *,
        account: str | None = None,
        acknowledged_later: bool = False,
        settle: timedelta = SETTLE,
        publishing: frozenset[str] = frozenset(),
    ) -> None:
        self._shop, self._name, self._erp, self._acknowledged_later = shop, name, hand, acknowledged_later
        self._account = account or erp_account(name)
        self._every, self._settling, self._publishing = every or LOOK_AGAIN, settle, publishing
        self._turn = 0

    def go(self) -> bool:
        """Take one that is due and work it off; False where there is none, or the ERP is to be left alone."""
        now = self._shop.clock()
        with self._shop.pool.connection() as conn, conn.transaction():
            if not accounts.may_try(conn, self._account, now):
                return False
            self._turn += 1
            row = queue.lease(conn, self._account, self._shop.owner, now, waiting_first=self._turn % LOOKS_EVERY == 0)
        if row is None:
            return False
        try:
            state = fold_one(self._shop.ledger, row.key)
            if row.kind == MATCH_ORDER:
                self._look(row, state)
            else:
                self._carry_on(row, state)
        except UnreadableEvent as unreadable:
            self._set_back(row, unreadable)
        except (LedgerError, psycopg.Error):
            raise  # the database's trouble: all wait for it
        except Exception as broken:  # what one return does to us must not keep the others waiting
            log.exception("outbox: %s of %s could not be worked off", row.id, row.key)
            self._set_back(row, broken)
        return True

    def _set_back(self, row: Row, broken: Exception) -> None:
        """Tried again later; what was sent stays marked as sent, so that it is asked about first."""
        again = next_try(self._shop.clock(), row.attempts + 1)
        self._settle(row, [], self._later(row, f"our mistake: {type(broken).__name__}: {broken}", again, sent=True))

    def _look(self, row: Row, state: ReturnState) -> None:
        now = self._shop.clock()
        try:
            facts, said = look(self._erp, self._name, state, now)
        except (VendorTrouble, VendorRefused) as failure:
            self._failed(row, state, failure, sent=False)
            return
        except Exception as broken:
            self._broke(row, state, broken, sent=False)
            return
        self._settle(row, facts, Change("waiting", said, next_at=now + self._every), well=True)

    def _carry_on(self, row: Row, state: ReturnState) -> None:
        issued = state.work.issued.get(row.id)
        answer = state.work.answers.get(row.id)
        if answer is not None and answer.status == "accepted":
            self._settle(row, [], Change("done", "it was done already", document=answer.document))
        elif issued is None or (answer is not None and answer.status == "abandoned"):
            self._settle(row, [], Change("abandoned", answer.reason if answer else "the log does not know it"))
        elif row.sent_at is not None:
            self._ask(row, state, issued)
        elif issued.kind == "release_refund" and state.active_refunds():
            self._not_needed(row, state)
        elif row.waits_for in LOOKED_AT_AGAIN:
            self._look_first(row, state, issued)
        else:
            self._send(row, state, issued)

    def _not_needed(self, row: Row, state: ReturnState) -> None:
        """The money is out already: nobody releases it once more."""
        reason = "the platform has paid already"
        at = answered_at(state, row.id, self._shop.clock())
        fact = InstructionAbandoned(instruction=row.id, reason=reason)
        prepared = told(row.key, at, fact, f"instruction:{row.id}", f"abandoned/{row.id}")
        self._settle(row, [prepared], Change("abandoned", reason))

    def _look_first(self, row: Row, state: ReturnState, issued: InstructionIssued) -> None:
        """Its cause may be gone: it is sent with the order as it is now."""
        try:
            facts, _ = look(self._erp, self._name, state, self._shop.clock())
        except (VendorTrouble, VendorRefused) as failure:
            self._failed(row, state, failure, sent=False)
            return
        except Exception as broken:
            self._broke(row, state, broken, sent=False)
            return
        if facts:
            self._shop.ledger.append(facts)
            state = fold_one(self._shop.ledger, row.key)
        self._send(row, state, issued)

    def _ask(self, row: Row, state: ReturnState, issued: InstructionIssued) -> None:
        """It was sent: what became of it?"""
        answer = state.work.answers.get(row.id)
        if (answer is None or answer.status != "unknown") and row.waits_for != AWAITED:
            reason = "it was sent, and the house stopped before the answer was recorded"
            self._shop.ledger.append([self._unknown(row, state, reason)])
            state = fold_one(self._shop.ledger, row.key)
        try:
            found = self._erp.find(self._work(row, state, issued))
        except FoundTwice as twice:
            self._found_twice(row, state, twice)
        except (VendorTrouble, VendorRefused) as failure:
            self._failed(row, state, failure, sent=True)
        except Exception as broken:
            self._broke(row, state, broken, sent=True)
        else:
            match found:
                case Accepted():
                    self._accepted(row, state, issued, found)
                case Unfinished() if self._acknowledged_later:
                    self._send(row, state, issued)
                case Unfinished(reference):
                    # Whoever finishes it reads it once more, and must not be shown less than was seen here.
                    self._once_settled(row, state, issued, f"begun, and not finished: {reference}")
                case NotThere():
                    self._once_settled(row, state, issued, f"not there yet: {found.looked_at}")
                case _:
                    assert_never(found)

    def _once_settled(self, row: Row, state: ReturnState, issued: InstructionIssued, said: str) -> None:
        """Sent (again), once what was written last shows everywhere."""
        now = self._shop.clock()
        if row.sent_at is None or now - row.sent_at >= self._settling:
            self._send(row, state, issued)
            return
        again = max(next_try(now, row.attempts + 1), row.sent_at + self._settling)
        self._settle(row, [], self._later(row, said, again, sent=True), well=True)

    def _send(self, row: Row, state: ReturnState, issued: InstructionIssued) -> None:
        with self._shop.pool.connection() as conn:
            if not queue.mark_sent(conn, row, self._shop.owner, self._shop.clock()):
                return  # it was abandoned, or somebody else has it
        try:
            answer: Answer = self._erp.carry_out(self._work(row, state, issued))
        except FoundTwice as twice:
            self._found_twice(row, state, twice)
            return
        except (VendorTrouble, VendorRefused) as failure:
            # This call wrote nothing; one before it may have.
            self._failed(row, state, failure, sent=row.sent_at is not None)
            return
        except Exception as broken:  # nobody knows how far it went
            if self._shop.stop.is_set():
                # The house did not wait for this one, and has closed the line under it: it is asked about at the next start.
                log.info("outbox: %s of %s was under way when the house stopped", row.id, row.key)
                return
            log.exception("outbox: %s of %s broke its ERP's room", row.id, row.key)
            answer = Unknown(f"our mistake: {type(broken).__name__}: {broken}")
        match answer:
            case Accepted():
                self._accepted(row, state, issued, answer)
            case Declined():
                self._declined(row, state, answer)
            case Unknown():
                self._outcome_unknown(row, state, answer)
            case _:
                assert_never(answer)

    def _accepted(self, row: Row, state: ReturnState, issued: InstructionIssued, answer: Accepted) -> None:
        at = answered_at(state, row.id, self._shop.clock())
        cause, source = f"instruction:{row.id}", f"accepted/{row.id}"
        facts = [*consequences(issued, answer.reference, answer.amount, answer.beside)]
        for fact in tuple(facts):
            if isinstance(fact, CreditNoted) and (name := (fact.erp, fact.credit_note)) in state.voided:
                # A note that was undone, and is gone on with: it is active again.
                at = max(at, state.voided_at[name] + TICK)
                told_again = {"credit_note", "erp", "currency", "amount", "lines"}
                facts.append(CreditNoteAmended.model_validate(fact.model_dump(include=told_again)))
        prepared = [told(row.key, at, fact, cause, f"{source}/{place}" if place else source) for place, fact in enumerate(facts)]
        documents = [
            Place(self._name, CREDIT_NOTE if isinstance(fact, CreditNoted) else EXCHANGE_ORDER, answer.reference, row.key)
            for fact in facts
            if isinstance(fact, CreditNoted | ExchangeOrdered)
        ]

        def beside(cursor: Cursor[Any]) -> None:
            for document in documents:
                keep(cursor, document)
            if row.connection in self._publishing:
                want_told(cursor, row.connection, issued, self._shop.clock())

        self._settle(row, prepared, Change("done", "done", document=answer.reference), well=True, beside=beside)

    def _declined(self, row: Row, state: ReturnState, answer: Declined) -> None:
        """Told once for each reason. What goes away by itself is looked at again; all else waits for a person."""
        now = self._shop.clock()
        # What was found twice nobody replaces: asked about once more and still there twice, it is told once more.
        again = answer.code == port.FOUND_TWICE
        before = state.work.answer(row.id) if again else state.work.answers.get(row.id)
        facts = []
        if before is None or before.status != "declined" or (before.code, before.reason) != (answer.code, answer.reason):
            fact = InstructionDeclined(
                instruction=row.id, code=_short(answer.code), reason=_short(answer.reason, 2000), what_to_do=_short(answer.what_to_do, 2000)
            )
            at = answered_at(state, row.id, now)
            facts = [told(row.key, at, fact, f"instruction:{row.id}", f"declined/{row.id}/{_digest(answer.code, answer.reason, at)}")]
        next_at = now + self._every if answer.code in LOOKED_AT_AGAIN else None
        self._settle(row, facts, Change("waiting", answer.reason, next_at=next_at, waits_for=answer.code), well=True)

    def _found_twice(self, row: Row, state: ReturnState, twice: FoundTwice) -> None:
        """Both count: the ERP is read back from a while ago, so that each is told with its own number."""
        with self._shop.pool.connection() as conn, conn.transaction():
            remember(conn.cursor(), [row.id], None, self._shop.clock())
            conn.execute("UPDATE outbox_accounts SET poll_at = NULL WHERE account = %s", (self._account,))
        what_to_do = "see which of the documents stays, void the other in the ERP, and say `resolve … note` what you did"
        self._declined(row, state, Declined(port.FOUND_TWICE, str(twice), what_to_do))

    def _outcome_unknown(self, row: Row, state: ReturnState, answer: Unknown) -> None:
        before = state.work.answers.get(row.id)
        now = self._shop.clock()
        awaited = answer.awaited_until is not None and now < answer.awaited_until
        told_so = before is not None and before.status == "unknown"
        facts = [] if told_so or awaited else [self._unknown(row, state, answer.reason)]
        tried = row.attempts + 1 if row.sent_at is not None else 1
        again = next_try(now, tried)
        if self._acknowledged_later:
            again = now + (again - now) / SOONER
        if awaited and answer.awaited_until is not None:
            again = min(again, answer.awaited_until)
        waits_for = AWAITED if awaited else None
        change = self._later(row, answer.reason, again, sent=True)._replace(attempts=tried, wrote=True, waits_for=waits_for)
        if self._acknowledged_later:
            self._settle(row, facts, change, well=True)
        else:
            self._settle(row, facts, change, wrong=VendorTrouble(answer.reason))

    def _unknown(self, row: Row, state: ReturnState, reason: str) -> Prepared:
        at = answered_at(state, row.id, self._shop.clock())
        fact = OutcomeUnknown(instruction=row.id, reason=_short(reason, 2000))
        return told(row.key, at, fact, f"instruction:{row.id}", f"unknown/{row.id}/{_digest('', '', at)}")

    def _broke(self, row: Row, state: ReturnState, broken: Exception, *, sent: bool) -> None:
        """Our mistake, or an answer that makes no sense: this one is tried later, the others go on."""
        if isinstance(broken, LedgerError):
            raise broken
        log.exception("outbox: %s of %s broke its ERP's room", row.id, row.key)
        now = self._shop.clock()
        change = self._later(row, f"our mistake: {type(broken).__name__}: {broken}", next_try(now, row.attempts + 1), sent=sent)
        self._settle_or_bury(row, state, change)

    def _failed(self, row: Row, state: ReturnState, failure: VendorTrouble | VendorRefused, *, sent: bool) -> None:
        """Technical trouble. `sent` False: it is certain that nothing was done."""
        now = self._shop.clock()
        said = failure.retry_after_seconds if isinstance(failure, VendorTrouble) else None
        if isinstance(failure, QuotaSpent):
            # Nobody has done anything wrong: it keeps its place.
            again = now + timedelta(seconds=said or 0)
            change = Change(row.state, str(failure), again, sent, row.attempts, row.failing_since, row.waits_for)
            self._settle(row, [], change, wrong=failure)
            return
        change = self._later(row, str(failure), next_try(now, row.attempts + 1, said), sent=sent)
        self._settle_or_bury(row, state, change, failure)

    def _settle_or_bury(self, row: Row, state: ReturnState, change: Change, failure: Exception | None = None) -> None:
        now = self._shop.clock()
        long = change.failing_since is not None and now - change.failing_since > DEAD_AFTER
        if not (long and change.attempts >= DEAD_TRIES) or row.kind == MATCH_ORDER:
            self._settle(row, [], change, wrong=failure)
            return
        facts = []
        if not change.sent:
            reason = f"{change.attempts} tries since {change.failing_since:%Y-%m-%d %H:%M} UTC came to nothing: {change.answer}"
            what = f"mend the cause, then `returns-ledger outbox retry {row.id}`, or `returns-ledger resolve … retry`"
            at = answered_at(state, row.id, now)
            fact = InstructionDeclined(instruction=row.id, code=UNREACHABLE, reason=_short(reason, 2000), what_to_do=what)
            facts = [told(row.key, at, fact, f"instruction:{row.id}", f"declined/{row.id}/{_digest(UNREACHABLE, '', at)}")]
        self._settle(row, facts, change._replace(state="dead", next_at=None), wrong=failure)

    def _later(self, row: Row, said: str, next_at: datetime, *, sent: bool) -> Change:
        since = row.failing_since or self._shop.clock()
        return Change("pending", said, next_at, sent, row.attempts + 1, since, row.waits_for)

    def _settle(
        self,
        row: Row,
        facts: Sequence[Prepared],
        change: Change,
        *,
        well: bool = False,
        wrong: Exception | None = None,
        beside: Callable[[Cursor[Any]], None] | None = None,
    ) -> None:
        now = self._shop.clock()

        def write(cursor: Cursor[Any]) -> None:
            # The account first, then rows, always: so nobody waits for each other in a ring.
            _fare(cursor, self._account, now, well, wrong)
            queue.settle(cursor, row, self._shop.owner, change, now)
            if beside is not None:
                beside(cursor)

        if facts:
            self._shop.ledger.append_with(lambda _: facts, lambda cursor, _: write(cursor))
        else:
            with self._shop.pool.connection() as conn, conn.transaction(), conn.cursor() as cursor:
                write(cursor)

    def _work(self, row: Row, state: ReturnState, issued: InstructionIssued) -> Work:
        return work_of(state, issued, row.issued_at, row.batch)


def _fare(conn: Cursor[Any], account: str, now: datetime, well: bool, wrong: Exception | None) -> None:
    if well:
        accounts.went_well(conn, account, now)
    elif wrong is not None:
        accounts.went_wrong(conn, account, now, wrong)


def _digest(*parts: object) -> str:
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def _short(text: str, most: int = 200) -> str:
    """Fit for a fact: never empty, no control characters, not too long."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split()) or "nothing more was said"
    return shown if len(shown) <= most else shown[: most - 1] + "…"
