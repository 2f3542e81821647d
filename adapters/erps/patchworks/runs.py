"""Flow runs: which of them carried which command, and how they ended. Kept in memory, so that many commands are asked about in one call.

Patchworks keeps runs for 7 days and payloads for 72 hours: beyond that, that there is no run says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from adapters.erps.patchworks.acks import COMMAND_ID, Ack, pairs, read_acks, scrubbed
from adapters.erps.patchworks.client import Client
from adapters.vendor.shapes import Document, count, first_text, instant, objects, plain

Ending = Literal["running", "success", "failure", "partial"]

RUNS_KEPT: Final = timedelta(days=7)
PAYLOADS_KEPT: Final = timedelta(hours=72)
# By how much a run's own clock may be behind ours.
OVERLAP: Final = timedelta(minutes=5)
FRESH: Final = timedelta(seconds=2)
# So many runs that name no command are looked into at one time: two calls each.
MOST_LOOKED_INTO: Final = 20
_ENDINGS: Final[Mapping[str, Ending]] = {
    "1": "running",
    "started": "running",
    "running": "running",
    "pending": "running",
    "2": "success",
    "success": "success",
    "3": "failure",
    "failure": "failure",
    "failed": "failure",
    "4": "failure",
    "stopped": "failure",
    "5": "partial",
    "partialsuccess": "partial",
}
_LATEST_SECONDS: Final = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """`commands`: those it names anywhere. `tracked`: what the flow kept of it. `said`: its last word, where something failed."""

    run: str
    ending: Ending
    started_at: datetime | None
    finished_at: datetime | None
    commands: frozenset[str]
    tracked: tuple[object, ...] = ()
    said: str | None = None

    def acks(self, command: str) -> list[Ack]:
        """What its tracked data tells of a command that it carried; a run of one command need not name it there."""
        told = [ack for tracked in self.tracked for ack in read_acks(tracked)]
        if not told and self.commands == {command}:
            told = [
                ack for tracked in self.tracked if isinstance(tracked, Mapping) for ack in read_acks({**tracked, "command_id": command})
            ]
        return [ack for ack in told if ack.command_id == command]


class Runs:
    """The runs of one account that were seen so far."""

    def __init__(self, client: Client, clock: Callable[[], datetime]) -> None:
        self._client, self._clock = client, clock
        self._runs: dict[str, Run] = {}
        self._since: datetime | None = None
        self._looked_at: datetime | None = None

    def of(self, command: str, since: datetime, begun: Collection[str]) -> list[Run]:
        """Runs that carried this command, the oldest first; `begun` are those that its sendings were answered with.

        Asks the vendor, unless that was done a moment ago.
        """
        self._refresh(since)
        for name in begun:
            if name not in self._runs and (row := self._client.run(name)) is not None and (run := read_run(row)) is not None:
                self._runs[run.run] = run
        for name in begun:
            if name in self._runs:
                self._runs[name] = replace(self._runs[name], commands=self._runs[name].commands | {command})
        return self._ordered(run for run in self._runs.values() if command in run.commands)

    def nameless(self, since: datetime) -> list[Run]:
        """Runs since then that do not say which command they carried."""
        return self._ordered(run for run in self._runs.values() if not run.commands and (run.started_at or since) >= since - OVERLAP)

    def _ordered(self, runs: Iterator[Run]) -> list[Run]:
        return sorted(runs, key=lambda run: (run.started_at is not None, run.started_at, run.run))

    def _refresh(self, since: datetime) -> None:
        now = self._clock()
        wanted = since - OVERLAP
        if self._since is None or self._looked_at is None or wanted < self._since:
            start = wanted
        elif now - self._looked_at < FRESH:
            return
        else:
            unfinished = [run.started_at for run in self._runs.values() if run.ending == "running" and run.started_at is not None]
            start = max(self._since, min([*unfinished, self._looked_at]) - OVERLAP)
        looked_into = 0
        for row in self._client.runs(int(start.timestamp() * 1000)):
            run = read_run(row)
            if run is None:
                continue
            before = self._runs.get(run.run)
            if not run.commands and before is not None and before.commands:
                run = _with(run, before.commands)
            if not run.commands and looked_into < MOST_LOOKED_INTO and _payload_is_kept(run, now):
                looked_into += 1
                run = self._look_into(run)
            self._runs[run.run] = run
        self._since = min(start, self._since) if self._since is not None else start
        self._looked_at = now
        self._forget(now)

    def _look_into(self, run: Run) -> Run:
        """Its logs, and the first payload that they lead to."""
        logs = self._client.logs(run.run)
        found = frozenset(COMMAND_ID.findall(_text(logs)))
        if found:
            return _with(run, found)
        payload = next((named for log in logs if (named := first_text(log, "payload_metadata_id", "payloadMetadataId"))), None)
        content = self._client.payload(payload) if payload is not None else None
        return _with(run, frozenset(COMMAND_ID.findall(content or "")))

    def _forget(self, now: datetime) -> None:
        old = now - RUNS_KEPT - timedelta(days=1)
        self._runs = {name: run for name, run in self._runs.items() if run.started_at is None or run.started_at >= old}
        self._since = max(self._since, old) if self._since is not None else None


def read_run(row: Document) -> Run | None:
    """None for what is no run."""
    name = first_text(row, "id", "flow_run_id")
    if name is None:
        return None
    status = row.get("status")
    ending = _ENDINGS.get(plain(str(status))) if isinstance(status, str | int) else None
    tracked = tuple(pairs(row[field]) for field in ("trackedData", "tracked_data", "summary") if row.get(field))
    logs = [log for field in ("flow_run_logs", "flowRunLogs", "errorWarningLogs") for log in objects(row.get(field))]
    errors = [said for log in logs if _is_error(log) and (said := first_text(log, "log_message", "message"))]
    finished_at = _instant(row.get("finished_at"))
    return Run(
        name,
        ending or ("running" if finished_at is None else "partial"),
        _instant(row.get("started_at")),
        finished_at,
        frozenset(COMMAND_ID.findall(_text(row))),
        tracked,
        scrubbed(errors[-1]) if errors else None,
    )


def outcome(run: Run) -> str:
    """In words."""
    match run.ending:
        case "running":
            return "is under way"
        case "success":
            return "has succeeded"
        case "failure":
            return f"has failed{f': {run.said}' if run.said else ''}"
        case "partial":
            return f"has succeeded in part{f': {run.said}' if run.said else ''}"
        case _:
            assert_never(run.ending)


def _is_error(log: Document) -> bool:
    level = plain(str(log.get("log_level", log.get("level", ""))))
    return level in ("error", "critical", "warning", "emergency") or (count(log.get("log_level")) or 0) >= 400


def _with(run: Run, commands: frozenset[str]) -> Run:
    return replace(run, commands=commands)


def _payload_is_kept(run: Run, now: datetime) -> bool:
    return run.started_at is None or now - run.started_at < PAYLOADS_KEPT


def _instant(value: object) -> datetime | None:
    """Also in milliseconds since 1970, as the filters take it."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LATEST_SECONDS:
        return instant(value // 1000)
    return instant(value)


def _text(value: object) -> str:
    """Every text in a JSON value, for a search."""
    if isinstance(value, Mapping):
        return " ".join(_text(each) for each in value.values())
    if isinstance(value, list):
        return " ".join(_text(each) for each in value)
    return str(value)
