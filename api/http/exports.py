"""The gap register as files for people, with a manifest that says what the file is and lets anybody check that it is whole."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import IO, Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from api.bootstrap import House, clock
from api.http.asking import GapExportAsked
from api.http.auth import Permission, needs
from api.http.export_rows import Counted, Describe, Manifest, Rows, write_csv
from api.http.reading import Reading, TheHouse, reading
from api.http.workbook import write_workbook
from domain.telling import write_instant
from projections.gap_register import all_gaps

router = APIRouter(prefix="/api/exports", tags=["exports"])

MANIFEST_HEADER: Final = "X-Export-Manifest"
CSV: Final = "text/csv; charset=utf-8"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_IN_MEMORY_BYTES = 4_000_000
_CHUNK_BYTES = 256_000


@router.get(
    "/gaps.csv",
    dependencies=[needs(Permission.READ, noted="export")],
    responses={200: {"content": {CSV: {}}}},
    summary="The gap register as CSV",
)
def gaps_csv(asked: Annotated[GapExportAsked, Query()], house: TheHouse) -> Response:
    return _exported(house, asked, write_csv, "gaps.csv", CSV)


@router.get(
    "/gaps.xlsx",
    dependencies=[needs(Permission.READ, noted="export")],
    responses={200: {"content": {XLSX: {}}}},
    summary="The gap register as an Excel workbook",
)
def gaps_xlsx(asked: Annotated[GapExportAsked, Query()], house: TheHouse) -> Response:
    return _exported(house, asked, write_workbook, "gaps.xlsx", XLSX)


Write = Callable[[IO[bytes], Rows, Describe], Manifest]


def _exported(house: House, asked: GapExportAsked, write: Write, name: str, media_type: str) -> Response:
    """Written in full before it is sent: the manifest stands in a header, and half a file is no file."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 (closed when it was sent)
    try:
        with reading(house) as now:
            rows = all_gaps(now.conn, asked.filter(now.conn), asked.moment(), sort=asked.sort)
            manifest = write(spool, rows, lambda counted: _manifest(now, asked, counted))
    except BaseException:
        spool.close()
        raise
    size = spool.tell()
    spool.seek(0)
    headers = now.headers() | {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(size),
        MANIFEST_HEADER: json.dumps(manifest),
    }
    return StreamingResponse(_chunks(spool), media_type=media_type, headers=headers)


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    with spool:
        while chunk := spool.read(_CHUNK_BYTES):
            yield chunk


def _manifest(now: Reading, asked: GapExportAsked, counted: Counted) -> Manifest:
    """`sha256` is that of the rows as CSV with their headings: of gaps.csv itself, and of the rows that a workbook holds."""
    query = asked.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"as_of", "known_at"})
    return {
        "query": query | {"status": asked.status, "sort": asked.sort},
        "as_of": write_instant(asked.as_of) if asked.as_of else None,
        "known_at": write_instant(asked.known_at) if asked.known_at else None,
        "exported_at": write_instant(clock()),
        "log_position": now.position,
        "rows": counted.rows,
        "totals": {
            currency: {name: str(value) if isinstance(value, Decimal) else value for name, value in sums.items()}
            for currency, sums in sorted(counted.totals.items())
        },
        "sha256": counted.digest.hexdigest(),
    }
