"""What is asked, and that nobody is shown what is kept for the end."""

import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.unit.training.leaderboard.conftest import FORTNIGHT, OWN, targets_of
from training.errors import PreparedError, ScoreRefused
from training.evaluation.held_out import held_out, read_purchases
from training.final import PERMIT
from training.leaderboard.contests import Contest, by_cutoff


def test_the_periods_are_the_latest_up_to_the_data_sets_now(contest: Contest) -> None:
    assert [p.cutoff for p in contest.periods] == [OWN - 2 * FORTNIGHT, OWN - FORTNIGHT, OWN]
    assert contest.periods[-1].name == f"{OWN:%Y-%m-%d}"


def test_targets_are_those_of_the_evaluation_for_people_with_a_history(
    contest: Contest, state: Path
) -> None:
    purchases = read_purchases(state)
    for number, period in enumerate(contest.periods):
        known = set(purchases.filter(pl.col("time") < period.cutoff)["user_id"].to_list())
        whole = held_out(purchases, period.cutoff, FORTNIGHT)
        for task, one in whole.items():
            found = targets_of(contest, number, task)
            assert set(found) == set(one.user_ids.to_list()) & known
        assert period.strangers == len(whole["any"].user_ids) - len(period.user_ids)
        assert period.user_ids.to_list() == sorted(targets_of(contest, number, "any"))


def test_an_entrant_is_shown_nothing_from_its_cut_off_on(contest: Contest) -> None:
    for period in contest.periods:
        assert period.history["time"].max() < period.cutoff


def later(state: Path, fresh: Path) -> Path:
    """The same shop, whose own now is a horizon earlier than what was prepared."""
    shutil.copytree(state / "prepared", fresh / "prepared")
    shutil.copytree(state / "dataset", fresh / "dataset")
    path = fresh / "dataset" / "dataset.yaml"
    described = yaml.safe_load(path.read_text()) | {"default_now": OWN - FORTNIGHT}
    path.write_text(yaml.safe_dump(described))
    return fresh


def test_a_horizon_past_the_data_sets_own_is_refused(state: Path, tmp_path: Path) -> None:
    fresh = later(state, tmp_path)
    with pytest.raises(ScoreRefused, match="scored once, by `make final`"):
        by_cutoff(fresh, [OWN])
    names = [p.name for p in by_cutoff(fresh).periods]
    assert names[-1] == f"{OWN - FORTNIGHT:%Y-%m-%d}"
    (fresh / PERMIT).write_text("{}")
    assert [p.cutoff for p in by_cutoff(fresh, [OWN]).periods] == [OWN]


def test_nothing_past_the_last_horizon_decides_a_figure(state: Path, tmp_path: Path) -> None:
    fresh = later(state, tmp_path)
    events = pl.read_parquet(fresh / "dataset/events.parquet")
    events.filter(pl.col("event_time") < OWN).write_parquet(fresh / "dataset/events.parquet")
    cut, whole = by_cutoff(fresh), by_cutoff(later(state, tmp_path / "whole"))
    for number in range(len(whole.periods)):
        assert targets_of(cut, number, "any") == targets_of(whole, number, "any")
        assert cut.periods[number].history.equals(whole.periods[number].history)


def test_a_cut_off_that_was_not_prepared_is_named(state: Path) -> None:
    with pytest.raises(PreparedError, match="is no prepared cut-off"):
        by_cutoff(state, [OWN - timedelta(days=3)])
