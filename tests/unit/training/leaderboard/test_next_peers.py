"""What the peers of leave-one-out are told, and how their parameters are chosen."""

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.unit.training.leaderboard.conftest import history_of, targets_of
from training.leaderboard.leave_one_out import TASK, leave_one_out
from training.leaderboard.next_peers import (
    NEXT_PEERS,
    Tuned,
    attempt,
    by_place,
    read_tuned,
    tune,
    write_tuned,
)
from training.peers.ease import Ease
from training.tune import SEED, settings


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


def test_the_best_of_the_trials_is_chosen_and_as_many_are_told(state: Path) -> None:
    period = leave_one_out(state, back=1).periods[0]
    console = Console(file=StringIO(), width=500)
    chosen = tune("ease", 4, period, console)
    tried = settings("ease", NEXT_PEERS["ease"], 4, SEED)
    reached = {str(one): attempt("ease", one, period) for one in tried}
    best = max(reached, key=lambda one: sum(reached[one]))
    assert str(chosen.parameters) == best
    assert chosen.trials == len(tried) == 4
    assert (chosen.hit_rate10, chosen.ndcg10) == pytest.approx(reached[best], abs=1e-5)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(str(one) in said for one in tried)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tuned.json"
    assert read_tuned(path) == {}
    chosen = {"ease": Tuned(Ease(half_life_days=5.0, power=1.0), 6, 0.2, 0.1)}
    write_tuned(chosen, path)
    assert read_tuned(path) == chosen
    path.write_text(json.dumps({"ease": {"parameters": {"depth": 3}}}))
    with pytest.raises(TypeError, match="depth"):
        read_tuned(path)


def test_every_peer_had_as_many_trials_within_its_space() -> None:
    committed = read_tuned()
    assert set(committed) == set(NEXT_PEERS)
    assert len({one.trials for name, one in committed.items() if name != "popularity"}) == 1
    for name, one in committed.items():
        for parameter, values in NEXT_PEERS[name].space.items():
            assert getattr(one.parameters, parameter) in values
