"""Facts from a file into the ledger: read and checked in one thread, recorded in another, batch by batch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from adapters.bulk import without_collections
from adapters.event_store import Appended, Ledger, Outcome, Prepared, prepare
from adapters.files import RejectedFile, Row, UnusableFile, WrongHeadings, read_file, rejected_whole
from domain.refusals import Conflicting
from domain.telling import ReturnKey, write_telling

BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file. `read` and `rejected` count rows of the file, `recorded` and `known` facts."""

    file: str
    kind: str
    read: int
    recorded: int
    known: int
    rejected: int
    rejected_file: str | None
    seconds: float
    error: str | None = None


@dataclass(slots=True)
class _Counts:
    read: int = 0
    recorded: int = 0
    known: int = 0
    rejected: int = 0


def import_file(
    ledger: Ledger,
    path: Path,
    kind: str,
    merchant: str | None,
    *,
    include_test: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Record everything in `path` that can be understood; `progress` gets the bytes read so far.

    A batch is recorded whole or not at all, so that an import that was killed can simply be run again: what is in already is known.
    A file that is nothing of the kind is rejected as a whole: `error` says why. Where only its headings are wrong, its rows can be mended
    in the rejected file too; what is no text at all stays where it is.
    """
    began = time.monotonic()
    try:
        return _import_rows(ledger, path, kind, merchant, include_test, progress, began)
    except WrongHeadings as wrong:
        read, rejected_file = _reject_whole(path, kind, wrong)
        return Imported(str(path), kind, read, 0, 0, read, rejected_file, round(time.monotonic() - began, 3), str(wrong))
    except UnusableFile as unusable:
        with path.open("rb") as lines:
            read = sum(1 for line in lines if line.strip())
        return Imported(str(path), kind, read, 0, 0, read, None, round(time.monotonic() - began, 3), str(unusable))


def _reject_whole(path: Path, kind: str, wrong: WrongHeadings) -> tuple[int, str | None]:
    read = 0
    with RejectedFile(path, kind) as rejected:
        for row in rejected_whole(path, kind, wrong):
            read += 1
            rejected.write(row.own[0], row.line_numbers[0], str(row.rejected))
        return read, str(rejected.path) if rejected.path else None


def _import_rows(
    ledger: Ledger, path: Path, kind: str, merchant: str | None, include_test: bool, progress: Callable[[int], None], began: float
) -> Imported:
    counts = _Counts()

    def paid_by(payments: Sequence[str]) -> Mapping[str, Sequence[tuple[ReturnKey, str]]]:
        return {} if merchant is None else ledger.refunds_paid_by(merchant, payments)

    with RejectedFile(path, kind) as rejected, ThreadPoolExecutor(max_workers=1) as recorder:
        under_way: tuple[list[Row], Future[list[Appended]]] | None = None
        for rows, prepared in _batches(
            read_file(path, kind, merchant, include_test=include_test, paid_by=paid_by, progress=progress), path.name
        ):
            if under_way is not None:
                _count(counts, *under_way, rejected)
            under_way = (rows, recorder.submit(ledger.append, prepared))
        if under_way is not None:
            _count(counts, *under_way, rejected)
        seconds = round(time.monotonic() - began, 3)
        return Imported(
            str(path),
            kind,
            counts.read,
            counts.recorded,
            counts.known,
            counts.rejected,
            str(rejected.path) if rejected.path else None,
            seconds,
        )


def _batches(rows: Iterator[Row], name: str) -> Iterator[tuple[list[Row], list[Prepared]]]:
    while True:
        with without_collections():
            batch = list(islice(rows, BATCH_ROWS))
            prepared = [prepare(row.telling, f"import:{name}:{row.line_numbers[0]}") for row in batch if row.telling is not None]
        if not batch:
            return
        yield batch, prepared


def _count(counts: _Counts, rows: list[Row], recorded: Future[list[Appended]], rejected: RejectedFile) -> None:
    outcomes = iter(recorded.result())
    for row in rows:
        counts.read += len(row.line_numbers)
        error = str(row.rejected) if row.rejected else None
        if row.telling is not None:
            appended = next(outcomes)
            match appended.outcome:
                case Outcome.RECORDED:
                    counts.recorded += 1
                case Outcome.KNOWN:
                    counts.known += 1
                case Outcome.CONFLICT:
                    told, known = write_telling(row.telling), appended.conflict_with
                    error = str(Conflicting(json.dumps(told, ensure_ascii=False), json.dumps(known, ensure_ascii=False)))
        if error is not None:
            counts.rejected += len(row.line_numbers)
            for own, line_number in zip(row.own, row.line_numbers, strict=True):
                rejected.write(own, line_number, error)
