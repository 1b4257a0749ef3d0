"""What the peers of leave-one-out are told."""

from pathlib import Path

import polars as pl

from tests.unit.training.leaderboard.conftest import history_of, targets_of
from training.leaderboard.leave_one_out import TASK, leave_one_out
from training.leaderboard.next_peers import by_place


def test_a_history_by_places_ends_a_day_before_the_cut_off(state: Path) -> None:
    period = leave_one_out(state).periods[0]
    found = by_place(period.history, period.cutoff)
    for user in period.user_ids.head(5):
        mine = found.filter(pl.col("user_id") == user)
        days = ((period.cutoff - mine["time"]).dt.total_days()).to_list()
        assert days == list(range(mine.height, 0, -1))
        of = period.history.filter(pl.col("user_id") == user)
        assert mine["item_key"].to_list() == of["item_key"].to_list()


def test_parameters_are_chosen_without_anybodys_last_item(state: Path) -> None:
    last, before = leave_one_out(state), leave_one_out(state, back=1)
    kept_out = {(user, item) for user, items in targets_of(last, 0, TASK).items() for item in items}
    asked = {(user, item) for user, items in targets_of(before, 0, TASK).items() for item in items}
    seen = {(row["user_id"], row["item_key"]) for row in history_of(before, 0)}
    assert asked
    assert not kept_out & (asked | seen)
    whole = {(row["user_id"], row["item_key"]) for row in history_of(last, 0)}
    assert whole - seen - asked == set()
