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

STUCK_S = 60.0  # without a finished round, a worker is no longer alive


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


def ingest_pages(
    counts: Counts, lag_s: Callable[[], float], finished: Callable[[], float]
) -> Mapping[str, Page]:
    """By path; `finished` gives the monotonic time of the last round, 0 before the first."""
    registry = CollectorRegistry()
    registry.register(OfIngest(counts, lag_s))

    async def livez() -> Reply:
        if finished() and time.monotonic() - finished() > STUCK_S:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"no round was finished for a minute\n")
        return Reply(HTTPStatus.OK, b"rounds are finished\n")

    async def readyz() -> Reply:
        ready = HTTPStatus.OK if finished() else HTTPStatus.SERVICE_UNAVAILABLE
        return Reply(ready, b"working\n" if finished() else b"starting\n")

    async def figures() -> Reply:
        body = await asyncio.to_thread(generate_latest, registry)
        return Reply(HTTPStatus.OK, body, CONTENT_TYPE_LATEST)

    return {"/livez": livez, "/readyz": readyz, "/metrics": figures}
