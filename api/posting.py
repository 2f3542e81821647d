"""The house's ERPs, made from the settings: what instructions go by, the hands that carry them out, and whether they work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Final

import httpx

from adapters.erps.alone import InDatabase
from adapters.erps.orders import ErpOrders
from adapters.erps.port import Erp as ErpAtWork
from adapters.erps.port import ErpSettings, WaitTurn
from adapters.erps.registry import ACKNOWLEDGED_LATER, UnusableErp, make_erp, make_http, quota_account, rates_of
from adapters.inbox.turnstile import Turnstile
from adapters.outbox.batches import Proof
from adapters.outbox.decider import Decider
from adapters.outbox.drift import Drift
from adapters.outbox.running import Desk, Outbox
from adapters.outbox.shop import Shop
from adapters.outbox.terms import PostingTimes, Terms, TermsOf, connection_account, erp_account
from adapters.outbox.worker import SETTLE, Worker
from adapters.policies import policies_in_force
from adapters.vendor.answers import VendorError, VendorTrouble
from adapters.vendor.quota import MethodTurns, Rate
from api.bootstrap import House, clock
from api.settings import Connection, Erp, Posting, Settings, SettingsError
from domain.policy import Policy
from domain.telling import ReturnKey

log = logging.getLogger("returns_ledger")

# Whoever asks whether an ERP works waits for the answer.
CHECK_SECONDS: Final = 5.0
# Several for each account: while one waits for an answer, another is sent. The account's quota holds for all of them.
WORKERS: Final = 2
# A webhook that is read waits no longer for the account's turn: it is read again.
ORDER_SECONDS: Final = 5.0
# A command of several calls waits for its turn in the middle rather than being left half done.
PATIENCE_SECONDS: Final = 120.0
MoreDesks = Callable[[House, Shop, ExitStack], list[Desk]]
_UNITS: Final = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_MOST_AT_ONCE: Final = 10


def rate_of(written: str) -> Rate:
    """`50/min` → so many calls in that time, and ten of them at once."""
    calls, _, unit = written.partition("/")
    return Rate(int(calls), _UNITS[unit], min(int(calls), _MOST_AT_ONCE))


def erps_of(house: House) -> list[Erp]:
    """Those that a connection of the house posts to."""
    named = {connection.erp for connection in house.connections}
    return [erp for erp in house.settings.erps if erp.name in named]


def check_erps(settings: Settings) -> None:
    """Raises SettingsError, with the key, for an ERP that cannot be used. Asks no vendor."""
    named = {connection.erp for connection in settings.connections}
    with make_http() as http:
        for erp in settings.erps:
            if erp.name in named:
                try:
                    make_erp(erp.told(), http, _no_turn)
                except UnusableErp as wrong:
                    raise SettingsError(str(wrong)) from None


def terms_of(house: House) -> TermsOf:
    """By merchant and platform: the connection that posts, its policy in force and when its credit notes go."""
    by_party: dict[tuple[str, str], Terms] = {}
    for connection in house.connections:
        if connection.erp is not None:
            by_party[connection.merchant, connection.platform] = _terms(house, connection)

    def asked(key: ReturnKey) -> Terms | None:
        return by_party.get((key.merchant, key.platform))

    return asked


def _renewing(house: House) -> Callable[[], tuple[TermsOf, str]]:
    """Somebody may adopt another policy while the house runs."""
    known = (terms_of(house), house.policies.digest())

    def renew() -> tuple[TermsOf, str]:
        nonlocal known
        with house.connection() as conn:
            found = policies_in_force(conn)
        if found.digest() != known[1]:
            house.policies = found
            known = (terms_of(house), found.digest())
        return known

    return renew


def _terms(house: House, connection: Connection) -> Terms:
    merchant, platform = connection.merchant, connection.platform
    policy: Policy = house.policies.policy_of(ReturnKey(merchant, platform, ""))
    posting = connection.policy.credit_note_posting
    times = PostingTimes(posting.at, posting.timezone) if isinstance(posting, Posting) else None
    return Terms(connection.name, policy, house.policies.version_of(merchant, platform), times)


def accounts_of(house: House) -> Mapping[str, str]:
    """What kind each account of the outbox is."""
    erps = {erp_account(erp.name): erp.kind for erp in erps_of(house)}
    return erps | {connection_account(c.name): c.platform for c in house.connections if c.erp is not None}


def account_named(house: House, name: str) -> str | None:
    """The account of an ERP, or of a connection, whose instructions can be paused."""
    if any(erp.name == name for erp in house.settings.erps):
        return erp_account(name)
    return connection_account(name) if any(connection.name == name for connection in house.connections) else None


@contextmanager
def open_outbox(house: House, stop: threading.Event, more: MoreDesks | None = None) -> Iterator[Outbox]:
    """All that carries out what is decided; `more` makes desks beside those of the ERPs. Raises UnusableErp."""
    with ExitStack() as stack:
        turnstile = stack.enter_context(Turnstile(house.url, house.schema))
        shop = Shop(house.ledger, house.pool, clock, stop)
        decider = Decider(house.ledger, house.pool, clock, terms_of(house), house.policies.digest(), renew=_renewing(house))
        desks = [_desk(house, erp, shop, stack) for erp in erps_of(house)] + (more(house, shop, stack) if more is not None else [])
        yield Outbox(shop, turnstile, decider, desks)


def orders_at_erp(house: House, connection: Connection, stop: threading.Event, stack: ExitStack) -> ErpOrders | None:
    """Original orders as the connection's ERP has them; None where it posts to none. Raises UnusableErp."""
    erp = next((one for one in house.settings.erps if one.name == connection.erp), None)
    if erp is None:
        return None
    shop = Shop(house.ledger, house.pool, clock, stop)
    return ErpOrders(make_erp(erp.told(), stack.enter_context(make_http()), _turns(shop, erp, ORDER_SECONDS), house.pool), clock)


