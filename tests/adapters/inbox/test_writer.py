"""Storing many at once: each sender hears how his own delivery fared, whatever breaks for the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from adapters.inbox.store import Arrival, arrive
from adapters.inbox.writer import GroupWriter, InboxUnavailable
from adapters.platforms.port import Delivery, Label
from tests.adapters.inbox.conftest import Bench


def arrivals(bench: Bench, count: int) -> list[Arrival]:
    return [
        arrive(Delivery("uk", "news", bench.clock(), {}, str(n).encode()), "acme", Label("news", str(n)), bench.seal) for n in range(count)
    ]


async def put_all(writer: GroupWriter, told: list[Arrival]) -> list[BaseException | None]:
    return await asyncio.gather(*(writer.put(one) for one in told), return_exceptions=True)


def stored(bench: Bench) -> int:
    return len(bench.rows())


def test_what_comes_together_is_stored_together(bench: Bench) -> None:
    async def play() -> None:
        writer = GroupWriter(bench.house.url, bench.house.schema)
        assert await put_all(writer, arrivals(bench, 1_200)) == [None] * 1_200
        assert await put_all(writer, arrivals(bench, 10)) == [None] * 10
        await writer.close()

    asyncio.run(play())
    with bench.house.connection() as conn:
        found = conn.execute("SELECT count(*), count(DISTINCT xmin::text) FROM inbox").fetchone()
    assert found is not None
    assert found[0] == 1_200
    assert found[1] <= 20, "in a few transactions"


def test_one_that_cannot_be_stored_does_not_hinder_the_others(bench: Bench) -> None:
    told = arrivals(bench, 5)
    told[2] = replace(told[2], headers="no JSON")

    async def play() -> list[BaseException | None]:
        writer = GroupWriter(bench.house.url, bench.house.schema)
        try:
            return await put_all(writer, told)
        finally:
            await writer.close()

    answers = asyncio.run(play())
    assert [type(answer) for answer in answers] == [type(None), type(None), InboxUnavailable, type(None), type(None)]
    assert stored(bench) == 4


def test_without_a_database_everybody_hears_it(bench: Bench) -> None:
    async def play() -> list[BaseException | None]:
        writer = GroupWriter("postgresql://127.0.0.1:9/nobody", bench.house.schema)
        try:
            return await put_all(writer, arrivals(bench, 3))
        finally:
            await writer.close()

    assert [type(answer) for answer in asyncio.run(play())] == [InboxUnavailable] * 3


def test_no_more_wait_than_memory_allows(bench: Bench) -> None:
    async def play() -> list[BaseException | None]:
        writer = GroupWriter(bench.house.url, bench.house.schema, most_waiting=20)
        try:
            return await put_all(writer, arrivals(bench, 30))
        finally:
            await writer.close()

    answers = asyncio.run(play())
    assert sum(answer is None for answer in answers) == 20 == stored(bench)


def test_it_goes_on_in_another_loop(bench: Bench) -> None:
    writer = GroupWriter(bench.house.url, bench.house.schema)
    for one in arrivals(bench, 2):
        asyncio.run(writer.put(one))
    asyncio.run(writer.close())
    assert stored(bench) == 2


def test_a_202_is_on_disk_whatever_the_database_does_by_default(bench: Bench) -> None:
    async def play() -> str:
        writer = GroupWriter(bench.house.url, bench.house.schema)
        conn = await writer._hands[0].connection()
        found = await (await conn.execute("SHOW synchronous_commit")).fetchone()
        await writer.close()
        return str(found[0]) if found else ""

    assert asyncio.run(play()) == "on"
