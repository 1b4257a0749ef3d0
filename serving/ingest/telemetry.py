"""The figures of an ingest worker, and its HTTP pages."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.ingest.apply import Counts
from serving.ingest.watch import Seen
from serving.process.admin import Page, Reply
from serving.types import Ticks

STUCK_S = 60.0  # for a round; a worker that takes longer is no longer alive


class Rounds:
    """When the last round ended, well or not."""

    def __init__(self, ticks: Ticks = time.monotonic) -> None:
        self._ticks = ticks
        self._last, self.started = ticks(), False

    def ended(self) -> None:
        self._last, self.started = self._ticks(), True

    @property
    def stuck(self) -> bool:
        """Whether one is under way for longer than any should take; a round that fails does end."""
        return self._ticks() - self._last > STUCK_S


class Working(Protocol):
    """A worker, as far as it is told of."""

    counts: Counts
    rounds: Rounds

    @property
    def worked(self) -> int:
        """How many partitions' events it could work off the last time; 0 if it hangs."""
        ...

    @property
    def seen(self) -> Seen: ...

    def lag_s(self) -> float:
        """Age of the oldest event that is not in the rows yet, 0 if there is none."""
        ...


class OfIngest(Collector):
    """What isn't known has no figure."""

    def __init__(self, worker: Working) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        yield from self._of_events()
        yield from self._of_redis()

    def _of_events(self) -> Iterator[Metric]:
        worker = self._worker
        events = CounterMetricFamily(
            "recserve_ingest_events", "Events, by what became of them.", labels=["outcome"]
        )
        for outcome, count in sorted(worker.counts.of.items()):
            events.add_metric([outcome], count)
        yield events
        yield GaugeMetricFamily(
            "recserve_ingest_lag_seconds",
            "Age of the oldest event that is not in the rows yet.",
            worker.lag_s(),
        )
        yield GaugeMetricFamily(
            "recserve_ingest_partitions",
            "Partitions that the worker works off; not those whose events it can't get into the rows.",
            worker.worked,
        )
        yield GaugeMetricFamily(
            "recserve_ingest_poison_entries",
            "Entries of the worker's partitions that are no event, set aside until somebody removes them.",
            worker.seen.poison,
        )

    def _of_redis(self) -> Iterator[Metric]:
        seen = self._worker.seen
        at_us = seen.materialized_at_us
        yield GaugeMetricFamily(
            "recserve_materialized_age_seconds",
            "Since a materialisation succeeded.",
            None if at_us is None else time.time() - at_us / 1e6,
        )
        used = GaugeMetricFamily(
            "recserve_redis_memory_bytes", "Memory that Redis uses.", labels=["node"]
        )
        limit = GaugeMetricFamily(
            "recserve_redis_memory_limit_bytes", "Memory that it may use.", labels=["node"]
        )
        files = GaugeMetricFamily(
            "recserve_redis_file_ok",
            "1 if its file was written well the last time.",
            labels=["node", "file"],
        )
        for name, node in seen.nodes.items():
            used.add_metric([name], node.used_bytes)
            if node.limit_bytes is not None:
                limit.add_metric([name], node.limit_bytes)
            for file, ok in node.files.items():
                files.add_metric([name, file], ok)
        yield from (used, limit, files)


def ingest_pages(worker: Working) -> Mapping[str, Page]:
    """By path. Alive is a worker whose rounds end, ready one that has ended its first besides.

    Neither asks Redis: a round that fails for want of it ends. The lag tells of that.
    """
    registry, rounds = CollectorRegistry(), worker.rounds
    registry.register(OfIngest(worker))

    async def livez() -> Reply:
        if rounds.stuck:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"no round has ended for a minute\n")
        return Reply(HTTPStatus.OK, b"rounds end\n")

    async def readyz() -> Reply:
        if rounds.started:
            return await livez()
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"starting\n")

    async def figures() -> Reply:
        body = await asyncio.to_thread(generate_latest, registry)
        return Reply(HTTPStatus.OK, body, CONTENT_TYPE_LATEST)

    return {"/livez": livez, "/readyz": readyz, "/metrics": figures}
