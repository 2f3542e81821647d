"""The account of rights used, for auditors and admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from adapters import audit
from api.http.asking import DEFAULT_LIMIT, Asked, Cursor, Limit, Words
from api.http.auth import Permission, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.reading import TheHouse, reading
from api.http.shapes import Instant, Next

router = APIRouter(prefix="/api", tags=["audit"])


class AuditAsked(Asked):
    what: Annotated[Words | None, Field(description="Only these entries, such as `sign_in.failed` or `export`.")] = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class AuditEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int
    at: Instant
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
    given = read_cursor(asked, int)
    with reading(house) as now:
        rows = audit.entries(now.conn, limit=asked.limit + 1, before=int(given[0]) if given else None, what=asked.what)
        more = rows[asked.limit - 1]["id"] if len(rows) > asked.limit else None
        return now.answer({"items": rows[: asked.limit], "next": write_cursor(asked, [more]) if more is not None else None})
