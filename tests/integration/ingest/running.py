"""A real ingest worker, run as its user would."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.clients.events import RedisEventStreams
from serving.features.layout import Layout, layout_of
from serving.features.redis_keys import row_key
from serving.triton.ports import free_ports
from tests.fakes.event_views import HISTORY, listed, logged
from tests.integration.gateway import tiny
from tests.integration.gateway.running import (
    PATIENCE_S,
    ROOT,
    RedisClient,
    eventually,
    figure,
    page,
)
from tests.integration.ingest.conftest import LONG_S, ROOM, new_event

LAYOUT: Layout = layout_of(HISTORY["columns"])


@dataclass(frozen=True, slots=True)
class Ingest:
    """`log` holds all that it has said."""

    process: subprocess.Popen[bytes]
    http: str
    log: Path

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.said()
            return page(self.http + "/readyz")[0] == 200

        eventually(ready, "the ingest worker is ready")

    def figure(self, name: str, **labels: str) -> float:
        return figure(page(self.http + "/metrics")[1], name, labels)

    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


def settings_beside(gateway: dict[str, str], folder: Path) -> dict[str, str]:
    """Of a worker on the bundle, snapshot and Redis of a gateway."""
    shared = {name: gateway[name] for name in ("BUNDLE", "SNAPSHOT", "REDIS_URL")}
    return shared | {"EVENT_LOG": str(folder / "events"), "LOG_INTERVAL_S": "0.1"}


@contextmanager
def ingesting(settings: dict[str, str], folder: Path) -> Iterator[Ingest]:
    """Starts a worker; ends it, if it still runs. `settings` without their prefix."""
    given = {"HTTP_PORT": str(free_ports(1)[0])} | settings
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
    log = folder / f"ingest-{given['HTTP_PORT']}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.ingest.worker"],
            cwd=ROOT,
            env=clean | {f"RECSERVE_INGEST_{name}": value for name, value in given.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Ingest(process, f"http://127.0.0.1:{given['HTTP_PORT']}", log)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE_S)


def wait_applied(client: RedisClient, project: str) -> None:
    """Until no overlay holds anything."""
    eventually(lambda: not client.keys(f"recserve:{{{project}:*:overlay"), "all is in the rows")


def settings_of_tiny(folder: Path, redis_url: str) -> dict[str, str]:
    """Of a worker on the tiny bundle and its first snapshot."""
    snapshot = tiny.write_snapshot(folder / "snapshots/first")
    gateway = {
        "BUNDLE": str(tiny.write_bundle(folder / "bundle")),
        "SNAPSHOT": str(tiny.point(folder / "snapshots/current", snapshot)),
        "REDIS_URL": redis_url,
    }
    return settings_beside(gateway, folder)


async def record(redis_url: str, ids: Sequence[str], users: int = 5) -> None:
    """As the gateway does, a purchase an id."""
    streams = RedisEventStreams.from_url(redis_url, tiny.PROJECT, ROOM)
    events = [
        logged(name, user=n % users, item=100 + n % tiny.ITEMS, group=name)
        for n, name in enumerate(ids)
    ]
    await streams.record([new_event(event) for event in events], LONG_S)
    await streams.close()


def counted(client: RedisClient, users: int = 5) -> float:
    """Purchases in the rows."""
    found = [client.get(row_key(tiny.PROJECT, "user_id", u, "user_history")) for u in range(users)]
    return sum(sum(listed(LAYOUT.read(row), "owned_count")) for row in found if row)
