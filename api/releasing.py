"""The hands that have platforms release refunds, for the connections that post: their policy says when, if ever."""

from __future__ import annotations

from contextlib import ExitStack

from adapters.outbox.releasing import ReleasingHand
from adapters.outbox.running import Desk
from adapters.outbox.shop import Shop
from adapters.outbox.terms import connection_account
from adapters.outbox.worker import Worker
from api.bootstrap import House
from api.connecting import platform_of


def release_desks(house: House, shop: Shop, stack: ExitStack) -> list[Desk]:
    """Raises UnusableConnection."""
    desks = []
    for connection in house.connections:
        if connection.erp is not None:
            hand = ReleasingHand(connection.name, platform_of(house, connection, shop.stop, stack))
            account = connection_account(connection.name)
            desks.append(Desk(account, [Worker(shop, connection.name, hand, account=account)]))
    return desks
