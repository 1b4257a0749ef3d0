"""The command's own decisions; what it computes is tested function by function."""

import io
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.unit.training.bundle.shop import NOW, prepared_shop, silent
from training.data import open_prepared
from training.datasets.errors import DataSetError
from training.errors import PreparedError
from training.prepare.__main__ import prepare
from training.settings import TrainingSettings
from training.train_retriever import train

FORTNIGHT = timedelta(days=14)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    prepared_shop(folder)
    return folder


def test_what_lies_past_the_fortnight_of_make_final_teaches_nothing(state: Path) -> None:
    prepare(state, NOW + FORTNIGHT, 4, silent())
    with pytest.raises(DataSetError, match="kept for `make final`; set an earlier now"):
        prepare(state, NOW + FORTNIGHT + timedelta(seconds=1), 4, silent())


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (NOW.replace(tzinfo=None), "without a time zone; add one"),
        (NOW - timedelta(days=400), "clean events before"),
    ],
)
def test_a_now_at_which_nothing_can_be_prepared_is_refused(
    state: Path, now: datetime, said: str
) -> None:
    with pytest.raises(DataSetError, match=said):
        prepare(state, now, 4, silent())


def test_cut_offs_without_a_history_are_left_out(state: Path) -> None:
    told = Console(file=io.StringIO(), width=200)
    prepare(state, None, 40, told)
    assert "29 cut-offs without a history left out" in told.file.getvalue()
    assert len(open_prepared(state / "prepared").cutoffs) == 11
    with pytest.raises(DataSetError, match=r"3 cut-offs up to .* and 4 are needed"):
        prepare(state, NOW - timedelta(days=112), 40, silent())


def test_cut_offs_with_nothing_to_teach_are_told(tmp_path: Path) -> None:
    prepared_shop(tmp_path)
    path = tmp_path / "prepared/targets.parquet"
    pl.read_parquet(path).with_columns(is_new=pl.lit(value=False)).write_parquet(path)
    with pytest.raises(PreparedError, match="nobody took anything for the first time"):
        train(TrainingSettings(state=tmp_path), silent())


def test_a_validation_without_anything_new_does_not_end_the_teaching(tmp_path: Path) -> None:
    prepared = prepared_shop(tmp_path)
    path = tmp_path / "prepared/targets.parquet"
    validated = pl.col("cutoff") == prepared.cutoffs[-2]
    pl.read_parquet(path).with_columns(is_new=~validated).write_parquet(path)
    tiny = TrainingSettings(
        state=tmp_path, retriever_epochs=1, retriever_negatives=64, dimension=8, threads=1
    )
    train(tiny, silent())
    assert (tmp_path / "models/retriever.ckpt").is_file()


def test_the_horizon_is_told_once_by_the_prepared_data(state: Path) -> None:
    assert open_prepared(state / "prepared").horizon == FORTNIGHT


def test_features_yaml_says_by_which_half_lives_events_change_a_history(state: Path) -> None:
    features = open_prepared(state / "prepared").features
    assert features["views"]["user_history"]["updates"] == {
        "by": "history",
        "kinds": ["purchase"],
        "half_life_days": 91.0,
        "further_half_life_days": {"owned_score_28": 28.0, "owned_score_364": 364.0},
    }


def test_a_now_that_is_no_time_is_one_sentence(state: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training.prepare", "--state", state, "--now", "tomorrow"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "now is 'tomorrow', no time such as 2017-11-27T05:00:00Z" in said
    assert done.stderr == ""
