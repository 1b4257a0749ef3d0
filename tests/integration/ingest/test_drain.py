"""The event log, against a real Redis."""

import errno
import resource
from pathlib import Path

import polars as pl
import pytest

from serving.errors import ArtefactError
from serving.features.overlay import position_of
from serving.features.redis_keys import PARTITIONS, events_stream
from serving.ingest import drain
from serving.ingest.drain import Drain
from serving.ingest.event_log import WRITING, EventLog
from serving.ingest.logged_events import read_event_log
from serving.ingest.worker import PASSING
from tests.fakes.event_views import NOW_US, PROJECT, logged
from tests.integration.ingest.conftest import Store

ALL = range(PARTITIONS)


def drained(store: Store, folder: Path, label: str = "0-of-1") -> int:
    """One step of a worker that has just started, and ends after it."""
    log = EventLog(folder, label)
    try:
        return Drain(store.client, PROJECT, "integer", ALL, log).step(NOW_US)
    finally:
        log.close()


def files(folder: Path, pattern: str = "day=*/*.parquet") -> list[Path]:
    return list(folder.glob(pattern))


def ids(folder: Path) -> list[str]:
    return sorted(read_event_log(folder).select("event_id").collect()["event_id"].to_list())


async def test_everything_of_an_event_is_in_the_log(store: Store, tmp_path: Path):
    event = logged("a", user=7, item=9, at_us=NOW_US - 5, arrived_us=NOW_US, group="g")
    event.event.quantity, event.event.value, event.event.slot = 2.5, -1.0, 3
    event.user_hash = b"hash"
    (recorded,) = await store.record(event)
    await store.record(logged("b", personalization=False))
    drained(store, tmp_path)
    first, second = read_event_log(tmp_path).sort("event_id").collect().rows(named=True)
    assert first == first | {
        "event_id": "a",
        "user_id": "7",
        "user_hash": b"hash",
        "item_id": "9",
        "kind": "purchase",
        "group_id": "g",
        "quantity": 2.5,
        "value": -1.0,
        "slot": 3,
        "personalization": True,
        "partition": 7,
        "position_ms": recorded.position[0],
        "position_number": recorded.position[1],
    }
    assert (first["arrival_time"] - first["event_time"]).microseconds == 5
    assert (second["user_id"], second["value"], second["group_id"]) == (None, None, None)


async def test_a_restart_writes_what_is_new_and_nothing_twice(store: Store, tmp_path: Path):
    await store.record(logged("a"), logged("b", user=2))
    assert drained(store, tmp_path) == 2
    await store.record(logged("c"))
    assert drained(store, tmp_path) == 1
    assert drained(store, tmp_path) == 0
    assert ids(tmp_path) == ["a", "b", "c"]
    assert len(files(tmp_path)) == 2


async def test_the_stream_is_cut_where_an_event_is_both_logged_and_in_the_rows(
    store: Store, tmp_path: Path
):
    await store.record(logged("a"), logged("b"))
    drained(store, tmp_path)
    assert store.waiting(1) == 2
    store.applier().step()
    await store.record(logged("c"))
    log = EventLog(tmp_path, "0-of-1")
    draining = Drain(store.client, PROJECT, "integer", ALL, log)
    draining.step(NOW_US)
    (left,) = store.client.xrange(events_stream(PROJECT, 1))
    store.applier().step()
    draining.step(NOW_US)
    log.close()
    assert store.waiting(1) == 0
    assert ids(tmp_path) == ["a", "b", "c"]
    assert position_of(left[0]) <= position_of(store.applied(1))


async def test_a_file_that_was_cut_short_is_no_part_of_the_log(store: Store, tmp_path: Path):
    await store.record(logged("a"))
    (tmp_path / f"{WRITING}0-of-1-123").write_bytes(b"half")
    assert drained(store, tmp_path) == 1
    assert ids(tmp_path) == ["a"]
    assert files(tmp_path, f"{WRITING}*") == []


