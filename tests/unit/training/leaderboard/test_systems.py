"""Our system as known at a cut-off: when it is trained, on what, and when again."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.training.leaderboard.conftest import OWN
from tests.unit.training.leaderboard.systems import folder_of, small
from training.errors import Absent
from training.leaderboard import systems
from training.leaderboard.contests import Contest
from training.leaderboard.question import Question, question
from training.leaderboard.systems import System


def test_it_is_trained_on_what_was_known_then(trained: System, asked: Question) -> None:
    assert trained.models.prepared.now == asked.cutoff == OWN
    assert trained.settings.seed == 7
    assert trained.retriever_seconds > 0 < trained.ranker_seconds


def test_what_is_up_to_date_is_not_trained_again(trained: System, asked: Question) -> None:
    folder = folder_of(asked.state, asked.cutoff, 7)
    retriever, ranker = (folder / "models" / f"{n}.ckpt" for n in ("retriever", "ranker"))
    made = retriever.stat().st_mtime_ns, ranker.stat().st_mtime_ns
    systems.trained(trained.settings)
    assert (retriever.stat().st_mtime_ns, ranker.stat().st_mtime_ns) == made
    os.utime(ranker, (1, 1))
    systems.trained(trained.settings)
    assert retriever.stat().st_mtime_ns == made[0]
    assert ranker.stat().st_mtime_ns > made[1]


def test_too_few_cut_offs_are_said(contest: Contest, tmp_path: Path) -> None:
    first = replace(question(contest, contest.periods[0]), state=tmp_path)
    (tmp_path / "prepared").symlink_to(contest.state / "prepared")
    with pytest.raises(Absent, match="there are 3 up to this one"):
        systems.trained(systems.settings_at(small(tmp_path), first.cutoff, 7))
