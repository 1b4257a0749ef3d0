"""No acknowledged event is lost or counted twice, whichever process is killed, and whenever."""

import os
import random
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from serving.features.layout import layout_of
from serving.features.redis_keys import PARTITIONS, applied_key, events_stream, row_key
from serving.ingest.logged_events import read_event_log
from tests.chaos.callers import Caller, at_work
from tests.chaos.cluster import Cluster, between, running
from tests.fakes.event_views import HISTORY, listed
from tests.integration.gateway import tiny
from tests.integration.gateway.running import eventually
from tests.integration.ingest.running import wait_applied

KILLS = int(os.environ.get("CHAOS_KILLS", "5"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
CALLERS = 6
LAYOUT = layout_of(HISTORY["columns"])


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory):
    with running(tmp_path_factory.mktemp("c")) as made:
        yield made


def counted(cluster: Cluster, user: int) -> int:
    """Purchases in the person's row."""
    packed = cluster.client.get(row_key(tiny.PROJECT, "user_id", user, "user_history"))
    return (
        0
        if packed is None
        else int(sum(listed(layout_of(HISTORY["columns"]).read(packed), "owned_count")))
    )


def waiting(cluster: Cluster) -> int:
    return sum(cluster.client.xlen(events_stream(tiny.PROJECT, p)) for p in range(PARTITIONS))


def logged(folder: Path) -> pl.DataFrame:
    return read_event_log(folder / "events").collect()


@pytest.mark.timeout(120 + 30 * KILLS)
def test_events_survive_kills_under_load(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    chance = random.Random(SEED)
    callers = [Caller(user) for user in range(1, CALLERS + 1)]
    with at_work(cluster.gateway, callers):
        for _ in range(KILLS):
            between(chance, 0.1, 2.0)
            cluster.kill_one(chance)
        eventually(lambda: all(c.acknowledged for c in callers), "everybody is acknowledged")
        between(chance, 0.5, 1.0)
    wait_applied(cluster.client, tiny.PROJECT)
    eventually(lambda: waiting(cluster) == 0, "all is in the event log")

    log = logged(cluster.folder)
    assert log["event_id"].is_unique().all(), "an event was logged twice"
    for caller in callers:
        mine = set(log.filter(pl.col("user_id") == str(caller.user))["event_id"])
        assert caller.acknowledged <= mine <= caller.attempted
        assert counted(cluster, caller.user) == len(mine), f"the row of {caller.user}"
        assert caller.unseen == []
    assert cluster.client.get(applied_key(tiny.PROJECT, 1))
    acknowledged = sum(len(caller.acknowledged) for caller in callers)
    retries = sum(caller.retries for caller in callers)
    kills = ", ".join(f"{count} {name}" for name, count in sorted(Counter(cluster.kills).items()))
    told = f"{acknowledged} events, {retries} calls sent again; killed: {kills}"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
