"""The API's description at /api/openapi.json."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.auth import Permission, needs
from api.http.shapes import GAP_EXAMPLE, ProblemAnswer

router = APIRouter(prefix="/api")

SUMMARY = "One event-sourced history per return; every gap between what was refunded, credited and put back to stock."
ABOUT = """
Money is a decimal string, never a number; nothing is summed across currencies. Times are RFC 3339 in UTC. Lists are `{items, next}`:
give `next` back as `cursor`, everything else unchanged, until it is null. A filter takes several values by repetition. A parameter that
is not known is refused (422). The parts of a return's address are percent-encoded each, a slash inside one as `%2F`.

Answers come from read models: `X-Ledger-Position` says up to which event of the log they are folded, `X-Ledger-Lag` how many events wait.
"""
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No key, or none that is good."},
    404: {"description": "No such return."},
    422: {"description": "A parameter is not understood."},
    503: {"description": "The database is away or slow: ask again after Retry-After."},
}


@router.get("/openapi.json", dependencies=[needs(Permission.READ)], include_in_schema=False)
def openapi(request: Request) -> Response:
    told = request.app.openapi()
    # Put in here, because what makes the description leaves out every null.
    told["components"]["schemas"]["GapRow"]["examples"] = [GAP_EXAMPLE]
    told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "A key, rl_…"}}
    if request.app.state.keys_needed:
        for path, methods in told["paths"].items():
            if path.startswith("/api/"):
                for told_method in methods.values():
                    told_method["security"] = [{"key": []}]
    return Response(orjson.dumps(told), media_type="application/json")


def told_problems() -> dict[int | str, dict[str, Any]]:
    """Every route may answer these."""
    content = {"application/problem+json": {"schema": ProblemAnswer.model_json_schema()}}
    return {status: told | {"content": content} for status, told in PROBLEMS.items()}
