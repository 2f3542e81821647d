"""What Hypothesis draws: money, worlds and histories of returns, policies, other orders of the same facts, and cuts into batches.

Few examples by default, so that all tests are run often. `HYPOTHESIS_PROFILE=thorough` draws fifty times as many.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from domain.money import CURRENCIES, MAX_MINOR
from domain.policy import Policy
from domain.returns import Recorded
from tests.oracle.worlds import DISPOSITIONS, UNMAPPED, world
from tests.recording import record

Item = TypeVar("Item")

_TIMES = 50 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 1
TICK = timedelta(microseconds=1)


def examples(count: int) -> settings:
    """So many examples; a slow machine is no failure, and a schema that stays from one example to the next is meant to."""
    return settings(
        max_examples=count * _TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )


# Money

CURRENCY = st.sampled_from(sorted(CURRENCIES))
MINOR = st.one_of(st.integers(0, 99_999), st.integers(0, MAX_MINOR), st.just(MAX_MINOR))
SIGNED_MINOR = st.one_of(MINOR, MINOR.map(lambda minor: -minor))


# What is told of returns

SEED = st.integers(0, 2**32 - 1)


def worlds(most_returns: int = 4) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Facts of some returns as they are told: late, twice, in any order, none of them in conflict with another."""
    return st.builds(world, SEED, st.integers(1, most_returns))


def histories() -> st.SearchStrategy[list[Recorded]]:
    """The facts of one return, each once."""
    return st.builds(lambda seed: next(iter(record(world(seed, 1)).values()), []), SEED).filter(bool)


def permuted(events: Sequence[Recorded]) -> st.SearchStrategy[list[Recorded]]:
    """The same facts, recorded in another order: their versions are others, their instants stay."""
    return st.permutations(events).map(lambda order: [replace(event, version=number) for number, event in enumerate(order, 1)])


@st.composite
def at_few_instants(draw: st.DrawFn, events: Sequence[Recorded]) -> list[Recorded]:
    """The same facts, crowded onto at most three instants, so that many fall together; some just when missing units become short."""
    first = draw(st.sampled_from([event.occurred_at for event in events]))
    later = draw(st.lists(st.sampled_from((timedelta(0), TICK, timedelta(days=3), timedelta(days=14))), max_size=2))
    instants = [first, *(first + passed for passed in later)]
    return [replace(event, occurred_at=draw(st.sampled_from(instants))) for event in events]


@st.composite
def split(draw: st.DrawFn, items: Sequence[Item]) -> list[list[Item]]:
    """The same items in the same order, cut into batches, none of them empty."""
    cuts = sorted(draw(st.sets(st.integers(1, len(items) - 1), max_size=12))) if len(items) > 1 else []
    return [list(items[start:end]) for start, end in zip([0, *cuts], [*cuts, len(items)], strict=True)]


def moments_of(events: Sequence[Recorded]) -> st.SearchStrategy[datetime]:
    """Instants at which something may have changed, and those just beside them."""
    told = sorted({event.occurred_at for event in events})
    nearby = (-TICK, timedelta(0), TICK, timedelta(days=14) - TICK, timedelta(days=14), timedelta(days=30))
    return st.builds(lambda at, later: at + later, st.sampled_from(told), st.sampled_from(nearby))


# What merchants decide

_DAYS = st.integers(0, 30).map(lambda days: timedelta(days=days))
_TREATMENT = st.sampled_from(("restock", "write_off", "hold")).map(lambda action: {"action": action})


def policies() -> st.SearchStrategy[Policy]:
    """Policies that judge gaps in other ways than the default one does."""
    return st.builds(
        Policy,
        short_after=_DAYS,
        tolerance=st.fixed_dictionaries({}, optional={"GBP": st.sampled_from(("0", "0.01", "5.00")), "JPY": st.just("100")}),
        exchange_order_on=st.sampled_from(("initiated", "scanned", "received", "inspected", "never")),
        dispositions=st.dictionaries(st.sampled_from((*DISPOSITIONS, *UNMAPPED)), _TREATMENT, max_size=3),
        payouts=st.booleans(),
        payout_after=_DAYS,
    )
