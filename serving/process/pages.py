"""What the supervisor answers over HTTP."""

import asyncio
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from serving.process.admin import Page, Reply
from serving.process.supervisor import Supervisor


class OfSupervisor(Collector):
    """The supervisor's own figures."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "recserve_workers_serving", "Workers that answer calls.", self._supervisor.serving
        )
        yield CounterMetricFamily(
            "recserve_worker_restarts", "Workers replaced.", self._supervisor.restarts
        )


def gateway_pages(supervisor: Supervisor, metrics: Path) -> Mapping[str, Page]:
    """By path; `metrics` is the folder of the workers' figures."""
    registry = CollectorRegistry()
    registry.register(OfSupervisor(supervisor))
    MultiProcessCollector(registry, str(metrics))  # type: ignore[no-untyped-call]

    async def livez() -> Reply:
        return Reply(HTTPStatus.OK, b"the supervisor's loop turns\n")

    async def readyz() -> Reply:
        if supervisor.draining:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"draining\n")
        ready = HTTPStatus.OK if supervisor.serving else HTTPStatus.SERVICE_UNAVAILABLE
        body = f"{supervisor.serving} of {supervisor.count} workers serve\n"
        return Reply(ready, body.encode())

    async def figures() -> Reply:
        body = await asyncio.to_thread(generate_latest, registry)
        return Reply(HTTPStatus.OK, body, CONTENT_TYPE_LATEST)

    return {"/livez": livez, "/readyz": readyz, "/metrics": figures}
