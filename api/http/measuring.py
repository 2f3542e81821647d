"""What a monitoring system reads at /metrics: the house's own figures, and the requests that this process answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Final

import psycopg
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from adapters.event_store import LedgerError
from adapters.outbox.figures import BREAKERS, AccountFigures, outbox_figures
from adapters.outbox.undecided import count_undecided
from api.bootstrap import House, moment
from api.http.reading import reading
from api.posting import accounts_of
from projections.gap_register import GapFilter
from projections.summary import summary

# However often it is scraped, the register is counted once in so many seconds.
FRESH_SECONDS: Final = 5.0
# When a counter was made is of use to nobody here, and doubles what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Measures:
    """The figures of one process."""

    def __init__(self, house: House) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "returns_ledger_http_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "returns_ledger_http_request_seconds", "Time to the end of the answer.", ("route",), buckets=_BUCKETS, registry=self._registry
        )
        self._registry.register(_HouseFigures(house))

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method if method in ("GET", "HEAD", "POST") else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


class _HouseFigures(Collector):
    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._figures: list[GaugeMetricFamily] = []
        self._read_at = float("-inf")

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing is asked of the database to say what there is."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._figures = self._read()
                self._read_at = time.monotonic()
            yield from self._figures

    def _read(self) -> list[GaugeMetricFamily]:
        up = GaugeMetricFamily("returns_ledger_database_up", "1 while the database answers.")
        try:
            with reading(self._house) as now:
                rows = summary(now.conn, GapFilter(), moment())
                aside = now.conn.execute("SELECT count(*) FROM set_aside").fetchone()
                undecided = count_undecided(now.conn)
                outbox = outbox_figures(now.conn, accounts_of(self._house))
        except (psycopg.Error, LedgerError):
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        figures = [up]
        for name, meaning, value in (
            ("events", "Events in the log.", now.position + now.lag),
            ("projection_position", "Up to which event the read models are folded.", now.position),
            ("projection_lag_events", "Events that are recorded and not folded yet.", now.lag),
            ("set_aside_returns", "Returns whose facts broke the projection.", aside[0] if aside else 0),
            ("undecided_returns", "Returns that nothing could be decided on.", undecided),
        ):
            figure = GaugeMetricFamily(f"returns_ledger_{name}", meaning)
            figure.add_metric((), value)
            figures.append(figure)
        counted: dict[tuple[str, str], int] = {}
        for row in rows:
            counted[row["kind"], row["owner"]] = counted.get((row["kind"], row["owner"]), 0) + row["count"]
        gaps = GaugeMetricFamily("returns_ledger_open_gaps", "Open gaps.", labels=("kind", "owner"))
        for (kind, owner), count in sorted(counted.items()):
            gaps.add_metric((kind, owner), count)
        return [*figures, gaps, *_of_accounts(outbox)]


def _of_accounts(rows: list[AccountFigures]) -> list[GaugeMetricFamily]:
    instructions = GaugeMetricFamily(
        "returns_ledger_outbox_instructions",
        "Instructions that are not done: pending, leased, waiting for their cause, of unknown outcome, dead.",
        labels=("account", "state"),
    )
    oldest = GaugeMetricFamily("returns_ledger_outbox_oldest_seconds", "How long the oldest one has been due.", labels=("account",))
    breaker = GaugeMetricFamily("returns_ledger_outbox_breaker", "1 for the state of the circuit breaker.", labels=("account", "state"))
    paused = GaugeMetricFamily("returns_ledger_outbox_paused", "1 where somebody paused it.", labels=("account",))
    for row in rows:
        for state, count in row.counts.items():
            instructions.add_metric((row.account, state), count)
        oldest.add_metric((row.account,), row.oldest_seconds)
        for state in BREAKERS:
            breaker.add_metric((row.account, state), int(row.breaker == state))
        paused.add_metric((row.account,), int(row.paused))
    return [instructions, oldest, breaker, paused]
