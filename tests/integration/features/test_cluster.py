"""Rows, overlays and streams on a real Redis Cluster of three nodes."""

import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from redis.crc import key_slot

from serving.clients.connections import connect
from serving.clients.events import RedisEvents, RedisEventStreams
from serving.clients.redis import RedisRows
from serving.errors import LayoutMismatch, OutsideError, Unavailable
from serving.events import NewEvent
from serving.features.fields import view_layout
from serving.features.overlay import position_of
from serving.features.redis_keys import (
    PARTITIONS,
    applied_key,
    events_stream,
    overlay_key,
    partition_of,
    row_key,
)
from serving.features.store import RowStore
from serving.ingest.apply import Applier, Counts
from serving.ingest.drain import Drain
from serving.ingest.event_log import EventLog
from serving.ingest.logged_events import read_event_log
from serving.triton.ports import free_ports
from tests.fakes.event_views import NOW_US, PROJECT, event_plan, logged
from tests.fakes.redis_servers import Cluster, cluster
from tests.integration.ingest.conftest import new_event

LAYOUT = view_layout("view", [{"name": "points", "dtype": "int64"}])
OTHER = view_layout("view", [{"name": "points", "dtype": "float32"}])
MANY = np.arange(2_345, dtype=np.int64)
LONG_S = 30.0


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
def store(nodes: Cluster) -> Iterator[RowStore]:
    nodes.empty()
    with RowStore(nodes.url, "shop") as opened:
        yield opened


@pytest.fixture
async def door(nodes: Cluster) -> AsyncIterator[RedisRows]:
    opened = RedisRows.from_url(nodes.url, connections=4)
    yield opened
    await opened.close()


def rows(points: np.ndarray, time_us: int) -> np.ndarray:
    made = LAYOUT.empty(len(points))
    made["points"], made["event_time_us"] = points, time_us
    return made


def points(store: RowStore, keys: np.ndarray) -> list[int | None]:
    packed = store.read("view", "user_id", keys)
    return [None if one is None else int(LAYOUT.read(one)["points"]) for one in packed]


def test_rows_lie_on_all_nodes_and_are_found(store: RowStore, nodes: Cluster) -> None:
    assert store.write("view", "user_id", MANY, rows(MANY, 10)) == len(MANY)
    assert store.write("view", "user_id", MANY[:9], rows(MANY[:9] + 1, 9)) == 0
    shuffled = np.random.default_rng(1).permutation(np.append(MANY, 99_999))
    expected = [None if key == 99_999 else key for key in shuffled.tolist()]
    assert points(store, shuffled) == expected
    assert store.entities("user_id").tolist() == MANY.tolist()
    assert store.heads("view", "user_id", np.array([99_999, 5]))["event_time_us"].tolist() == [
        -1,
        10,
    ]
    assert min(len(names) for names in nodes.names()) > len(MANY) // 10


def test_what_was_written_can_be_removed_altogether(store: RowStore, nodes: Cluster) -> None:
    store.register("view", "user_id", LAYOUT.fingerprint)
    store.write("view", "user_id", MANY, rows(MANY, 10))
    store.remember({int(key): f"text {key}" for key in MANY})
    assert store.texts(MANY[5:7]) == {5: "text 5", 6: "text 6"}
    store.remove("view", "user_id")
    store.forget("user_id", MANY)
    store.forget_contents()
    assert nodes.names() == [[], [], []]


def test_the_registered_layout_holds_on_every_node(store: RowStore) -> None:
    store.register("view", "user_id", LAYOUT.fingerprint)
    with pytest.raises(LayoutMismatch, match=f"{LAYOUT.fingerprint:016x}"):
        store.write("view", "user_id", MANY, OTHER.empty(len(MANY)))
    assert points(store, MANY) == [None] * len(MANY)


async def test_a_person_is_read_in_one_slot_and_several_rows_over_all(
    store: RowStore, door: RedisRows
) -> None:
    store.write("view", "user_id", MANY, rows(MANY, 10))
    names = [row_key("shop", "user_id", key, "view") for key in (7, 8, 9, 70_000)]
    found = await door.read(names, LONG_S)
    assert [one and int(LAYOUT.read(one)["points"]) for one in found] == [7, 8, 9, None]
    person = await door.read_person(
        applied_key("shop", partition_of(7)), overlay_key("shop", 7), names[:1], LONG_S
    )
    assert (person.rows, person.overlay, person.applied) == (found[:1], [], None)


