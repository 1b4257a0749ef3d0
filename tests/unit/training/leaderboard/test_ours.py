"""What our system, its members and its retrievers answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.training.leaderboard.systems import MEMBERS, small
from training.errors import Absent
from training.leaderboard import ours, systems
from training.leaderboard.answers import Answers, problems
from training.leaderboard.question import Question
from training.leaderboard.systems import System
from training.learning.checkpoints import Rankers
from training.offline import candidates, recommend


def alike(one: Answers, other: Answers) -> bool:
    names = ("any", "new", "pair_user", "pair_item", "probability")
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names)


def test_pages_and_pairs_are_those_of_the_served_pipeline_offline(
    trained: System, asked: Question
) -> None:
    found = ours.of_members(trained, asked)
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


def by_itself(trained: System, asked: Question, name: str) -> NDArray[np.float32]:
    """From a system that has no other member."""
    rankers = Rankers({name: trained.models.rankers.members[name]}, trained.models.rankers.fusion)
    models = replace(trained.models, rankers=rankers)
    return candidates(models, asked.cutoff, asked.user_ids, exclude_purchased=False).probability


def test_a_member_alone_scores_the_same_pairs_as_all(trained: System, asked: Question) -> None:
    whole = ours.of_members(trained, asked)
    for name in MEMBERS:
        alone = ours.of_members(trained, asked, [name])
        assert np.array_equal(alone.pair_item, whole.pair_item)
        assert np.array_equal(alone.pair_user, whole.pair_user)
        assert not np.array_equal(alone.probability, whole.probability)
        assert np.array_equal(alone.probability, by_itself(trained, asked, name))


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
    again = systems.trained(systems.settings_at(given, asked.cutoff, 7))
    assert alike(ours.of_members(again, asked), ours.of_members(trained, asked))
    other = systems.trained(systems.settings_at(given, asked.cutoff, 8))
    assert not alike(ours.of_members(other, asked), ours.of_members(trained, asked))