def check_erp(house: House, erp: Erp) -> tuple[bool, str]:
    """Do its credentials work? What it says, and what to do where it says no."""
    try:
        with make_http() as http:
            http.timeout = httpx.Timeout(CHECK_SECONDS)
            shop = Shop(house.ledger, house.pool, clock)
            return True, make_erp(erp.told(), http, _turns(shop, erp, 5.0), house.pool).check()
    except (VendorError, UnusableErp) as wrong:
        return False, str(wrong)
    except Exception as broken:  # whatever a vendor's answer breaks, the other checks go on
        log.debug("doctor: %s broke", erp.name, exc_info=True)
        return False, f"our mistake: {type(broken).__name__}: {broken}"


def quota_left(house: House, erp: Erp) -> str:
    """How much of its rate is free, in a few words; nothing where nobody counts."""
    settings = erp.told()
    rates = rates_of(settings, rate_of(erp.rate) if erp.rate is not None else None)
    if rates is None:
        return ""
    account, rate = quota_account(settings), rates("")
    with house.connection() as conn:
        found = conn.execute(
            _LEAST_LEFT, {"account": account, "under": f"{account}/%", "rate": rate.per_second, "burst": rate.burst}
        ).fetchone()
    left = rate.burst if found is None or found[0] is None else min(rate.burst, float(found[0]))
    return f"; {rate.calls:g} calls in {rate.per.total_seconds():g} s, {max(0.0, left):.0f} of {rate.burst:g} free at once"


def erp_hand(house: House, erp: Erp, shop: Shop, stack: ExitStack) -> ErpAtWork:
    """For one thread. Raises UnusableErp."""
    turns, alone = _turns(shop, erp, PATIENCE_SECONDS), stack.enter_context(InDatabase(house.url))
    return make_erp(erp.told(), stack.enter_context(make_http()), turns, house.pool, alone)


def settle_of(erp: Erp) -> timedelta:
    return erp.settle if erp.settle is not None else SETTLE


def publishing_connections(house: House) -> dict[str, Connection]:
    """Those that post, by name, each with the shop that is told what may be sold: its own, or that of `refunds_from`, where it says how."""
    by_name = {connection.name: connection for connection in house.connections}
    shops = {name: by_name.get(one.refunds_from or name, one) for name, one in by_name.items() if one.erp is not None}
    return {name: shop for name, shop in shops.items() if shop.platform == "shopify" and shop.mappings.get("availability")}


def _desk(house: House, erp: Erp, shop: Shop, stack: ExitStack) -> Desk:
    every = erp.poll if isinstance(erp.poll, timedelta) else None
    later = erp.kind in ACKNOWLEDGED_LATER

    def hand() -> ErpAtWork:
        return erp_hand(house, erp, shop, stack)

    settle, publishing = settle_of(erp), frozenset(publishing_connections(house))
    workers = [
        Worker(shop, erp.name, hand(), every, acknowledged_later=later, settle=settle, publishing=publishing) for _ in range(WORKERS)
    ]
    merchants = sorted({connection.merchant for connection in house.connections if connection.erp == erp.name})
    drift = None if every is None else Drift(shop, erp.name, hand(), merchants, every, settle)
    return Desk(erp_account(erp.name), workers, drift, Proof(shop, erp.name, hand()) if drift is not None else None)


def _turns(shop: Shop, erp: Erp, patience: float) -> WaitTurn:
    settings: ErpSettings = erp.told()
    rates = rates_of(settings, rate_of(erp.rate) if erp.rate is not None else None)
    turns: Callable[[str], None] = (
        _no_wait if rates is None else MethodTurns(shop.pool, quota_account(settings), rates, shop.stop, patience)
    )

    def wait_turn(method: str) -> None:
        turns(method)
        shop.still_ours()

    return wait_turn


def _no_wait(_: str) -> None:
    """Nobody counts its calls."""


def _no_turn(_: str) -> None:
    raise VendorTrouble("no ERP is asked from here")


_LEAST_LEFT = """
    SELECT min(tokens + greatest(0, extract(epoch FROM clock_timestamp() - updated_at)) * %(rate)s) FROM api_quota
    WHERE account = %(account)s OR account LIKE %(under)s"""
