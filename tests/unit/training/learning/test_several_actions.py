"""A data set of several actions, from its events to the models: forty people of the made-up shop."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tests.unit.training.bundle.shop import QUOTAS, random_ranker, random_retrievers, silent
from training import train_ranker, train_retriever
from training.candidates import Sources, sources_at
from training.data import Prepared, known_users, open_prepared
from training.datasets.generated.generate import generate
from training.datasets.generated.shop import SHOP
from training.errors import PreparedError
from training.known import Known, known_at
from training.learning.checkpoints import load_rankers
from training.learning.feature_config import feature_config
from training.learning.ranker_examples import (
    ExampleBatches,
    Examples,
    Labels,
    Sampling,
    examples,
    some_users,
    together,
)
from training.models.ranker import Ranker
from training.models.retrievers import Retrievers
from training.prepare.__main__ import prepare
from training.prepare.contract import open_data_set
from training.schema import schema
from training.settings import TrainingSettings

KINDS = ("ad_click", "ad_impression", "click", "impression")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lively")
    generate(SHOP, folder / "dataset", 40, 7, silent())
    prepare(folder, None, 4, silent())
    return folder


@pytest.fixture(scope="module")
def prepared(state: Path) -> Prepared:
    return open_prepared(state / "prepared")


@pytest.fixture(scope="module")
def searches(prepared: Prepared) -> Retrievers:
    torch.manual_seed(3)
    return random_retrievers(prepared, dimension=8)


@pytest.fixture(scope="module")
def ranker(prepared: Prepared, searches: Retrievers) -> Ranker:
    torch.manual_seed(4)
    return random_ranker(prepared, searches, "mlp")


def moment(prepared: Prepared, searches: Retrievers, cutoff: datetime) -> tuple[Known, Sources]:
    of = schema(prepared.features, "ranker")
    known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
    return known, sources_at(prepared, of, searches, QUOTAS, cutoff, 24)


@pytest.fixture(scope="module")
def known(prepared: Prepared, searches: Retrievers) -> Known:
    return moment(prepared, searches, prepared.cutoffs[-2])[0]


@pytest.fixture(scope="module")
def sources(prepared: Prepared, searches: Retrievers) -> Sources:
    return moment(prepared, searches, prepared.cutoffs[-2])[1]


@pytest.fixture(scope="module")
def made(known: Known, sources: Sources, ranker: Ranker) -> Examples:
    return examples(known, sources, ranker, Sampling())


def done(state: Path, known: Known) -> set[tuple[object, object, str]]:
    """User, item and kind of the data set's events in the horizon."""
    inside = (pl.col("time") >= known.cutoff) & (
        pl.col("time") < known.cutoff + known.prepared.horizon
    )
    events = open_data_set(state / "dataset").events.filter(inside)
    return set(events.select("user_id", "item_id", "kind").collect().iter_rows())


def test_labels_of_other_actions_are_the_events_of_the_horizon(state: Path, known: Known) -> None:
    assert known.prepared.actions == KINDS
    events = done(state, known)
    people, items = known.users.ids.to_list(), known.prepared.item_ids.to_list()
    everybody, everything = np.arange(len(people)), np.arange(-1, len(items))
    found = Labels(known).others(everybody, np.tile(everything, (len(people), 1)))
    assert found.shape == (len(people), 1 + len(items), len(KINDS))
    assert not found[:, 0].any()
    for user, place, action in np.ndindex(len(people), len(items), len(KINDS)):
        happened = (people[user], items[place], KINDS[action]) in events
        assert found[user, 1 + place, action] == happened
    assert found.any(axis=(0, 1)).all()


def test_examples_hold_what_was_done_with_each_candidate(
    state: Path, known: Known, made: Examples
) -> None:
    events = done(state, known)
    people, items = known.users.ids.to_list(), known.prepared.item_ids.to_list()
    user = np.repeat(np.arange(len(people)), np.diff(made.offsets))
    assert made.others.shape == (len(made.item), len(KINDS))
    assert made.others.dtype == torch.float32
    for row, place in enumerate(made.item.tolist()):
        happened = [(people[user[row]], items[place], kind) in events for kind in KINDS]
        assert made.others[row].tolist() == happened


def test_other_actions_are_carried_wherever_examples_go(made: Examples) -> None:
    twice = together([made, made])
    assert torch.equal(twice.others, made.others.repeat(2, 1))
    thirds = some_users(made, 3)
    which = np.array([0, 3, 6])
    own = [made.others[made.offsets[u] : made.offsets[u + 1]] for u in which]
    assert torch.equal(thirds.others[: thirds.offsets[3]], torch.cat(own))
    batch = ExampleBatches(made)[which]
    assert batch["others"].shape == (*batch["mask"].shape, len(KINDS))
    for line, mine in enumerate(own):
        assert torch.equal(batch["others"][line][batch["mask"][line]], mine)


