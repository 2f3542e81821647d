"""The hands that have platforms release refunds and tell shops what may be sold, for the connections that post: if ever."""

from __future__ import annotations

from contextlib import ExitStack

from adapters.outbox.availability import Publisher
from adapters.outbox.releasing import ReleasingHand
from adapters.outbox.running import Desk
from adapters.outbox.shop import Shop
from adapters.outbox.terms import connection_account
from adapters.outbox.worker import Worker
from adapters.platforms.port import Stocking
from api.bootstrap import House
from api.connecting import platform_of
from api.posting import erp_hand, publishing_connections, settle_of
from api.settings import Connection


def release_desks(house: House, shop: Shop, stack: ExitStack) -> list[Desk]:
    """Raises UnusableConnection."""
    desks = []
    for connection in house.connections:
        if connection.erp is not None:
            hand = ReleasingHand(connection.name, platform_of(house, connection, shop.stop, stack))
            account = connection_account(connection.name)
            publisher = _publisher(house, connection, shop, stack)
            publishers = [publisher] if publisher is not None else []
            desks.append(Desk(account, [Worker(shop, connection.name, hand, account=account)], publishers=publishers))
    return desks


def _publisher(house: House, connection: Connection, shop: Shop, stack: ExitStack) -> Publisher | None:
    """Tells the connection's shop what may be sold, where its `mappings.availability` says of which locations."""
    told = publishing_connections(house).get(connection.name)
    erp = next((one for one in house.settings.erps if one.name == connection.erp), None)
    if told is None or erp is None:
        return None
    platform = platform_of(house, told, shop.stop, stack)
    if not isinstance(platform, Stocking):
        return None
    places = told.mappings["availability"]
    return Publisher(shop, [connection.name], erp_hand(house, erp, shop, stack), platform, places, settle_of(erp))
