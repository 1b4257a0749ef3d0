"""Feast's own commands work on the repository, and what it stored is counted."""

import json
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl
import pytest
import yaml

from serving.triton.ports import free_ports
from tests.acceptance.made import PYTHON, Made, run
from tests.e2e.patience import eventually
from tests.e2e.system import ROOT

FEAST = PYTHON.parent / "feast"
HISTORICAL = """
import json, sys
import pandas
from feast import FeatureStore
store = FeatureStore(fs_yaml_file=sys.argv[1])
users, at = json.loads(sys.argv[2]), pandas.Timestamp(sys.argv[3])
asked = pandas.DataFrame({"user_id": users, "event_timestamp": [at] * len(users)})
found = store.get_historical_features(asked, features=["user_activity:baskets_28d"]).to_df()
print(json.dumps(dict(zip(found["user_id"].tolist(), found["baskets_28d"].tolist()))))
"""


@pytest.fixture
def store_file(quick: Made) -> str:
    return str(quick.state / "feast" / "feature_store.yaml")


def feast(store_file: str, *arguments: str) -> str:
    return run(FEAST, "-c", "feature_repo", *arguments, FEAST_FS_YAML_FILE_PATH=store_file).stdout


def described(made: Made) -> dict:
    return yaml.safe_load((made.state / "prepared" / "features.yaml").read_text())


def test_point_4a_feast_apply_and_lists(
    quick: Made, store_file: str, measured: Callable[[str], None]
) -> None:
    feast(store_file, "apply")
    views = feast(store_file, "feature-views", "list")
    services = feast(store_file, "feature-services", "list")
    features = described(quick)
    assert all(name in views for name in features["views"])
    assert all(name in services for name in features["services"])
    entities = feast(store_file, "entities", "list")
    assert "user" in entities
    assert "item" in entities
    measured(f"{len(features['views'])} views, {len(features['services'])} services")


def test_point_4b_feast_materialize_by_window(
    quick: Made, store_file: str, measured: Callable[[str], None]
) -> None:
    now = described(quick)["now"].removesuffix("Z")
    feast(store_file, "materialize", now, now)
    at_now = pl.col("event_timestamp") == pl.lit(now).str.to_datetime(time_zone="UTC")
    counts = {
        name: pl.scan_parquet(quick.state / f"prepared/views/{name}.parquet")
        .filter(at_now)
        .select(pl.len())
        .collect()
        .item()
        for name in described(quick)["views"]
    }
    assert all(counts.values())
    # The job counts what arrived, and refuses if a row is missing.
    said = run(PYTHON, "-m", "training.materialize", "--state", quick.state).stdout
    for name, count in counts.items():
        rows = [row for row in said.splitlines() if name in row and f"{count:,}" in row]
        assert rows, (name, count)
    measured(f"{sum(counts.values()):,} rows asked for and stored")


def test_point_4c_feast_get_historical_features(
    quick: Made, store_file: str, measured: Callable[[str], None]
) -> None:
    at = described(quick)["cutoffs"][-2]
    expected = (
        pl.scan_parquet(quick.state / "prepared/views/user_activity.parquet")
        .filter(pl.col("event_timestamp") == pl.lit(at).str.to_datetime(time_zone="UTC"))
        .select("user_id", "baskets_28d")
        .head(50)
        .collect()
    )
    users = json.dumps(expected["user_id"].to_list())
    said = run(PYTHON, "-c", HISTORICAL, store_file, users, at, FEAST_FS_YAML_FILE_PATH=store_file)
    found = json.loads(said.stdout.splitlines()[-1])
    assert found == {str(u): v for u, v in expected.iter_rows()}
    measured(f"{len(found)} users as known at {at[:10]}")


@contextmanager
def feast_ui(store_file: str, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [FEAST, "-c", "feature_repo", "ui", "--port", str(port)],
        cwd=ROOT,
        env={"PATH": f"{PYTHON.parent}:/usr/bin:/bin", "HOME": "/tmp"}
        | {"PYTHONPATH": str(ROOT), "FEAST_FS_YAML_FILE_PATH": store_file},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_point_4d_feast_ui(store_file: str, measured: Callable[[str], None]) -> None:
    (port,) = free_ports(1)

    def listening() -> bool | None:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0 or None

    with feast_ui(store_file, port):
        eventually(listening, "feast ui", seconds=180)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
            page = answer.read().decode()
    assert "Feast" in page
    measured(f"{len(page):,} bytes of page")