def test_thinning_asks_for_the_target_alone(
    known: Known, sources: Sources, ranker: Ranker, made: Examples
) -> None:
    """What else was done makes nobody's negative likelier to be kept: the offset stays right."""
    thin = examples(known, sources, ranker, Sampling(negative_share=0.3, seed=1))
    assert thin.bought.sum() == made.bought.sum() > 0
    for action in range(len(KINDS)):
        mine = (made.others[:, action] > 0) & (made.bought == 0)
        kept = (thin.others[:, action] > 0) & (thin.bought == 0)
        chance = np.sqrt(0.3 * 0.7 / int(mine.sum()))
        assert int(kept.sum()) / int(mine.sum()) == pytest.approx(0.3, abs=4 * chance)


def test_no_cut_off_reads_the_labels_of_another(
    state: Path, tmp_path: Path, searches: Retrievers, ranker: Ranker
) -> None:
    """What was done after the cut-off of validation is taken away: those before it learn the same."""
    shutil.copytree(state / "prepared", tmp_path / "prepared")
    path = tmp_path / "prepared/actions.parquet"
    *_, taught, validation, _now = open_prepared(state / "prepared").cutoffs
    pl.read_parquet(path).filter(pl.col("cutoff") < validation).write_parquet(path)
    found = {
        (folder, cutoff): examples(
            *moment(open_prepared(folder / "prepared"), searches, cutoff), ranker, Sampling(0.5)
        ).others
        for folder in (state, tmp_path)
        for cutoff in (taught, validation)
    }
    assert torch.equal(found[state, taught], found[tmp_path, taught])
    assert found[state, taught].any()
    assert found[state, validation].any()
    assert not found[tmp_path, validation].any()


def test_prepared_data_without_what_was_done_has_to_be_prepared_again(
    state: Path, tmp_path: Path, searches: Retrievers
) -> None:
    shutil.copytree(state / "prepared", tmp_path / "prepared")
    (tmp_path / "prepared/actions.parquet").unlink()
    fresh = open_prepared(tmp_path / "prepared")
    known, _ = moment(fresh, searches, fresh.cutoffs[-2])
    with pytest.raises(PreparedError, match=r"actions\.parquet is missing; run the prepare step"):
        Labels(known)


@pytest.fixture(scope="module")
def settings(state: Path) -> TrainingSettings:
    tiny = TrainingSettings(
        state=state,
        members="trees,mlp,rnn",
        retriever_epochs=1,
        ranker_epochs=1,
        action_weight=1.0,
        retriever_negatives=64,
        dimension=8,
        retrieved=48,
        threads=1,
    )
    train_retriever.train(tiny, silent())
    train_ranker.train(tiny, silent())
    return tiny


def members(settings: TrainingSettings) -> dict[str, Ranker]:
    prepared = open_prepared(settings.prepared)
    features = feature_config(prepared, schema(prepared.features, "ranker"))
    return dict(load_rankers(settings.models / "ranker.ckpt", features).members)


def test_every_network_has_a_head_an_action_and_says_what_it_is_worth(
    settings: TrainingSettings,
) -> None:
    told = json.loads((settings.models / "ranker.json").read_text())["members"]
    taught = members(settings)
    assert "actions" not in told["trees"]
    assert taught["trees"].config.actions == ()
    for name in ("mlp", "rnn"):
        assert taught[name].config.actions == KINDS
        assert list(told[name]["actions"]) == list(KINDS)
        for figures in told[name]["actions"].values():
            rate = figures["share"]
            entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
            assert 0 < figures["log_loss_calibrated"] <= entropy
            assert 0.5 < figures["auc"] < 1.0
        assert (taught[name].action_slopes != 1.0).all()


def test_the_same_seed_teaches_the_same_heads(settings: TrainingSettings, tmp_path: Path) -> None:
    (tmp_path / "prepared").symlink_to(settings.prepared)
    (tmp_path / "models").mkdir()
    shutil.copy(settings.models / "retriever.ckpt", tmp_path / "models")
    again = settings.model_copy(update={"state": tmp_path})
    train_ranker.train(again, silent())
    one, other = members(settings), members(again)
    assert one.keys() == other.keys()
    for name, member in one.items():
        weights = other[name].state_dict()
        for key, values in member.state_dict().items():
            assert np.allclose(values.numpy(), weights[key].numpy(), atol=1e-6), (name, key)
