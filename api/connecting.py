"""The house's connections, made from the settings: doors for webhooks, lines that work them off, and a look at whether they work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Final

import httpx

from adapters.inbox.doors import Door, Doors
from adapters.inbox.lines import Inbox, Line
from adapters.inbox.quota import Turns
from adapters.inbox.turnstile import Turnstile
from adapters.platforms.port import ConnectionSettings, Platform, UnusableConnection
from adapters.platforms.registry import RATES, account_of, make_http, make_platform, orders_of
from adapters.vendor.answers import VendorError, VendorTrouble
from api.bootstrap import House, clock
from api.posting import check_erps, orders_at_erp, rate_of
from api.sealing import seal_of
from api.settings import Connection, Settings, SettingsError

log = logging.getLogger("returns_ledger")

# Whoever asks whether a connection works waits for the answer.
CHECK_SECONDS: Final = 5.0


def settings_of(connection: Connection, among: Sequence[Connection] = ()) -> ConnectionSettings:
    """A connection as the adapters know it; `among` are all of the house, where what else it has matters."""
    return ConnectionSettings(
        connection.name,
        connection.merchant,
        connection.platform,
        connection.base_url,
        connection.webhook_secret.get_secret_value() if connection.webhook_secret else None,
        {name: secret.get_secret_value() for name, secret in connection.credentials.items()},
        connection.mappings,
        connection.refunds_from,
        any(_posts(other, connection) for other in (connection, *among)),
    )


def _posts(other: Connection, connection: Connection) -> bool:
    """Does this other one have an ERP that books what `connection` tells, its own returns or those that it is the shop of?"""
    same = (other.merchant, other.platform) == (connection.merchant, connection.platform)
    return other.erp is not None and (same or other.refunds_from == connection.name)


def check_connections(settings: Settings) -> None:
    """Raises SettingsError, with the key, for a connection that its platform or its ERP cannot work with. Asks no vendor."""
    check_erps(settings)
    with make_http() as http:
        for connection in settings.connections:
            try:
                make_platform(settings_of(connection), http, _no_turn)
            except UnusableConnection as wrong:
                raise SettingsError(str(wrong)) from None


def make_doors(house: House) -> Doors:
    """A connection that cannot be used has no door: `run` does not start with one, a test may."""
    if not house.connections:
        return Doors(())
    # Nobody is asked from here, so that one client for all will do, and none need close it.
    http, seal, doors = make_http(), seal_of(house), []
    for connection in map(settings_of, house.connections):
        try:
            doors.append(Door(connection, make_platform(connection, http, _no_turn), seal, clock))
        except UnusableConnection as wrong:
            log.warning("webhooks: %s", wrong)
    return Doors(doors)


@contextmanager
def open_lines(house: House, stop: threading.Event, names: Sequence[str] | None = None) -> Iterator[tuple[Inbox, list[Line]]]:
    """Of all connections, or of those in `names`. Raises UnusableConnection or SealError."""
    with ExitStack() as stack:
        turnstile = stack.enter_context(Turnstile(house.url, house.schema))
        keep = timedelta(days=house.settings.inbox.keep_days)
        inbox = Inbox(house.ledger, house.pool, seal_of(house), clock, turnstile, keep)
        chosen = [connection for connection in house.connections if names is None or connection.name in names]
        yield inbox, [_line(house, inbox, connection, stop, stack) for connection in chosen]


def check_connection(house: House, connection: Connection) -> tuple[bool, str]:
    """Do its credentials work? What the platform says, and what to do where it says no."""
    try:
        with make_http() as http:
            http.timeout = httpx.Timeout(CHECK_SECONDS)
            return True, make_platform(settings_of(connection), http, _turns(house, connection, threading.Event())).check()
    except (VendorError, UnusableConnection) as wrong:
        return False, str(wrong)
    except Exception as broken:  # whatever a vendor's answer breaks, the other checks go on
        log.debug("doctor: %s broke", connection.name, exc_info=True)
        return False, f"our mistake: {type(broken).__name__}: {broken}"


def _line(house: House, inbox: Inbox, connection: Connection, stop: threading.Event, stack: ExitStack) -> Line:
    platform = platform_of(house, connection, stop, stack)
    shop = next((other for other in house.connections if other.name == connection.refunds_from), None)
    orders = orders_of(platform if shop is None else platform_of(house, shop, stop, stack)) or orders_at_erp(house, connection, stop, stack)
    refunds_for = [other.platform for other in house.connections if other.refunds_from == connection.name]
    poll = connection.poll if isinstance(connection.poll, timedelta) else None
    return Line(inbox, settings_of(connection, house.connections), platform, stop, poll=poll, orders=orders, refunds_for=refunds_for)


def platform_of(house: House, connection: Connection, stop: threading.Event, stack: ExitStack) -> Platform:
    http = stack.enter_context(make_http())
    return make_platform(settings_of(connection, house.connections), http, _turns(house, connection, stop))


def _turns(house: House, connection: Connection, stop: threading.Event) -> Callable[[], None]:
    rate = RATES[connection.platform]
    if connection.rate is not None:
        rate = rate_of(connection.rate)
    return Turns(house.pool, account_of(settings_of(connection)), rate, stop)


def _no_turn() -> None:
    raise VendorTrouble("no vendor is asked from here")
