"""Answers are kept whole, and what can't be judged is refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.errors import AnswersError
from training.leaderboard.answers import DEEPEST, Answers, found, load, path_of, save

BIG = 2**40


def answers(users: pl.Series) -> Answers:
    return Answers(
        users,
        np.array([[5, BIG, -1], [7, -1, -1]]),
        np.array([[7], [-1]]),
        1.5,
        np.array([0, 0, 1]),
        np.array([5, 7, BIG]),
        np.array([0.25, 0.5, 1.0], np.float32),
    )


@pytest.mark.parametrize("users", [pl.Series([3, 1]), pl.Series(["b", "ä"])])
def test_what_is_loaded_is_what_was_saved(tmp_path: Path, users: pl.Series) -> None:
    path = path_of(tmp_path, "shop", "2017-11-27", "ease", 7)
    assert path.relative_to(tmp_path).as_posix() == "shop/2017-11-27/ease.7.npz"
    given = answers(users)
    save(path, given)
    read = load(path)
    assert read.user_ids.to_list() == users.to_list()
    for name in ("any", "new", "pair_user", "pair_item", "probability"):
        np.testing.assert_array_equal(getattr(read, name), getattr(given, name))
        assert getattr(read, name).dtype == getattr(given, name).dtype
    assert read.seconds == 1.5
    assert read.has_pairs


def test_answers_without_pairs_are_answers(tmp_path: Path) -> None:
    one = Answers(pl.Series([1]), np.array([[4]]), np.array([[4]]), 0.0)
    save(tmp_path / "popularity.0.npz", one)
    assert not load(tmp_path / "popularity.0.npz").has_pairs


def test_models_and_seeds_are_read_off_the_names(tmp_path: Path) -> None:
    for name in ("ease.0", "sasrec.2", "sasrec.1", ".half.3", "note"):
        (tmp_path / f"{name}.npz").touch()
    assert found(tmp_path) == {"ease": [0], "sasrec": [1, 2]}
    assert found(tmp_path / "nothing") == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"any": np.array([[1, 1], [2, -1]])}, "any names an item twice for 1 people"),
        ({"new": np.array([[-1, 3], [2, -1]])}, "new has an item after a -1 for 1 people"),
        ({"any": np.array([[1]])}, r"any is int64 \(1, 1\), not int64 \(2, K\)"),
        ({"any": np.array([[1.0], [2.0]])}, "any is float64"),
        ({"any": np.arange(2 * 501).reshape(2, 501)}, f"501 places, more than {DEEPEST}"),
        ({"user_ids": pl.Series([1, 1])}, "somebody twice"),
        ({"user_ids": pl.Series([1.0, 2.0])}, "user_ids is Float64"),
        ({"probability": np.ones(2, np.float32)}, r"have \[2, 3\] rows"),
        ({"probability": np.array([0.1, np.nan, 2], np.float32)}, "2 probabilities are not"),
        ({"pair_user": np.array([0, 0, 2])}, "1 places out of range"),
        ({"pair_item": np.array([5, 5, 5])}, "1 pairs stand there twice"),
        ({"seconds": -1.0}, "seconds is -1.0"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(AnswersError, match=message):
        save(tmp_path / "x.0.npz", replace(answers(pl.Series([1, 2])), **change))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.0.npz").write_text("nothing of the kind")
    with pytest.raises(AnswersError, match=r"x\.0\.npz holds no answers"):
        load(tmp_path / "x.0.npz")
    with pytest.raises(AnswersError, match="remove it"):
        load(tmp_path / "y.0.npz")
