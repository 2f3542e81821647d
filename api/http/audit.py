"""The account of rights used, for auditors and admins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from adapters import audit
from api.http.asking import DEFAULT_LIMIT, Asked, Cursor, FirstInstant, Instant, Limit, Words
from api.http.auth import Permission, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.reading import Reading, TheHouse, reading
from api.http.shapes import Instant as Told
from api.http.shapes import Next

router = APIRouter(prefix="/api", tags=["audit"])


class AuditAsked(Asked):
    what: Annotated[Words | None, Field(description="Only these entries, such as `sign_in.failed` or `export`.")] = None
    who: Annotated[Words | None, Field(description="Only what this person or key did.")] = None
    from_: Annotated[FirstInstant | None, Field(alias="from", description="From this day or instant on (a day: its beginning, UTC).")] = (
        None
    )
    to: Annotated[Instant | None, Field(description="Up to this day or instant (a day: its end, UTC).")] = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class AuditEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int
    at: Told
    what: str
    who: str | None
    role: str | None
    address: Annotated[str | None, Field(description="Where it came from; null: from the command line.")]
    detail: str | None


class AuditPage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: list[AuditEntry]
    next: Next


@router.get(
    "/audit",
    dependencies=[needs(Permission.AUDIT)],
    responses={200: {"model": AuditPage}},
    summary="Who used which right, the newest first",
)
def list_audit(asked: Annotated[AuditAsked, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer(audit_page(now, asked))


def audit_page(now: Reading, asked: AuditAsked) -> dict[str, Any]:
    given = read_cursor(asked, int)
    before, narrowed = int(given[0]) if given else None, {"what": asked.what, "who": asked.who}
    rows = audit.entries(now.conn, limit=asked.limit + 1, before=before, from_=asked.from_, to=asked.to, **narrowed)
    more = rows[asked.limit - 1]["id"] if len(rows) > asked.limit else None
    return {"items": rows[: asked.limit], "next": write_cursor(asked, [more]) if more is not None else None}
