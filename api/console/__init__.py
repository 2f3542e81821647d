"""The console: the ledger as pages, for finance, operations and auditors."""

import threading

from fastapi import FastAPI

from api.bootstrap import House
from api.console import acting, audit, books, bulk, bundles, gaps, home, lines, live, notices, returns, signing, views, work
from api.console.badge import Badge
from api.console.keeping import Kept
from api.console.overview import Counted
from api.console.rendering import Elsewhere, error_page, go_elsewhere
from projections.trial_balance import TrialBalance


def install(app: FastAPI) -> None:
    """Pages, and errors as pages where a browser asks. Whoever stops the server sets `app.state.drain` first: open streams then end."""
    house: House = app.state.house
    app.state.badges, app.state.counted, app.state.error_page = Kept[Badge](), Kept[Counted](), error_page
    app.state.balances = Kept[list[TrialBalance]]()
    app.state.pulse, app.state.drain = live.Pulse(house), threading.Event()
    for room in (home, gaps, returns, views, books, work, acting, bulk, lines, notices, audit, live, signing, bundles):
        app.include_router(room.router)
    app.add_exception_handler(Elsewhere, go_elsewhere)


__all__ = ["install"]
