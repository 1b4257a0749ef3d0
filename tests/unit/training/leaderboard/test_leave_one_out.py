"""The last item of everybody, against a plain loop."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.unit.training.leaderboard.conftest import history_of, targets_of
from training.errors import ScoreRefused
from training.leaderboard.entrants import ENTRANTS
from training.leaderboard.judging import Measure, values
from training.leaderboard.leave_one_out import TASK, leave_one_out
from training.leaderboard.question import question


def test_the_target_is_the_latest_item_that_was_first_taken(state: Path) -> None:
    contest = leave_one_out(state)
    events = pl.read_parquet(state / "dataset/events.parquet").sort("event_time")
    first: dict[int, dict[int, object]] = {}
    for row in events.to_dicts():
        mine = first.setdefault(row["user_id"], {})
        mine.setdefault(row["item_id"], row["event_time"])
    wanted = targets_of(contest, 0, TASK)
    assert set(wanted) == {user for user, mine in first.items() if len(mine) > 1}
    for user, target in wanted.items():
        last = max(first[user].values())
        assert target <= {item for item, time in first[user].items() if time == last}
    known = {(r["user_id"], r["item_key"]) for r in history_of(contest, 0)}
    assert not {(u, next(iter(t))) for u, t in wanted.items()} & known
    assert len(known) == sum(map(len, first.values())) - len(wanted)


def test_an_entrant_is_judged_by_its_page_of_what_is_new(state: Path) -> None:
    contest = leave_one_out(state)
    period = contest.periods[0]
    answers = ENTRANTS["leave_one_out"]["popularity"].answer(question(contest, period), 0)
    found = values(answers, period, contest)[Measure(TASK, "hit_rate@10")]
    wanted = targets_of(contest, 0, TASK)
    expected = [
        float(bool(wanted[user] & set(page[:10])))
        for user, page in zip(answers.user_ids.to_list(), answers.new.tolist(), strict=True)
    ]
    assert found.tolist() == expected


def test_a_data_set_that_keeps_its_last_weeks_is_refused(state: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    for path in (state / "dataset").glob("*.parquet"):
        (tmp_path / "dataset" / path.name).symlink_to(path)
    described = yaml.safe_load((state / "dataset/dataset.yaml").read_text())
    (tmp_path / "dataset/dataset.yaml").write_text(
        yaml.safe_dump(described | {"name": "complete_journey"})
    )
    with pytest.raises(ScoreRefused, match="keeps its last weeks"):
        leave_one_out(tmp_path)
