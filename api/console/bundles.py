"""What pages load beside themselves: one style sheet, one script and the mark, named by their content so that browsers may keep them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.auth import Permission, needs

_ROOM: Final = Path(__file__).parent / "assets"
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
# htmx stands first: what follows uses it. One file, so that none of it is there before the other.
_SCRIPTS: Final = ("vendor/htmx-4.0.1.min.js", "live.js", "forms.js", "list.js")
_STYLES: Final = ("console.css", "pages.css")

STYLE: Final = b"\n".join((_ROOM / name).read_bytes() for name in _STYLES)
SCRIPT: Final = b"\n;\n".join((_ROOM / name).read_bytes() for name in _SCRIPTS)
MARK: Final = (_ROOM / "mark.svg").read_bytes()
VERSION: Final = hashlib.sha256(STYLE + SCRIPT + MARK).hexdigest()[:12]

router = APIRouter(include_in_schema=False)


@router.get("/console/console.css", dependencies=[needs(Permission.OPEN)])
async def style() -> Response:
    return Response(STYLE, media_type="text/css", headers=_FOR_EVER)


@router.get("/console/console.js", dependencies=[needs(Permission.OPEN)])
async def script() -> Response:
    return Response(SCRIPT, media_type="text/javascript", headers=_FOR_EVER)


@router.get("/console/mark.svg", dependencies=[needs(Permission.OPEN)])
async def mark() -> Response:
    return Response(MARK, media_type="image/svg+xml", headers=_FOR_EVER)
