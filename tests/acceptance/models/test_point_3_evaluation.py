"""Everything a sceptic asks for is measured; nothing is told by chance or by a leak."""

import json
import shutil
import subprocess
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
from training.evaluation.shuffled_labels import ByChance, deal_out, taught_by_chance
from training.leaderboard.contests import by_cutoff
from training.learning.checkpoints import load_searches
from training.learning.feature_config import feature_config
from training.prepare.contract_checks import instant
from training.schema import schema
from training.settings import TrainingSettings, read_settings
from training.train_ranker import fresh, gathered

QUIET = Console(quiet=True)
JOURNEY = "complete_journey"
PAGES = (
    *("recall@10", "ndcg@10", "hit_rate@10", "mrr@20"),
    *("coverage@10", "novelty@10", "diversity@10", "popularity_bias@10"),
)
PAIRS = ("auc", "user_auc", "log_loss", "ece", "accuracy", "precision", "recall", "f1")
TASKS = ("any", "new", "basket")
SLICES = ("new_users", "heavy_users", "tail_items", "no_profile", "cold_items")
LATE = "2017-12-11T05:00:00Z"  # the end of week 50
REFUSED = "what follows is scored once, by `make final`"


def test_point_3a_every_measure_of_every_slice_is_there(
    board: Board, measured: Callable[[str], None]
) -> None:
    rows = [r for r in board.rows if r["dataset"] == JOURNEY and r["model"] == "fused"]
    found = {(r["task"], r["slice"], r["metric"]) for r in rows if r["period"] == "mean"}
    wanted = {
        *((task, "all", metric) for task in TASKS for metric in PAGES),
        *(("candidates", "all", metric) for metric in PAIRS),
        *((task, part, m) for task in TASKS for part in SLICES for m in ("recall@10", "ndcg@10")),
    }
    missing = sorted(wanted - found)
    measured(f"{len(wanted - set(missing))} of {len(wanted)} figures; missing: {missing or 'none'}")
    assert not missing


def test_point_3b_three_seeds_and_three_fortnights(board: Board) -> None:
    rows = [r for r in board.rows if r["dataset"] == JOURNEY and r["model"] == "fused"]
    assert all(len(set(r["seeds"])) == 3 for r in rows)
    assert len({r["period"] for r in rows} - {"mean"}) >= 3


@pytest.fixture(scope="module")
def late(quick: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared up to the end of week 50, as `make final` does, and without its permit."""
    state = tmp_path_factory.mktemp("late")
    (state / "dataset").symlink_to(quick.state / "dataset")
    now = ("--now", LATE, "--cutoffs", "4")
    run(PYTHON, "-m", "training.prepare", "--state", state, *now)
    return state


def test_point_3c_the_board_refuses_weeks_51_and_52(
    late: Path, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    """The cut-off is a prepared one, so that only the guard stands before what follows it."""
    prepared = open_prepared(late / "prepared")
    assert prepared.now == instant(LATE, "now")
    done = run(
        *(PYTHON, "-m", "training.leaderboard", "--state", late, "--cutoff", LATE),
        *("--out", tmp_path / "board", "--report", tmp_path / "report"),
        check=False,
    )
    said = told(done)
    measured(said[-160:])
    assert done.returncode == 1
    assert said.startswith("leaderboard: ")
    assert REFUSED in said
    assert list(tmp_path.iterdir()) == []
    # Without a cut-off it takes the latest that are allowed.
    assert by_cutoff(late).periods[-1].cutoff == prepared.cutoffs[-2]


def test_point_3c_the_score_refuses_weeks_51_and_52(
    quick: Made, late: Path, measured: Callable[[str], None]
) -> None:
    """The gateway would answer: it isn't asked."""
    gateway = quick.system.gateway
    command = (PYTHON, "-m", "training.score", "--state", late, "--endpoint", gateway)
    done = run(*command, check=False)
    said = told(done)
    measured(said[-160:])
    assert done.returncode == 1
    assert said.startswith("score: ")
    assert REFUSED in said
    assert not (late / "report").exists()


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, as one line."""
    return " ".join((done.stdout + done.stderr).split())


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


def test_point_3e_what_is_dealt_by_lot_is_told_by_chance_alone(
    quick: Made, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    """Labels are shuffled in the events, so that whatever leaks them holds the shuffled ones."""
    settings = read_settings(quick.state, {"RECSERVE_TRAINING_PROFILE": "quick"})
    found = by_lot(deal_out(settings, tmp_path / "dealt", QUIET))
    measured(
        f"AUC within items {found.auc:.4f}, standard deviation of chance {found.deviation:.4f}"
    )
    assert found.is_chance


def test_point_3e_a_history_of_the_next_cut_off_is_told_from_chance(
    quick: Made, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    settings = read_settings(quick.state, {"RECSERVE_TRAINING_PROFILE": "quick"})
    dealt = deal_out(settings, tmp_path / "dealt", QUIET)
    path = dealt.prepared / "views" / "user_history.parquet"
    early = pl.col("event_timestamp") - open_prepared(dealt.prepared).horizon
    pl.read_parquet(path).with_columns(early).write_parquet(path)
    found = by_lot(dealt)
    measured(
        f"AUC within items {found.auc:.4f}, standard deviation of chance {found.deviation:.4f}"
    )
    assert not found.is_chance
    assert found.auc > 0.6


def by_lot(settings: TrainingSettings) -> ByChance:
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    searches = load_searches(settings.models / "retriever.ckpt", feature_config(prepared, of))
    ranker = fresh(settings, prepared, of, searches, "mlp")
    taught, judged = gathered(settings, prepared, ranker, QUIET)
    return taught_by_chance(settings, ranker, taught, judged)
