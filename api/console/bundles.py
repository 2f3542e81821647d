"""What pages load beside themselves: one style sheet, one script and the mark, named by their content so that browsers may keep them."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
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

# No secret stands in them, so they may be squeezed.
_SQUEEZED: Final = {body: gzip.compress(body, mtime=0) for body in (STYLE, SCRIPT)}

router = APIRouter(include_in_schema=False)


@router.get("/console/console.css", dependencies=[needs(Permission.OPEN)])
async def style(request: Request) -> Response:
    return _kept(request, STYLE, "text/css")


@router.get("/console/console.js", dependencies=[needs(Permission.OPEN)])
async def script(request: Request) -> Response:
    return _kept(request, SCRIPT, "text/javascript")


@router.get("/console/mark.svg", dependencies=[needs(Permission.OPEN)])
async def mark() -> Response:
    return Response(MARK, media_type="image/svg+xml", headers=_FOR_EVER)


def _kept(request: Request, body: bytes, media_type: str) -> Response:
    headers = _FOR_EVER | {"Vary": "Accept-Encoding"}
    coded = [one.partition(";") for one in request.headers.get("accept-encoding", "").replace(" ", "").lower().split(",")]
    if any(name == "gzip" and weight not in ("q=0", "q=0.0") for name, _, weight in coded):
        return Response(_SQUEEZED[body], media_type=media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(body, media_type=media_type, headers=headers)
