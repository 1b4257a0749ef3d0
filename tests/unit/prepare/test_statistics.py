import numpy as np
import polars as pl
import pytest

from serving.features.keys import string_key
from training.prepare.statistics import statistics, vocabulary


def test_a_plain_column_is_described_by_mean_and_deviation() -> None:
    values = [1.0, 2.0, 3.0, None, float("nan")]
    found = statistics("view", pl.DataFrame({"x": values}, strict=False), ["x"])["view.x"]
    assert found == {"mean": pytest.approx(2.0), "std": pytest.approx(1.0), "log1p": False}


def test_a_long_tail_is_taken_as_its_logarithm() -> None:
    values = np.random.default_rng(0).lognormal(2, 2, 2000)
    found = statistics("view", pl.DataFrame({"x": values}), ["x"])["view.x"]
    assert found["log1p"] is True
    assert found["mean"] == pytest.approx(np.log1p(values).mean())


def test_a_long_tail_with_negative_values_is_not() -> None:
    values = np.random.default_rng(0).lognormal(2, 2, 2000) - 5
    assert statistics("view", pl.DataFrame({"x": values}), ["x"])["view.x"]["log1p"] is False


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [None, None]])
def test_a_column_without_spread_normalises_to_itself(values: list) -> None:
    found = statistics("view", pl.DataFrame({"x": pl.Series(values, dtype=pl.Float32)}), ["x"])
    assert found["view.x"] == {"mean": 0.0, "std": 1.0, "log1p": False}


def test_vocabulary_rows_begin_after_unknown_and_null() -> None:
    found = vocabulary(pl.Series(["b", None, "a", "b"]))
    assert found["text"].to_list() == ["a", "b"]
    assert found["row"].to_list() == [2, 3]
    assert found["key"].to_list() == [string_key("a"), string_key("b")]
