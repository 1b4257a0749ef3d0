"""What each step gives, from answers of the small shop; every step is declared so that it can be taken."""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.leaderboard.conftest import answered
from tests.unit.training.leaderboard.systems import folder_of
from training.leaderboard import ours
from training.leaderboard.answers import path_of, problems, save
from training.leaderboard.contests import Contest, by_cutoff
from training.leaderboard.question import Question
from training.leaderboard.standings import standings
from training.leaderboard.steps import STEPS, latest
from training.leaderboard.steps_table import steps_table
from training.leaderboard.systems import System
from training.leaderboard.variants import Variant, shortened
from training.schema import RECENT, schema
from training.settings import TABLES, TrainingSettings


def test_every_step_is_held_against_an_earlier_one() -> None:
    names = list(STEPS)
    for place, (name, step) in enumerate(STEPS.items()):
        assert step.beside in ("", *names[:place]), name
    assert [name for name, step in STEPS.items() if not step.beside] == names[:1]


def test_a_step_costs_the_training_of_one_ranker_at_most() -> None:
    for variant in (step.variant for step in STEPS.values() if isinstance(step.variant, Variant)):
        changed = variant.settings or variant.history is not None or variant.without
        assert not changed or len(variant.members) == 1
        assert set(variant.settings) <= set(TrainingSettings.model_fields)


def test_one_step_is_our_system_and_the_last_has_every_member() -> None:
    ours, last = STEPS["three"].variant, STEPS["five"].variant
    assert isinstance(ours, Variant)
    assert isinstance(last, Variant)
    assert sorted(ours.members) == sorted(TrainingSettings().member_names)
    assert sorted(last.members) == sorted(TABLES["members"])
    assert not ours.settings
    assert not last.settings


def test_left_out_members_train_nothing(trained: System, asked: Question) -> None:
    found = Variant(("mlp",)).answered(trained, asked, "mlp")
    alone = ours.of_members(trained, asked, ["mlp"])
    assert np.array_equal(found.probability, alone.probability)
    assert not (folder_of(asked.state, asked.cutoff, 7) / "steps" / "mlp").exists()


@pytest.mark.parametrize(
    "variant",
    [Variant(("mlp",), {"ranker_item_to_item": False}), Variant(("transformer",), history=2)],
)
def test_a_changed_step_is_trained_over_the_same_retrievers(
    trained: System, asked: Question, variant: Variant
) -> None:
    name = variant.members[0]
    found = variant.answered(trained, asked, f"{name}_changed")
    assert problems(found) == []
    before = ours.of_members(trained, asked, [name])
    assert not np.array_equal(found.probability, before.probability)
    folder = folder_of(asked.state, asked.cutoff, 7) / "steps" / f"{name}_changed"
    made = (folder / "models" / "ranker.ckpt").stat().st_mtime_ns
    again = variant.answered(trained, asked, f"{name}_changed")
    assert (folder / "models" / "ranker.ckpt").stat().st_mtime_ns == made
    assert np.array_equal(again.probability, found.probability)
    retriever = folder / "models" / "retriever.ckpt"
    assert retriever.resolve() == (trained.settings.models / "retriever.ckpt").resolve()


def test_what_retrievers_are_not_told_they_are_taught_without(
    trained: System, asked: Question
) -> None:
    variant = Variant(("mlp",), without=("item_profile", "user_affinity"))
    found = variant.answered(trained, asked, "mlp_without")
    assert problems(found) == []
    of = variant.system(trained, "mlp_without").models
    assert not of.schema.has("item_key")
    assert not of.schema.affinities
    assert trained.models.schema.has("item_key")
    folder = folder_of(asked.state, asked.cutoff, 7) / "steps" / "mlp_without" / "models"
    assert not (folder / "retriever.ckpt").is_symlink()
    made = (folder / "retriever.ckpt").stat().st_mtime_ns
    variant.answered(trained, asked, "mlp_without")
    assert (folder / "retriever.ckpt").stat().st_mtime_ns == made


def test_other_retrievers_propose_in_a_step(trained: System, asked: Question) -> None:
    variant = Variant(("mlp",), {"retrievers": "two_tower,item_to_item,sasrec"})
    of = variant.system(trained, "mlp_sasrec").models
    assert "sasrec" in of.searches.served
    assert "sasrec" not in trained.models.searches.served


def test_without_the_item_to_item_score_the_ranker_sees_none(
    trained: System, asked: Question
) -> None:
    variant = Variant(("mlp",), {"ranker_item_to_item": False})
    ranker = variant.system(trained, "mlp_changed").models.rankers.members["mlp"]
    assert not ranker.item_to_item.vectors.any()
    assert trained.models.rankers.members["mlp"].item_to_item.vectors.any()


def test_a_shorter_history_is_shorter_for_all(trained: System) -> None:
    features = shortened(trained.models.prepared.features, 16)
    assert schema(features, "ranker")[RECENT].length == 16
    assert schema(trained.models.prepared.features, "ranker")[RECENT].length > 16


def test_the_table_says_what_a_step_gave(trained: System, asked: Question, tmp_path: Path) -> None:
    contest = latest_of(asked)
    name = contest.periods[-1].name
    taken = answered(mlp=(7,), transformer=(7,), two=(7,))
    for step in taken:
        variant = STEPS[step].variant
        assert isinstance(variant, Variant)
        answers = variant.answered(trained, asked, step)
        save(path_of(tmp_path, contest.dataset, name, step, 7), answers)
    lines = steps_table(
        standings(contest, tmp_path, taken, draws=20),
        {n: (s.said, s.beside) for n, s in STEPS.items()},
    )
    assert lines[0] == f"{contest.dataset}, {name}, one seed."
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:]]
    assert [row[:2] for row in rows] == [
        ["MLP", STEPS["lightgbm"].said],
        ["Transformer", "MLP"],
        ["MLP and Transformer fused", "MLP"],
    ]
    assert rows[0][-2:] == ["", ""]
    gained = float(rows[1][-2].split()[0])
    assert gained == pytest.approx(float(rows[1][2]) - float(rows[0][2]), abs=1.1e-4)


def latest_of(asked: Question) -> Contest:
    if not (asked.state / "dataset").exists():
        whole = (asked.state / "prepared").resolve().parent
        (asked.state / "dataset").symlink_to(whole / "dataset")
    contest = latest(asked.state)
    assert [p.cutoff for p in contest.periods] == [by_cutoff(asked.state).periods[-1].cutoff]
    return contest
