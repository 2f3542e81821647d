"""One process flow, simulated: runs begin at once and end later, a shape that fails is run again, and old runs are forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.sandbox.patchworks.behind import ErpBehind, Refused
from adapters.sandbox.port import OutgoingWebhook

STARTED, SUCCESS, FAILURE, STOPPED, PARTIAL_SUCCESS = 1, 2, 3, 4, 5
RUNS_KEPT: Final = timedelta(days=7)
PAYLOADS_KEPT: Final = timedelta(hours=72)
MORE_TRIES: Final = 3
ACKNOWLEDGES: Final = ("tracked", "callback", "both", "none")
_SETTINGS: Final = ("enabled", "deployed", "acknowledge", "ack_url", "dedupes", "finds", "run_seconds", "failing", "doubling", "seed")


@dataclass
class Run:
    """One run. `tracked` is what a Track Data shape kept; `logs` are (level, message)."""

    number: int
    trigger: str
    payload: str
    started_at: datetime
    status: int = STARTED
    finished_at: datetime | None = None
    tracked: dict[str, Any] = field(default_factory=dict)
    logs: list[tuple[str, str]] = field(default_factory=list)


class Flow:
    """`failing`: what befalls the next tries of the ERP's shape: `before` (the ERP never hears of it) or `after` (it does, and the shape
    fails all the same). `doubling` is the chance of an `after` for each try."""

    def __init__(self, flow_id: str, behind: ErpBehind, first: int = 0) -> None:
        self.flow_id, self.behind = flow_id, behind
        self.enabled = self.deployed = True
        self.acknowledge, self.ack_url = "both", None
        self.finds, self.run_seconds, self.doubling, self.seed = True, 1.0, 0.0, 0
        self.failing: list[str] = []
        self.runs: list[Run] = []
        self.outgoing: list[OutgoingWebhook] = []
        self._made = first
        self._chance = Random(0)

    def set(self, told: Mapping[str, Any]) -> None:
        """Raises ValueError for what is no setting."""
        if unknown := sorted(set(told) - set(_SETTINGS)):
            raise ValueError(f"{unknown[0]!r} is no setting of the flow; these are: {', '.join(_SETTINGS)}")
        if told.get("acknowledge", "both") not in ACKNOWLEDGES:
            raise ValueError(f"acknowledge must be one of {', '.join(ACKNOWLEDGES)}")
        for name, value in told.items():
            if name == "dedupes":
                self.behind.dedupes = bool(value)
            else:
                setattr(self, name, list(value) if name == "failing" else value)
        if "seed" in told:
            self._chance = Random(f"{told['seed']}/flow")

    def begin(self, trigger: str, payload: str, now: datetime) -> Run:
        self._made += 1
        run = Run(700_000 + self._made, trigger, payload, now)
        self.runs.append(run)
        return run

    def work(self, now: datetime) -> None:
        """What has had its time ends; what is too old is forgotten."""
        for run in self.runs:
            if run.status == STARTED and now - run.started_at >= timedelta(seconds=self.run_seconds):
                self.finish(run, now)
        self.runs = [run for run in self.runs if now - run.started_at < RUNS_KEPT]

    def finish(self, run: Run, now: datetime) -> dict[str, Any]:
        """Run the shapes; the acknowledgement that came of it."""
        run.finished_at = now
        try:
            command = json.loads(run.payload)
            command_id = str(command["command_id"])
        except (ValueError, TypeError, KeyError):
            run.status = FAILURE
            run.logs.append(("ERROR", "the payload is no command"))
            return {"status": "failed", "reason": "the payload is no command"}
        told: dict[str, Any] = {"command_id": command_id, "flow_run_id": str(run.number)}
        for _ in range(1 + MORE_TRIES):
            broken = self.failing.pop(0) if self.failing else "after" if self._chance.random() < self.doubling else None
            if broken == "before":
                run.logs.append(("ERROR", "the connection shape timed out"))
                continue
            try:
                document = self.behind.do(command, now)
            except Refused as refused:
                told |= {"status": "declined", "code": refused.code, "reason": refused.reason}
                return self._ended(run, SUCCESS, told)
            except (KeyError, TypeError, ValueError, ArithmeticError) as torn:
                run.logs.append(("ERROR", f"the map shape failed: {type(torn).__name__}"))
                break
            if broken == "after":
                run.logs.append(("ERROR", "the answer of the ERP could not be read"))
                continue
            told |= self.behind.acknowledgement(command_id, document)
            return self._ended(run, SUCCESS, told)
        # An error branch would call back; a flow without one just ends.
        run.status = FAILURE
        run.tracked = {"command_id": command_id} if self.acknowledge in ("tracked", "both") else {}
        return {**told, "status": "failed", "reason": run.logs[-1][1]}

    def _ended(self, run: Run, status: int, told: dict[str, Any]) -> dict[str, Any]:
        run.status = status
        if self.acknowledge in ("tracked", "both"):
            run.tracked = told
        if self.acknowledge in ("callback", "both"):
            self.outgoing.append(OutgoingWebhook("ack", {"content-type": "application/json"}, json.dumps(told).encode(), self.ack_url))
        return told
