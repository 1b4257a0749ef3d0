"""Our system as known at a cut-off: what it answers, and when it is trained again."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.leaderboard.conftest import OWN
from tests.unit.training.leaderboard.systems import MEMBERS, folder_of, small
from training.errors import Absent
from training.leaderboard import ours
from training.leaderboard.answers import Answers, problems
from training.leaderboard.contests import Contest
from training.leaderboard.ours import System
from training.leaderboard.question import Question, question
from training.offline import recommend


def alike(one: Answers, other: Answers) -> bool:
    names = ("any", "new", "pair_user", "pair_item", "probability")
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names)


def test_it_is_trained_on_what_was_known_then(trained: System, asked: Question) -> None:
    assert trained.models.prepared.now == asked.cutoff == OWN
    assert trained.settings.seed == 7
    assert trained.retriever_seconds > 0 < trained.ranker_seconds


def test_pages_and_pairs_are_those_of_the_served_pipeline_offline(
    trained: System, asked: Question
) -> None:
    found = ours.answers(trained, asked)
    assert problems(found) == []
    assert found.user_ids.equals(asked.user_ids)
    for name, barred in (("any", False), ("new", True)):
        slates = recommend(
            trained.models, asked.cutoff, asked.user_ids, exclude_purchased=barred, count=500
        )
        assert np.array_equal(getattr(found, name), slates.item_key)
    owned = {(r["user_id"], r["item_key"]) for r in asked.purchases.to_dicts()}
    users = asked.user_ids.to_list()
    for user, page in zip(users, found.new.tolist(), strict=True):
        assert not {(user, item) for item in page if item >= 0} & owned
    for row in range(len(users)):
        mine = found.pair_user == row
        assert set(found.pair_item[mine].tolist()) == set(found.any[row][found.any[row] >= 0])
        best = found.pair_item[mine][np.argmax(found.probability[mine])]
        assert found.probability[mine & (found.pair_item == found.any[row, 0])] == pytest.approx(
            found.probability[mine & (found.pair_item == best)]
        )


def test_a_member_alone_scores_the_same_pairs_as_all(trained: System, asked: Question) -> None:
    whole = ours.answers(trained, asked)
    for name in MEMBERS:
        alone = ours.answers(ours.with_members(trained, [name]), asked)
        assert np.array_equal(alone.pair_item, whole.pair_item)
        assert np.array_equal(alone.pair_user, whole.pair_user)
        assert not np.array_equal(alone.probability, whole.probability)
    with pytest.raises(Absent, match="members are"):
        ours.with_members(trained, ["cnn"])


@pytest.mark.parametrize("name", ["two_tower", "item_to_item"])
def test_a_retriever_alone_fills_the_page_after_what_they_had(
    trained: System, asked: Question, name: str
) -> None:
    found = ours.retrieved(trained, asked, name)
    assert problems(found) == []
    assert not found.has_pairs
    owned = asked.purchases.group_by("user_id").agg("item_key")
    had = {row["user_id"]: set(row["item_key"]) for row in owned.to_dicts()}
    for user, everything, new in zip(
        asked.user_ids.to_list(), found.any.tolist(), found.new.tolist(), strict=True
    ):
        first = len(had[user])
        assert set(everything[:first]) == had[user]
        assert [k for k in everything[first:] if k >= 0] == [k for k in new if k >= 0]
        assert not set(new) & had[user]


def test_a_retriever_that_is_not_trained_takes_no_part(trained: System, asked: Question) -> None:
    with pytest.raises(Absent, match="retrievers are"):
        ours.retrieved(trained, asked, "sasrec")


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(
    trained: System, asked: Question, tmp_path: Path
) -> None:
    (tmp_path / "prepared").symlink_to(asked.state / "prepared")
    given = small(tmp_path)
    again = ours.trained(ours.settings_at(given, asked.cutoff, 7))
    assert alike(ours.answers(again, asked), ours.answers(trained, asked))
    other = ours.trained(ours.settings_at(given, asked.cutoff, 8))
    assert not alike(ours.answers(other, asked), ours.answers(trained, asked))


def test_what_is_up_to_date_is_not_trained_again(trained: System, asked: Question) -> None:
    folder = folder_of(asked.state, asked.cutoff, 7)
    retriever, ranker = (folder / "models" / f"{n}.ckpt" for n in ("retriever", "ranker"))
    made = retriever.stat().st_mtime_ns, ranker.stat().st_mtime_ns
    ours.trained(trained.settings)
    assert (retriever.stat().st_mtime_ns, ranker.stat().st_mtime_ns) == made
    os.utime(ranker, (1, 1))
    ours.trained(trained.settings)
    assert retriever.stat().st_mtime_ns == made[0]
    assert ranker.stat().st_mtime_ns > made[1]


def test_too_few_cut_offs_are_said(contest: Contest, tmp_path: Path) -> None:
    first = replace(question(contest, contest.periods[0]), state=tmp_path)
    (tmp_path / "prepared").symlink_to(contest.state / "prepared")
    with pytest.raises(Absent, match="there are 3 up to this one"):
        ours.trained(ours.settings_at(small(tmp_path), first.cutoff, 7))
