"""The web application: the API and the console over one open house."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI

from adapters.inbox.writer import GroupWriter
from api import console
from api.bootstrap import House
from api.connecting import make_doors
from api.http import acks, audit, deciding, description, exports, gaps, health, inbox, outbox, problems, proofs, returns
from api.http.asking import refuse_repeats
from api.http.measuring import Measures
from api.http.segments import KeepSlashes
from api.http.webhooks import Webhooks
from api.http.wrapping import Wrapping


def make_app(house: House, *, demo: bool, keys_needed: bool) -> FastAPI:
    """`house` is open and stays open as long as the application serves. With `keys_needed` every /api route asks for a key."""
    writer = GroupWriter(house.url, house.schema)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await writer.close()

    app = FastAPI(
        title="Returns Ledger",
        summary=description.SUMMARY,
        description=description.ABOUT,
        version=version("returns-ledger"),
        openapi_url=None,  # its route asks for a key as all the others do
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        dependencies=[Depends(refuse_repeats)],
        responses=description.told_problems(),
    )
    app.state.house, app.state.demo, app.state.keys_needed = house, demo, keys_needed
    app.state.measures = Measures(house)
    for room in (gaps, returns, proofs, exports, inbox, outbox, acks, deciding, audit, description, health):
        app.include_router(room.router)
    console.install(app)
    problems.install(app)
    app.add_middleware(Wrapping, measures=app.state.measures)
    app.add_middleware(KeepSlashes)
    app.add_middleware(Webhooks, doors=make_doors(house), writer=writer, measures=app.state.measures)
    return app