async def test_events_of_all_partitions_are_recorded_at_once(
    nodes: Cluster, store: RowStore, door: RedisRows
) -> None:
    streams = RedisEventStreams.from_url(nodes.url, "shop", 10_000)
    batch = [
        NewEvent(user, token=f"t{user}", entry=b"entry", content=b"x" * 32)
        for user in range(3 * PARTITIONS)
    ]
    try:
        first, again = await streams.record(batch, LONG_S), await streams.record(batch, LONG_S)
    finally:
        await streams.close()
    assert [one.position[0] for one in first] == [one.position[0] for one in again]
    stream = events_stream("shop", partition_of(7))
    person = await door.read_person(
        applied_key("shop", partition_of(7)), overlay_key("shop", 7), [], LONG_S, stream
    )
    assert position_of(person.end or b"") >= first[7].position
    assert [one[16:] for one in person.overlay] == [b"x" * 32]
    held = sum(len(n.xrange(events_stream("shop", 7))) for n in nodes.nodes if _owns(nodes, n, 7))
    assert held == 3


def _owns(nodes: Cluster, node: object, partition: int) -> bool:
    return nodes.nodes[nodes.owner(key_slot(events_stream("shop", partition).encode()))] is node


async def test_events_of_all_partitions_get_into_rows_and_log(
    nodes: Cluster, store: RowStore, tmp_path: Path
) -> None:
    streams = RedisEventStreams.from_url(nodes.url, PROJECT, 10_000)
    users = range(2 * PARTITIONS)
    try:
        for name in "ab":
            await streams.record([new_event(logged(name, user)) for user in users], LONG_S)
    finally:
        await streams.close()
    everywhere, counts = range(PARTITIONS), Counts()
    client, log = connect(nodes.url, LONG_S), EventLog(tmp_path, "0-of-1")
    applier = Applier(
        client, event_plan(), everywhere, lambda keys: keys > 0, lambda: NOW_US, counts
    )
    drain = Drain(client, PROJECT, "integer", everywhere, log)
    assert applier.step() == drain.step(NOW_US) == 2 * len(users)
    names = [row_key(PROJECT, "user_id", user, "user_history") for user in users]
    assert all(client.exists(name) for name in names)
    assert not any(client.exists(overlay_key(PROJECT, user)) for user in users)
    assert sum(client.xlen(events_stream(PROJECT, partition)) for partition in everywhere) == 0
    client.close()
    log.close()
    assert read_event_log(tmp_path).collect().height == 2 * len(users)


async def test_the_request_log_is_appended_to(nodes: Cluster, store: RowStore) -> None:
    events = RedisEvents.from_url(nodes.url)
    try:
        await events.append("recserve:{shop}:request_log", [b"1", b"2"], 100, LONG_S)
    finally:
        await events.close()
    owner = nodes.owner(key_slot(b"recserve:{shop}:request_log"))
    assert nodes.nodes[owner].xlen("recserve:{shop}:request_log") == 2


def test_a_slot_that_moves_under_way_loses_no_row_and_no_newer_one(
    store: RowStore, nodes: Cluster
) -> None:
    own = np.arange(7, 7 + 40 * PARTITIONS, PARTITIONS)  # all of one slot
    store.write("view", "user_id", own, rows(own, 1))
    name = row_key("shop", "user_id", 7, "view").decode()
    target = (nodes.owner(key_slot(name.encode())) + 1) % 3
    moved, written = threading.Event(), 1

    def move() -> None:
        nodes.begin_move(name, target)()
        moved.set()

    mover = threading.Thread(target=move)
    mover.start()
    while not moved.is_set():
        try:
            store.write("view", "user_id", own, rows(own + written, written + 1))
            written += 1
        except Unavailable:  # while some of a partition's rows are here and some there
            continue
    mover.join()
    store.write("view", "user_id", own, rows(own + written, written + 1))
    assert points(store, own) == (own + written).tolist()
    assert nodes.owner(key_slot(name.encode())) == target


def test_no_cluster_is_told_with_its_address_but_no_password() -> None:
    (port,) = free_ports(1)
    with pytest.raises(OutsideError, match=rf"redis\+cluster://127\.0\.0\.1:{port}") as refused:
        RowStore(f"redis+cluster://me:secret@127.0.0.1:{port}", "shop").entities("user_id")
    assert "secret" not in str(refused.value)
