"""The figures of an ingest worker, and its HTTP pages."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.ingest.apply import Counts
from serving.process.admin import Page, Reply
from serving.types import Ticks

STUCK_S = 60.0  # for a round; a worker that takes longer is no longer alive


class OfIngest(Collector):
    """`lag_s` is the age of the oldest event that is not in the rows yet, 0 if there is none."""

    def __init__(self, counts: Counts, lag_s: Callable[[], float]) -> None:
        self._counts, self._lag_s = counts, lag_s

    def collect(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "recserve_ingest_events", "Events, by what became of them.", labels=["outcome"]
        )
        for outcome, count in sorted(self._counts.of.items()):
            events.add_metric([outcome], count)
        yield events
        yield GaugeMetricFamily(
            "recserve_ingest_lag_seconds",
            "Age of the oldest event that is not in the rows yet.",
            self._lag_s(),
        )


class Rounds:
    """When the last round ended, and how."""

    def __init__(self, ticks: Ticks = time.monotonic) -> None:
        self._ticks = ticks
        self._last, self.good = ticks(), False

    def ended(self, *, good: bool) -> None:
        self._last, self.good = self._ticks(), good

    @property
    def stuck(self) -> bool:
        """Whether one is under way for longer than any should take; a round that fails does end."""
        return self._ticks() - self._last > STUCK_S


def ingest_pages(counts: Counts, lag_s: Callable[[], float], rounds: Rounds) -> Mapping[str, Page]:
    """By path. Alive is a worker whose rounds end, ready one whose last round did what it should."""
    registry = CollectorRegistry()
    registry.register(OfIngest(counts, lag_s))

    async def livez() -> Reply:
        if rounds.stuck:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"no round has ended for a minute\n")
        return Reply(HTTPStatus.OK, b"rounds end\n")

    async def readyz() -> Reply:
        if rounds.good:
            return Reply(HTTPStatus.OK, b"working\n")
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"starting, or the last round failed\n")

    async def figures() -> Reply:
        body = await asyncio.to_thread(generate_latest, registry)
        return Reply(HTTPStatus.OK, body, CONTENT_TYPE_LATEST)

    return {"/livez": livez, "/readyz": readyz, "/metrics": figures}
