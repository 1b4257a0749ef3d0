"""Everything a sceptic asks for is measured; nothing is told by chance or by a leak."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.acceptance.made import PYTHON, Made, run
from tests.acceptance.models.conftest import Board
from training.data import open_prepared
from training.errors import TrainingError
from training.evaluation.leak_check import check_leaks
from training.evaluation.shuffled_labels import taught_by_chance
from training.learning.checkpoints import load_searches
from training.learning.feature_config import feature_config
from training.schema import schema
from training.settings import read_settings
from training.train_ranker import fresh, gathered

JOURNEY = "complete_journey"
PAGES = ("recall@10", "ndcg@10", "hit_rate@10", "coverage@10", "novelty@10", "diversity@10")
PAIRS = ("auc", "user_auc", "log_loss", "ece", "accuracy", "precision", "recall", "f1")


def test_point_3a_every_measure_of_every_slice_is_there(
    board: Board, measured: Callable[[str], None]
) -> None:
    rows = [r for r in board.rows if r["dataset"] == JOURNEY and r["model"] == "fused"]
    metrics = {r["metric"] for r in rows}
    slices = {r["slice"] for r in rows}
    measured(f"{len(rows)} figures, {len(metrics)} metrics, slices {', '.join(sorted(slices))}")
    assert not {*PAGES, *PAIRS} - metrics
    assert len(slices) >= 6
    assert {r["task"] for r in rows} >= {"any", "new", "basket"}


def test_point_3b_three_seeds_and_three_fortnights(board: Board) -> None:
    rows = [r for r in board.rows if r["dataset"] == JOURNEY and r["model"] == "fused"]
    assert all(len(set(r["seeds"])) == 3 for r in rows)
    assert len({r["period"] for r in rows} - {"mean"}) >= 3


def test_point_3c_weeks_51_and_52_are_refused_without_final(
    full: Made, measured: Callable[[str], None]
) -> None:
    done = run(
        PYTHON,
        *("-m", "training.leaderboard", "--state", full.state),
        *("--cutoff", "2017-12-11T05:00:00Z"),
        check=False,
    )
    measured((done.stdout + done.stderr).strip().splitlines()[-1])
    assert done.returncode != 0


def test_point_3d_a_planted_leak_is_named(
    quick: Made, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    state = tmp_path / "state"
    for name in ("dataset", "prepared"):
        shutil.copytree(quick.state / name, state / name)
    features = json.loads((quick.state / "report" / "evaluation.json").read_text())
    cutoff = pl.Series([features["cutoff"]]).str.to_datetime(time_zone="UTC")[0]
    check_leaks(state, [cutoff])
    path = state / "prepared" / "views" / "item_activity.parquet"
    table = pl.read_parquet(path)
    later = pl.col("events_7d").shift(-1).over("item_id")  # of the next cut-off
    table.sort("event_timestamp").with_columns(events_7d=later).write_parquet(path)
    with pytest.raises(TrainingError, match="item_activity") as refused:
        check_leaks(state, [cutoff])
    measured(str(refused.value)[:160])


def test_point_3e_labels_that_mean_nothing_are_told_by_chance_alone(
    quick: Made, measured: Callable[[str], None]
) -> None:
    settings = read_settings(quick.state, {"RECSERVE_TRAINING_PROFILE": "quick"})
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    searches = load_searches(settings.models / "retriever.ckpt", feature_config(prepared, of))
    ranker = fresh(settings, prepared, of, searches, "mlp")
    taught, judged = gathered(settings, prepared, ranker, Console(quiet=True))
    found = taught_by_chance(settings, ranker, taught, judged)
    measured(f"AUC {found.auc:.4f}, standard deviation of chance {found.deviation:.4f}")
    assert found.is_chance
