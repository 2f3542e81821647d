"""Probes: is the process alive, can it answer, and what does it count."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from api.http.auth import Permission, needs
from api.http.reading import TheHouse, reading

router = APIRouter(tags=["operations"])


@router.get("/livez", dependencies=[needs(Permission.OPEN)], summary="The process runs")
async def livez() -> Response:
    return Response(orjson.dumps({"alive": True}), media_type="application/json")


@router.get("/readyz", dependencies=[needs(Permission.OPEN)], summary="The database answers; and how far the read models are behind")
def readyz(house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer({"ready": True, "position": now.position, "lag": now.lag})


@router.get("/metrics", dependencies=[needs(Permission.OPEN)], summary="Figures in Prometheus' text format")
def metrics(request: Request) -> Response:
    return Response(request.app.state.measures.text(), media_type=CONTENT_TYPE_LATEST)
