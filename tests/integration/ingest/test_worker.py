"""The ingest worker as a process, beside the streams of a real Redis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.features.redis_keys import PARTITIONS
from serving.ingest.logged_events import read_event_log
from tests.integration.gateway import tiny
from tests.integration.gateway.running import ROOT, RedisClient, eventually
from tests.integration.ingest.running import (
    counted,
    ingesting,
    record,
    settings_of_tiny,
    wait_applied,
)

Settings = dict[str, str]


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    return settings_of_tiny(tmp_path, redis_url)


def logged_ids(settings: Settings) -> list[str]:
    return sorted(read_event_log(Path(settings["EVENT_LOG"])).collect()["event_id"].to_list())


async def test_what_was_recorded_before_and_meanwhile_is_applied_and_logged(
    settings: Settings, client: RedisClient, redis_url: str, tmp_path: Path
) -> None:
    before, meanwhile = [f"b{n}" for n in range(50)], [f"m{n}" for n in range(50)]
    await record(redis_url, before)
    with ingesting(settings, tmp_path) as worker:
        worker.wait_ready()
        await record(redis_url, meanwhile)
        wait_applied(client, tiny.PROJECT)
        eventually(lambda: len(logged_ids(settings)) == 100, "all is in the log")
        assert worker.figure("recserve_ingest_events_total", outcome="applied") == 100
        assert worker.figure("recserve_ingest_lag_seconds") == 0
        assert worker.stop() == 0
    assert counted(client) == 100
    assert logged_ids(settings) == sorted(before + meanwhile)


async def test_at_its_end_it_writes_what_it_has_into_the_log(
    settings: Settings, redis_url: str, tmp_path: Path
) -> None:
    with ingesting(settings | {"LOG_INTERVAL_S": "3600"}, tmp_path) as worker:
        worker.wait_ready()
        await record(redis_url, ["a", "b"])
        assert worker.stop() == 0
    assert logged_ids(settings) == ["a", "b"]


async def test_two_workers_share_the_partitions(
    settings: Settings, client: RedisClient, redis_url: str, tmp_path: Path
) -> None:
    shards = [settings | {"SHARD": f"{n}/2"} for n in range(2)]
    with ingesting(shards[0], tmp_path) as first, ingesting(shards[1], tmp_path) as second:
        await record(redis_url, [f"{n}" for n in range(PARTITIONS)], users=PARTITIONS)
        first.wait_ready()
        second.wait_ready()
        wait_applied(client, tiny.PROJECT)
        assert {w.figure("recserve_ingest_events_total", outcome="applied") for w in (first, second)} == {
            PARTITIONS / 2
        }  # fmt: skip
        parts = [w.figure("recserve_ingest_partitions") for w in (first, second)]
        assert parts == [PARTITIONS / 2, PARTITIONS / 2]
    assert len(logged_ids(settings)) == PARTITIONS


async def test_a_connection_that_breaks_costs_nothing(
    settings: Settings, client: RedisClient, redis_url: str, tmp_path: Path
) -> None:
    with ingesting(settings, tmp_path) as worker:
        worker.wait_ready()
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await record(redis_url, ["a"])
        wait_applied(client, tiny.PROJECT)
        assert counted(client) == 1
        assert worker.stop() == 0


async def test_a_snapshot_that_cant_be_used_holds_up_no_event(
    settings: Settings, client: RedisClient, redis_url: str, tmp_path: Path
) -> None:
    with ingesting(settings, tmp_path) as worker:
        worker.wait_ready()
        (tmp_path / "snapshots/torn").mkdir()
        tiny.point(tmp_path / "snapshots/current", tmp_path / "snapshots/torn")
        eventually(lambda: "torn/manifest.json is missing" in worker.said(), "it is said")
        await record(redis_url, ["a"])
        wait_applied(client, tiny.PROJECT)
        eventually(lambda: logged_ids(settings) == ["a"], "it is in the log")
        assert worker.stop() == 0
    assert counted(client) == 1


def test_wrong_settings_are_all_named_in_one_sentence(settings: Settings) -> None:
    given = settings | {"SHARD": "2/2", "HTTP_PORT": "0", "SHRAD": "1", "BUNDLE": ""}
    del given["EVENT_LOG"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
    done = subprocess.run(
        [sys.executable, "-m", "serving.ingest.worker"],
        cwd=ROOT,
        env=clean | {f"RECSERVE_INGEST_{name}": value for name, value in given.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for name in ("SHARD", "HTTP_PORT", "SHRAD", "EVENT_LOG"):
        assert f"RECSERVE_INGEST_{name}" in done.stderr


def test_neither_feast_nor_torch_is_imported() -> None:
    code = (
        "import sys, serving.ingest.worker\n"
        "print(sorted({'feast', 'torch', 'training', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT) == b"[]\n"