async def test_events_that_may_not_be_on_the_disk_stay_in_the_stream(store: Store, tmp_path: Path):
    await store.record(logged("a"))
    store.applier().step()
    broken, synced = [True], []

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        if broken:
            raise OSError(broken.pop() and errno.EIO, "the disk is broken")

    log = EventLog(tmp_path, "0-of-1", sync)
    draining = Drain(store.client, PROJECT, "integer", ALL, log)
    with pytest.raises(OSError, match="the disk is broken"):
        draining.step(NOW_US)
    assert store.waiting(1) == 1
    assert draining.step(NOW_US) == 1
    log.close()
    assert store.waiting(1) == 0
    assert ids(tmp_path) == ["a"]
    (file,) = files(tmp_path)
    assert synced[-2:] == [file.parent, tmp_path]


async def test_where_the_disk_is_full_the_round_is_tried_again(store: Store, tmp_path: Path):
    await store.record(logged("a"))
    log = EventLog(tmp_path, "0-of-1")
    draining = Drain(store.client, PROJECT, "integer", ALL, log)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # as a full disk does: no more fits
    try:
        with pytest.raises(PASSING, match="can't be written"):
            draining.step(NOW_US)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert draining.step(NOW_US) == 1
    log.close()
    assert ids(tmp_path) == ["a"]
    assert len(files(tmp_path)) == 1


async def test_another_number_of_workers_goes_on_where_the_others_ended(
    store: Store, tmp_path: Path
):
    await store.record(*(logged(f"{n}", user=n) for n in range(10)))
    drained(store, tmp_path)
    await store.record(*(logged(f"{n}", user=n) for n in range(10, 20)))
    for shard in range(2):
        log = EventLog(tmp_path, f"{shard}-of-2")
        partitions = range(shard, PARTITIONS, 2)
        assert Drain(store.client, PROJECT, "integer", partitions, log).step(NOW_US) == 5
        log.close()
    assert ids(tmp_path) == sorted(str(n) for n in range(20))


async def test_two_workers_of_one_label_are_one_too_many(tmp_path: Path):
    first = EventLog(tmp_path, "0-of-1")
    with pytest.raises(ArtefactError, match="another worker writes as 0-of-1"):
        EventLog(tmp_path, "0-of-1")
    first.close()
    EventLog(tmp_path, "0-of-1").close()


async def test_poison_is_no_event_and_is_not_read_again(store: Store, tmp_path: Path):
    store.client.xadd(events_stream(PROJECT, 1), {b"entry": b"\xff"})
    await store.record(logged("a"))
    assert drained(store, tmp_path) == 1
    store.applier().step()
    assert drained(store, tmp_path) == 0
    assert store.waiting(1) == 0


async def test_more_than_fits_into_a_file_is_left_for_the_next(store: Store, tmp_path: Path):
    for start in range(0, drain.MOST_ENTRIES + 500, 500):
        await store.record(*(logged(f"{start + n}") for n in range(500)))
    log = EventLog(tmp_path, "0-of-1")
    draining = Drain(store.client, PROJECT, "integer", ALL, log)
    assert draining.step(NOW_US) == drain.MOST_ENTRIES
    assert draining.more
    assert draining.step(NOW_US) == 500
    assert not draining.more
    log.close()
    assert read_event_log(tmp_path).select(pl.col("event_id").n_unique()).collect().item() == 2_500


def test_without_a_file_the_log_is_empty(tmp_path: Path):
    assert read_event_log(tmp_path).collect().is_empty()


def test_a_foreign_file_is_named(tmp_path: Path):
    (tmp_path / "day=2026-01-01").mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "day=2026-01-01/000000000001-0-of-1.parquet")
    log = EventLog(tmp_path, "0-of-1")
    with pytest.raises(ArtefactError, match="is no file of an event log"):
        log.reached()
    log.close()
