"""How the models of coupon response are tuned, and how our entrant's members are weighed."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.unit.training.coupons.test_classifiers import auc, drawn
from training.coupons.classifiers import Linear, left_out
from training.coupons.responses import Mailed
from training.leaderboard.coupon_entrants import ENTRANTS
from training.leaderboard.coupon_models import (
    MEMBERS,
    MODELS,
    TUNED,
    Tuned,
    Weighing,
    chosen,
    fused,
    read_tuned,
    write_tuned,
)
from training.leaderboard.coupon_tune import SEED, attempt, tune
from training.learning.fusing import fused as fusion
from training.tune import settings


@pytest.fixture(scope="module")
def by() -> Mailed:
    return drawn(300, 1)


def test_the_best_of_the_trials_is_chosen_and_each_is_told(by: Mailed) -> None:
    console = Console(file=StringIO(), width=500)
    found = tune("logistic", 4, by, console)
    tried = settings("logistic", MODELS["logistic"], 4, SEED)
    reached = {str(one): attempt("logistic", one, by) for one in tried}
    assert str(found.parameters) == min(reached, key=lambda one: reached[one])
    assert found.trials == len(tried) == 4
    assert found.log_loss == pytest.approx(min(reached.values()), abs=1e-5)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(str(one) in said for one in tried)


def test_a_trial_is_judged_on_campaigns_that_it_was_not_taught(by: Mailed) -> None:
    likely = left_out(MODELS["logistic"].by(Linear()), by, SEED)
    said = np.where(by.redeemed == 1, likely, 1.0 - likely)
    assert attempt("logistic", Linear(), by) == pytest.approx(-np.log(said).mean())


def test_what_is_written_is_read_and_taken(by: Mailed, tmp_path: Path) -> None:
    path = tmp_path / "tuned.json"
    assert read_tuned(path) == {}
    of, asked = MODELS["logistic"], drawn(50, 2)
    before = chosen("logistic", path)(by, asked, 7)
    assert np.array_equal(before, of.classify(by, asked, 7, of.defaults))
    found = {"logistic": Tuned(Linear(0.1), 6, 0.3)}
    write_tuned(found, path)
    assert read_tuned(path) == found
    after = chosen("logistic", path)(by, asked, 7)
    assert np.array_equal(after, of.classify(by, asked, 7, Linear(0.1)))
    path.write_text(json.dumps({"logistic": {"parameters": {"depth": 3}}}))
    with pytest.raises(TypeError, match="depth"):
        read_tuned(path)


def test_every_model_had_as_many_trials_within_its_space() -> None:
    committed = read_tuned()
    assert set(committed) == set(MODELS)
    assert {one.trials for one in committed.values()} == {6}
    for name, one in committed.items():
        tried = settings(name, MODELS[name], None, SEED)
        assert one.parameters in tried
        assert tried[0] == MODELS[name].defaults


def test_who_is_tuned_is_asked_again_after_it() -> None:
    for name in set(MODELS) & set(ENTRANTS):
        assert TUNED in ENTRANTS[name].inputs


@pytest.mark.parametrize("evenness", [0.0, 1.0])
def test_members_are_weighed_by_what_was_left_out_or_evenly(by: Mailed, evenness: float) -> None:
    asked = drawn(200, 2)
    members = {name: chosen(name) for name in MEMBERS}
    said = {name: one(by, asked, 7).astype(np.float32) for name, one in members.items()}
    if evenness:
        odds = np.mean([np.log(one / (1.0 - one)) for one in said.values()], axis=0)
        expected = 1.0 / (1.0 + np.exp(-odds))
    else:
        held = {name: left_out(one, by, 7).astype(np.float32) for name, one in members.items()}
        expected = fusion(held, by.redeemed)(said)
    found = fused(by, asked, 7, Weighing(evenness))
    assert found == pytest.approx(expected, abs=1e-5)
    assert auc(found, asked.redeemed) > 0.75
