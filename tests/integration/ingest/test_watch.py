"""What a worker tells of a real Redis."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.clients.connections import Client, connect
from serving.features.redis_keys import poison_stream
from serving.features.store import RowStore
from serving.ingest.watch import APART_S, Node, Seen, Watch
from serving.triton.ports import free_ports
from tests.fakes.redis_servers import Cluster, cluster, server
from tests.fakes.time import FakeTicks

PROJECT = "shop"
WELL = {"append_only": True, "rewrite": True, "snapshot": True}


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def redis(tmp_path: Path, port: int) -> Iterator[Any]:
    with server(tmp_path / "redis", port, "--appendonly", "yes") as client:
        yield client


@pytest.fixture
def watched(redis: Any, port: int) -> Iterator[Client]:
    with connect(f"redis://127.0.0.1:{port}", 5.0) as client:
        yield client


def seen(client: Client, partitions: range = range(64)) -> Seen:
    watch = Watch(client, PROJECT, partitions)
    watch.look()
    return watch.seen


def the_node(client: Client) -> Node:
    (node,) = seen(client).nodes.values()
    return node


def test_of_memory_the_use_and_the_limit_are_told(redis: Any, watched: Client):
    node = the_node(watched)
    assert node.used_bytes > 100_000
    assert node.limit_bytes is None
    redis.config_set("maxmemory", 50_000_000)
    assert the_node(watched).limit_bytes == 50_000_000


def test_an_append_only_file_that_is_off_is_not_well(redis: Any, watched: Client):
    assert the_node(watched).files == WELL
    redis.config_set("appendonly", "no")
    assert the_node(watched).files == WELL | {"append_only": False}


def test_what_was_set_aside_is_counted_where_it_is_the_workers(redis: Any, watched: Client):
    for partition in (3, 3, 5):
        redis.xadd(poison_stream(PROJECT, partition), {"entry": "?"})
    assert seen(watched).poison == 3
    assert seen(watched, range(0, 64, 5)).poison == 1


def test_a_materialisation_is_heard_of(watched: Client, port: int):
    assert seen(watched).materialized_at_us is None
    with RowStore(f"redis://127.0.0.1:{port}", PROJECT) as store:
        store.set_materialized_us(1_511_758_800_000_000)  # of 2017: when it is done counts
    told = seen(watched).materialized_at_us
    assert told is not None
    assert told > 1_700_000_000_000_000


def test_it_looks_now_and_then(redis: Any, watched: Client):
    ticks = FakeTicks()
    watch = Watch(watched, PROJECT, range(64), ticks)
    watch.look()
    redis.xadd(poison_stream(PROJECT, 0), {"entry": "?"})
    ticks.seconds += APART_S - 1
    watch.look()
    assert watch.seen.poison == 0
    ticks.seconds += 1
    watch.look()
    assert watch.seen.poison == 1


def test_a_redis_that_does_not_tell_holds_up_nothing_and_is_complained_of_once(
    redis: Any, watched: Client, caplog: pytest.LogCaptureFixture
):
    ticks = FakeTicks()
    watch = Watch(watched, PROJECT, range(64), ticks)
    watch.look()
    redis.execute_command("ACL", "SETUSER", "default", "-info")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            ticks.seconds += APART_S
            watch.look()
    assert watch.seen == Seen()
    assert len(caplog.records) == 1
    assert "info" in caplog.text


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


def test_each_node_of_a_cluster_is_told_of(nodes: Cluster):
    nodes.nodes[1].config_set("maxmemory", 50_000_000)
    with connect(nodes.url, 5.0) as client:
        told = seen(client)
    assert told.poison == 0
    limits = {name: node.limit_bytes for name, node in told.nodes.items()}
    assert limits == {
        f"127.0.0.1:{port}": 50_000_000 if n == 1 else None for n, port in enumerate(nodes.ports)
    }
