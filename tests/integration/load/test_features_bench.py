"""The benchmark of features, small: every part runs, and its figures say nothing but that."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.load.conditions import environment
from tests.load.figures import Figure, read_figures
from tests.load.peers import ROOT

READ = {
    "features.read.50": 0.5,
    "features.read.50.vs_redis_py": None,
    "features.read.50.and_logged": None,
    "features.read.50.with_events": None,
    "features.read.50.p99_of_8_readers": None,
}
EVENTS = {
    "events.ingest.rate.1",
    "events.ingest.rate.5",
    "events.ingest.acknowledge.p50",
    "events.ingest.acknowledge.p99",
    "events.ingest.visible.own_token.p99",
    "events.ingest.visible.others.p99",
    "events.ingest.visible.stored.p99",
}


def run(folder: Path, *parts: str) -> dict[str, Figure]:
    out = folder / "features.json"
    chosen = [word for part in parts for word in ("--only", part)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.features", "--small", "--out", str(out), *chosen],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = read_figures(out)
    assert all(figure.name in done.stdout for figure in figures)
    return {figure.name: figure for figure in figures}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, Figure]:
    return run(folder, "read", "events")


def test_reads_are_held_against_their_floor(figures: dict[str, Figure]) -> None:
    found = {name: f for name, f in figures.items() if name.startswith("features.")}
    assert {name: f.target for name, f in found.items()} == READ
    for figure in found.values():
        assert figure.ratio == pytest.approx(figure.baseline_value / figure.value, rel=0.01)


def test_the_profile_of_a_read_lies_beside_them(figures: dict[str, Figure], folder: Path) -> None:
    profile = (folder / "features-profile.txt").read_text()
    assert "hydrate" in profile.splitlines()[0]
    assert "ncalls" in profile
    missed = [figure for figure in figures.values() if figure.missed]
    assert all("p50 by stage: hydrate" in figure.conditions for figure in missed)


def test_events_are_acknowledged_and_seen(figures: dict[str, Figure]) -> None:
    found = {name: f for name, f in figures.items() if name.startswith("events.")}
    assert set(found) == EVENTS
    rate = found["events.ingest.rate.5"]
    assert rate.ratio == pytest.approx(rate.value / rate.baseline_value, rel=0.01)
    assert found["events.ingest.visible.stored.p99"].baseline is None


def test_a_store_without_the_rows_stops_the_measurement(tmp_path: Path) -> None:
    """Nothing is measured of a read that was degraded."""
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"redis_url": f"unix://{tmp_path}/none", "snapshot": str(tmp_path)}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.features.reader", str(spec)],
        cwd=ROOT,
        env=environment(),
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "manifest.json is missing" in done.stderr
