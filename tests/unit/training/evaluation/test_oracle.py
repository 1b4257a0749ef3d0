from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.evaluation.held_out import Targets
from training.evaluation.oracle import oracle_slates
from training.ragged import Ragged

NOW = datetime(2024, 6, 3, tzinfo=UTC)
OWNED = pl.DataFrame({"user_id": ["a"], "item_key": [20], "time": [NOW - timedelta(days=3)]})


def targets(task: str, users: list[str]) -> Targets:
    return Targets(task, pl.Series(users), Ragged(np.ones(len(users)), np.arange(3), -1))


ASKED = {"any": targets("any", ["a", "b"]), "new": targets("new", ["a", "b"])}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    for name in ("dataset", "prepared"):
        (tmp_path / name).mkdir()
    keys = pl.DataFrame({"item_key": [10, 20, 30], "item_id": ["x", "y", "z"]})
    keys.write_parquet(tmp_path / "prepared" / "catalogue.parquet")
    truth = [("a", "z", 0.1), ("a", "y", 0.9), ("a", "gone", 0.8), ("a", "x", 0.1)]
    pl.DataFrame(
        {
            "at": pl.Series([NOW] * 4).dt.cast_time_unit("us"),
            "user_id": [user for user, _, _ in truth],
            "item_id": [item for _, item, _ in truth],
            "probability": [p for _, _, p in truth],
        }
    ).write_parquet(tmp_path / "dataset" / "ground_truth.parquet")
    return tmp_path


def test_the_most_probable_come_first_equals_by_key_and_only_of_the_catalogue(state: Path) -> None:
    found = oracle_slates(state, OWNED, NOW, ASKED)
    assert found["any"]["oracle"][:, :4].tolist() == [[20, 10, 30, -1], [-1, -1, -1, -1]]


def test_what_is_owned_is_left_out_of_what_is_new(state: Path) -> None:
    found = oracle_slates(state, OWNED, NOW, ASKED)
    assert found["new"]["oracle"][0, :3].tolist() == [10, 30, -1]


def test_of_another_instant_nothing_is_known(state: Path) -> None:
    assert oracle_slates(state, OWNED, NOW + timedelta(days=1), ASKED) == {}


def test_real_data_has_no_oracle(state: Path) -> None:
    (state / "dataset" / "ground_truth.parquet").unlink()
    assert oracle_slates(state, OWNED, NOW, ASKED) == {}
