"""Where a flow acknowledges what it was told to do: kept durably, and only then answered with 202."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from adapters.erps.patchworks.acks import Ack, read_acks
from adapters.erps.patchworks.kept_acks import keep_acks
from adapters.files.exact_json import loads
from api.bootstrap import House, clock
from api.http.auth import Permission, needs
from api.http.problems import Problem
from api.http.reading import TheHouse, connection
from api.http.segments import Part
from api.http.wrapping import MOST_BODY_BYTES
from api.settings import Erp

router = APIRouter(tags=["acknowledgements"])
# A batch of commands may be acknowledged together.
_MOST_ACKS: Final = 1_000
_NOWHERE: Final = "No ERP of this house takes acknowledgements at this address."


@router.post(
    "/acks/{erp}/{secret}",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[needs(Permission.OPEN)],
    summary="Say what became of a command",
    response_model=None,
)
async def acknowledge(
    house: TheHouse,
    request: Request,
    erp: Annotated[Part, Path(description="The ERP's name in the configuration.")],
    secret: Annotated[Part, Path(description="Its credential `ack_secret`.")],
) -> Response:
    """For ERPs that a flow stands before (Patchworks): one acknowledgement or a list of them, as `acknowledgement.schema.json` has it.

    The same one may be sent any number of times.
    """
    account = next((one for one in house.settings.erps if one.name == erp), None)
    if account is None or not _leads_in(account, secret):
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-erp", _NOWHERE)
    acks = _read(await _body(request))
    await run_in_threadpool(_keep, house, account.name, acks)
    return Response(status_code=HTTPStatus.ACCEPTED)


def _keep(house: House, erp: str, acks: list[Ack]) -> None:
    with connection(house) as conn:
        keep_acks(conn, erp, acks, clock())


def _read(body: bytes) -> list[Ack]:
    try:
        acks = read_acks(loads(body.decode()))
    except (ValueError, RecursionError):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "not-json", "The body is no JSON; send an acknowledgement, or a list of them."
        ) from None
    if not acks or len(acks) > _MOST_ACKS:
        said = f"The body holds {len(acks) or 'no'} acknowledgements; each has command_id (rl-…) and status, {_MOST_ACKS} at most."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-acknowledgement", said)
    return acks


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY_BYTES:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"A request may carry {MOST_BODY_BYTES} bytes at most.")
    return body


def _leads_in(account: Erp, secret: str) -> bool:
    """In constant time. Without a secret nothing leads in."""
    known = account.credentials.get("ack_secret")
    return known is not None and hmac.compare_digest(known.get_secret_value().encode(), secret.encode())
