"""What a model is taught must not depend on the labels it is judged by, nor on anything later."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tests.unit.training.bundle.shop import QUOTAS
from training.candidates import sources_at
from training.data import known_users, open_prepared
from training.known import known_at
from training.learning.co_purchase import learn, purchases_at
from training.learning.feature_config import feature_config
from training.learning.ranker_examples import Examples, Sampling, examples
from training.learning.schedule import Schedule, schedule
from training.models.item_to_item import ItemToItemConfig
from training.models.ranker import Ranker
from training.models.retrievers import ITEM_TO_ITEM, NAMES, Retrievers
from training.schema import schema
from training.settings import TrainingSettings
from training.train_retriever import teach, teaching_data


def plan_of(state: Path) -> Schedule:
    return schedule(open_prepared(state / "prepared").cutoffs, 2, timedelta(days=14))


def blinded(state: Path, fresh: Path, *, labels_from: str) -> Path:
    """A copy without any label from a role's cut-off on, and without a later feature row."""
    shutil.copytree(state / "prepared", fresh / "prepared")
    first = getattr(plan_of(state), labels_from)
    path = fresh / "prepared/targets.parquet"
    pl.read_parquet(path).filter(pl.col("cutoff") < first).write_parquet(path)
    for view in (fresh / "prepared/views").iterdir():
        pl.read_parquet(view).filter(pl.col("event_timestamp") <= first).write_parquet(view)
    return fresh


def taught_retriever(state: Path, name: str) -> dict[str, torch.Tensor]:
    settings = TrainingSettings(state=state, retriever_epochs=1, dimension=8, retriever_batch=16)
    prepared = open_prepared(settings.prepared)
    of, plan = schema(prepared.features, "retriever"), plan_of(state)
    if name == ITEM_TO_ITEM:
        config = ItemToItemConfig(feature_config(prepared, of), 8)
        return learn(purchases_at(prepared, of, plan.validation), config, 1).state_dict()
    data = teaching_data(prepared, of, plan.served, None)
    return teach(settings, data, name, progress=False).model.state_dict()


def taught_examples(state: Path, searches: Retrievers, ranker: Ranker) -> list[Examples]:
    prepared = open_prepared(state / "prepared")
    of = schema(prepared.features, "ranker")
    found = []
    for cutoff in plan_of(state).ranker:
        known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
        sources = sources_at(prepared, of, searches, QUOTAS, cutoff, 24)
        found.append(examples(known, sources, ranker, Sampling(0.5, 0.1, 3)))
    return found


@pytest.mark.parametrize("retriever", NAMES)
def test_no_retriever_reads_the_labels_of_validation(
    state: Path, tmp_path: Path, retriever: str
) -> None:
    whole, blind = (
        taught_retriever(state, retriever),
        taught_retriever(blinded(state, tmp_path, labels_from="validation"), retriever),
    )
    for name, weights in whole.items():
        assert torch.equal(weights, blind[name]), name


def test_the_ranker_never_reads_the_labels_of_validation(
    state: Path, tmp_path: Path, searches: Retrievers, ranker: Ranker
) -> None:
    whole = taught_examples(state, searches, ranker)
    blind = taught_examples(blinded(state, tmp_path, labels_from="validation"), searches, ranker)
    for one, other in zip(whole, blind, strict=True):
        assert torch.equal(one.bought, other.bought)
        assert torch.equal(one.crosses, other.crosses)
        assert one.bought.sum() > 0


def test_the_test_would_see_a_leak(
    state: Path, tmp_path: Path, searches: Retrievers, ranker: Ranker
) -> None:
    """Labels of a taught cut-off that go missing do change what is taught."""
    fresh = tmp_path / "copy"
    shutil.copytree(state / "prepared", fresh / "prepared")
    path = fresh / "prepared/targets.parquet"
    last = plan_of(state).ranker[-1]
    pl.read_parquet(path).filter(pl.col("cutoff") < last).write_parquet(path)
    whole, blind = (
        taught_examples(state, searches, ranker)[-1],
        taught_examples(fresh, searches, ranker)[-1],
    )
    assert whole.bought.sum() > 0
    assert blind.bought.sum() == 0


def test_a_prepared_cut_off_is_read_as_it_was_then(state: Path, tmp_path: Path) -> None:
    fresh = blinded(state, tmp_path, labels_from="validation")
    cutoff = plan_of(state).ranker[0]
    both = []
    for folder in (state, fresh):
        prepared = open_prepared(folder / "prepared")
        of = schema(prepared.features, "ranker")
        known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
        both.append(known.user_inputs(np.arange(len(known.users.ids))) | known.items)
    for name, values in both[0].items():
        np.testing.assert_array_equal(values, both[1][name])


@pytest.mark.parametrize("role", ["validation", "now"])
def test_no_taught_cut_off_is_one_that_judges(state: Path, role: str) -> None:
    plan = plan_of(state)
    assert getattr(plan, role) not in {*plan.served, *plan.ranker}
