"""The console: the ledger as pages, for finance, operations and auditors."""

from fastapi import FastAPI

from api.console.badge import Badge
from api.console.keeping import Kept
from api.console.overview import Counted
from api.console.pages import Elsewhere, go_elsewhere, router
from api.console.rendering import error_page


def install(app: FastAPI) -> None:
    """Pages, and errors as pages where a browser asks."""
    app.state.badges, app.state.counted, app.state.error_page = Kept[Badge](), Kept[Counted](), error_page
    app.include_router(router)
    app.add_exception_handler(Elsewhere, go_elsewhere)


__all__ = ["install"]
