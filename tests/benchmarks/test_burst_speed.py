"""How fast a burst is worked off that came while nobody worked: read, recorded and written back."""

from __future__ import annotations

import pytest

from tests.adapters.inbox.conftest import Bench, bench  # noqa: F401 (a fixture)
from tests.adapters.inbox.test_burst import burst, work_off

pytestmark = pytest.mark.benchmark
RETURNS = 5_000


def test_how_fast_a_burst_is_worked_off(bench: Bench) -> None:  # noqa: F811 (a fixture)
    took = work_off(bench, burst(bench, RETURNS), RETURNS)
    print(f"\n{2 * RETURNS:,} deliveries worked off in {took:.1f} s: {2 * RETURNS / took:,.0f} deliveries/s")
