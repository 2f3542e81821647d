"""The web application: the API and the console over one open house."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import Depends, FastAPI

from api import console
from api.bootstrap import House
from api.http import description, exports, gaps, health, problems, proofs, returns
from api.http.asking import refuse_repeats
from api.http.measuring import Measures
from api.http.segments import KeepSlashes
from api.http.wrapping import Wrapping


def make_app(house: House, *, demo: bool, keys_needed: bool) -> FastAPI:
    """`house` is open and stays open as long as the application serves. With `keys_needed` every /api route asks for a key."""
    app = FastAPI(
        title="Returns Ledger",
        summary=description.SUMMARY,
        description=description.ABOUT,
        version=version("returns-ledger"),
        openapi_url=None,  # its route asks for a key as all the others do
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(refuse_repeats)],
        responses=description.told_problems(),
    )
    app.state.house, app.state.demo, app.state.keys_needed = house, demo, keys_needed
    app.state.measures = Measures(house)
    for room in (gaps, returns, proofs, exports, description, health):
        app.include_router(room.router)
    console.install(app)
    problems.install(app)
    app.add_middleware(Wrapping, measures=app.state.measures)
    app.add_middleware(KeepSlashes)
    # The pool waits longer after each failed attempt; begun anew every few seconds, it notices soon that a server is back.
    house.pool.reconnect_timeout = 5.0
    return app
