"""`python -m serving.features.snapshot build`, from a bundle to what `current` points at."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from serving.bundle import content_id
from serving.features.fields import view_layout
from serving.features.frames import Source, latest, pack_frame
from serving.features.offer_file import write_offers
from serving.features.read_plan import parse_read_plan
from serving.features.snapshot import OFFERS, open_snapshot
from serving.features.store import RowStore
from serving.stages.fuse import alone
from tests.fakes.policies import described_policy
from tests.fakes.read_plans import described_input, described_plan
from tests.integration.features.conftest import BEFORE, NOW, VIEWS, rows_at


def shop_plan() -> dict:
    """The plan of the tiny prepared data: one item view."""
    fields = VIEWS["item_activity"]["fields"]
    plan, layout = described_plan(), view_layout("item_activity", fields)
    activity = plan["views"]["item_activity"] | {
        "columns": [{"name": "popularity", "dtype": "float32", "length": 0}],
        "fingerprint": f"{layout.fingerprint:016x}",
    }
    plan["views"] = {"item_activity": activity}
    plan["models"]["ranker"]["inputs"] = [
        described_input("item_float", "item", "float32", "item_activity.popularity")
    ]
    return plan


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    policy = described_policy({"popular": {"quota": 64}}, alone("ranker"))
    (folder / "read_plan.json").write_text(json.dumps(shop_plan()))
    (folder / "policy.json").write_text(json.dumps(policy))
    manifest = {"version": 1, "horizon_days": 14}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    manifest["bundle_id"] = content_id(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def command(bundle: Path, state: Path, url: str, *more: str) -> list[str]:
    module = [sys.executable, "-m", "serving.features.snapshot", "build"]
    return [*module, "--bundle", str(bundle), "--state", str(state), "--redis-url", url, *more]


def build(bundle: Path, state: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(bundle, state, url, *more), capture_output=True, text=True, check=False
    )


def materialise(state: Path, url: str) -> None:
    path = state / "prepared/views/item_activity.parquet"
    source = Source(path, "item_id", "event_timestamp", "created_timestamp")
    layout = view_layout("item_activity", VIEWS["item_activity"]["fields"])
    packed = pack_frame("item_activity", layout, source, latest(source, BEFORE, NOW))
    with RowStore(url, "corner_shop") as rows:
        rows.write("item_activity", "item_id", packed.keys, packed.rows)


def test_where_nothing_is_prepared_the_offers_are_those_of_the_snapshot_that_was_fetched(
    state: Path, bundle: Path, tmp_path: Path, redis_url: str
) -> None:
    materialise(state, redis_url)
    job, pod = tmp_path / "job", tmp_path / "pod"
    (job / "prepared").mkdir(parents=True)
    running, targets = np.array([[5, 9]], dtype=np.int64), np.zeros(1, dtype=np.int64)
    written = job / "prepared" / OFFERS
    write_offers(written, ["summer"], ["promotion"], running, np.ones(1), targets, targets)
    assert build(bundle, job, redis_url).returncode == 0
    shutil.copytree(job / "snapshots", pod / "snapshots", symlinks=True)
    done = build(bundle, pod, redis_url, "--to", str(tmp_path / "own"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "own/current" / OFFERS).read_bytes() == written.read_bytes()


def test_a_snapshot_of_materialised_items_equals_the_parquet(
    state: Path, bundle: Path, tmp_path: Path, redis_url: str
) -> None:
    materialise(state, redis_url)
    done = build(bundle, tmp_path, redis_url)
    assert done.returncode == 0, done.stderr
    current = tmp_path / "snapshots" / "current"
    assert done.stdout.strip() == str(current.resolve())
    snapshot = open_snapshot(current, parse_read_plan(shop_plan(), "plan"))
    expected = rows_at("item_activity", NOW)
    assert snapshot.item_key.tolist() == sorted(expected)
    np.testing.assert_array_equal(
        snapshot.float32[:, 0],
        pl.Series([expected[key][0] for key in sorted(expected)], dtype=pl.Float32)
        .fill_null(float("nan"))
        .to_numpy(),
    )
    assert set(snapshot.event_time_us.flatten().tolist()) == {round(NOW.timestamp() * 1e6)}


def test_what_goes_wrong_is_one_sentence(bundle: Path, tmp_path: Path, redis_url: str) -> None:
    done = build(bundle, tmp_path, redis_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "snapshot: the online store has no items of project corner_shop; materialise first\n"
    )


def test_it_is_delivered_elsewhere_again_and_again_until_it_is_told_to_end(
    state: Path, bundle: Path, tmp_path: Path, redis_url: str
) -> None:
    materialise(state, redis_url)
    target = tmp_path / "local"
    process = subprocess.Popen(
        command(bundle, tmp_path, redis_url, "--to", str(target), "--every", "0.05"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        first = process.stdout.readline()
        assert process.stdout.readline() == first  # nothing has changed
        with RowStore(redis_url, "corner_shop") as rows:
            layout = view_layout("item_activity", VIEWS["item_activity"]["fields"])
            row = layout.empty(1)
            row["event_time_us"], row["popularity"] = 2**52, 9.0
            rows.write("item_activity", "item_id", np.array([10]), row)
        until = time.monotonic() + 60
        while process.stdout.readline() == first:
            assert time.monotonic() < until
        process.terminate()
        assert process.wait(30) == 0
    snapshot = open_snapshot(target / "current", parse_read_plan(shop_plan(), "plan"))
    assert snapshot.float32[snapshot.positions(np.array([10])), 0].tolist() == [9.0]
    assert not (tmp_path / "snapshots").exists()


def test_a_build_that_is_killed_anywhere_leaves_the_one_before_and_the_next_clears_up(
    state: Path, bundle: Path, tmp_path: Path, redis_url: str
) -> None:
    materialise(state, redis_url)
    assert build(bundle, tmp_path, redis_url).returncode == 0
    module = [sys.executable, "-m", "tests.integration.features.killed"]
    given = command(bundle, tmp_path, redis_url)[3:]
    done = subprocess.run([*module, *given], capture_output=True, text=True, check=True)
    runs = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(runs) > 8  # so many ways there were
    assert [status for status, _ in runs] == [-9] * (len(runs) - 1) + [0]
    served = [popularity for _, popularity in runs]
    before = [5, *served]
    for at, popularity in enumerate(served):  # whole, the one before or the new one
        assert popularity in {before[at], 101 + at}
    assert served[0] == 5
    assert served[-1] == 100 + len(runs)
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert [name for name in names if name.startswith(".")] == [".lock"]
    assert len(names) == 5  # three versions, `current` and the lock
