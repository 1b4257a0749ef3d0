import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.evaluation.held_out import Targets
from training.evaluation.measurements import (
    Measurement,
    Subject,
    merge,
    per_user,
    ranking,
    value,
    write,
)
from training.ragged import Ragged

SUBJECT = Subject("shop", 7, 10)
TARGETS = Targets(
    "any", pl.Series([1, 2]), Ragged(np.array([5, 6, 7], np.int64), np.array([0, 2, 3]), -1)
)
SLATES = {"good": np.array([[5, 6], [7, 8]]), "bad": np.array([[1, 2], [1, 2]])}


def test_every_model_has_every_metric_at_ten_and_twenty() -> None:
    found = ranking(SUBJECT, TARGETS, SLATES)
    assert len(found) == len({(m.model, m.metric) for m in found}) == 2 * 4 * 2
    assert {m.metric for m in found if m.model == "bad"} == {
        f"{name}@{k}" for name in ("recall", "ndcg", "hit_rate", "coverage") for k in (10, 20)
    }
    assert value(found, "any", "good", "recall@10") == 1
    assert value(found, "any", "bad", "ndcg@20") == 0
    assert value(found, "any", "good", "coverage@10") == pytest.approx(0.4)
    assert value(found, "new", "good", "recall@10") is None


def test_coverage_has_no_interval_since_drawn_users_repeat() -> None:
    for one in ranking(SUBJECT, TARGETS, SLATES):
        assert (one.low is None) == one.metric.startswith("coverage")


def test_a_task_that_nobody_has_a_target_in_has_no_figures() -> None:
    nobody = Targets(
        "new",
        pl.Series([], dtype=pl.Int64),
        Ragged(np.zeros(0, np.int64), np.zeros(1, np.int64), -1),
    )
    assert ranking(SUBJECT, nobody, {"good": np.zeros((0, 2), np.int64)}) == []


def test_values_a_user_line_up_for_a_paired_difference() -> None:
    found = per_user(TARGETS, SLATES)
    gap = found["good"]["hit_rate@10"] - found["bad"]["hit_rate@10"]
    assert gap.tolist() == [1.0, 1.0]


def test_the_file_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    write(
        tmp_path / "metrics.json",
        [Measurement("shop", "any", "m", "ndcg@10", 0.5, 0.4, None, (7,))],
    )
    assert json.loads((tmp_path / "metrics.json").read_text()) == [
        {
            "dataset": "shop",
            "task": "any",
            "model": "m",
            "metric": "ndcg@10",
            "value": 0.5,
            "low": 0.4,
            "high": None,
            "seeds": [7],
        }
    ]


def test_merged_rows_take_the_place_of_their_like_alone(tmp_path: Path) -> None:
    path = tmp_path / "report" / "metrics.json"
    one = {"dataset": "d", "task": "any", "model": "m", "metric": "ndcg@10", "value": 1.0}
    merge(path, [one, one | {"model": "other"}])
    merge(path, [one | {"value": 2.0}, one | {"task": "new"}])
    found = {(r["task"], r["model"]): r["value"] for r in json.loads(path.read_text())}
    assert found == {("any", "other"): 1.0, ("any", "m"): 2.0, ("new", "m"): 1.0}
