"""The account of rights used, as a page: for auditors and admins, and for nobody else."""

from __future__ import annotations

from typing import Annotated, Final, get_args

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from adapters.audit import What
from api.bootstrap import moment
from api.console.rendering import page, tidy
from api.http.audit import AuditAsked, audit_page
from api.http.auth import Permission, needs
from api.http.reading import TheHouse, reading

PAGE_ROWS: Final = 100

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class AuditShown(AuditAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


@router.get("/audit", dependencies=[needs(Permission.AUDIT)])
def show_audit(request: Request, asked: Annotated[AuditShown, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return page(request, now, "audit.html", moment(), asked=asked, listed=audit_page(now, asked), whats=get_args(What))
