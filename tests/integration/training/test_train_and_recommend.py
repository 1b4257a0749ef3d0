"""The two training commands and offline recommendation, on sixty households of the real data set."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from rich.console import Console

from training import offline, train_ranker, train_retriever
from training.candidates import gather
from training.data import known_users
from training.datasets import complete_journey
from training.known import with_rows
from training.learning import side_by_side
from training.learning.ranker_examples import Labels
from training.models.ranker import NETWORKS
from training.models.retrievers import NAMES, TAUGHT
from training.offline import Models, best, candidates, open_models, recommend, score_raw
from training.policy import MAX_CANDIDATES
from training.prepare.__main__ import prepare
from training.settings import TrainingSettings

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    folder = tmp_path_factory.mktemp("state")
    complete_journey.convert(folder / "dataset", 60, QUIET)
    prepare(folder, None, 4, QUIET)
    tiny = TrainingSettings(
        state=folder,
        retrievers=",".join(NAMES),
        members=",".join(NETWORKS),
        item_to_item_rank=16,
        retriever_epochs=1,
        ranker_epochs=1,
        retriever_negatives=256,
        dimension=8,
        retrieved=64,
        threads=1,
    )
    train_retriever.train(tiny, QUIET)
    train_ranker.train(tiny, QUIET)
    return tiny


@pytest.fixture(scope="module")
def models(settings: TrainingSettings) -> Models:
    return open_models(settings)


def test_the_commands_write_what_the_report_reads(settings: TrainingSettings) -> None:
    measures = dict.fromkeys(TAUGHT, "recall") | dict.fromkeys(NETWORKS, "log_loss")
    for name, measure in measures.items():
        epochs = json.loads((settings.models / f"{name}_curves.json").read_text())
        assert len(epochs) == 1 or name == "trees"
        for epoch in epochs:
            assert np.isfinite([epoch["train_loss"], epoch[measure]]).all()
    retriever, ranker = (
        json.loads((settings.models / f"{step}.json").read_text())
        for step in ("retriever", "ranker")
    )
    assert retriever["seconds"] > 0
    assert set(retriever["served"]) == set(TAUGHT)
    assert retriever["quotas"]["repeat"] >= 16
    assert ranker["seconds"] > 0
    assert set(ranker["members"]) == set(NETWORKS)
    assert 0 < ranker["threshold"] < 1


def test_the_fusion_is_no_worse_than_any_member_where_it_was_learned(
    settings: TrainingSettings,
) -> None:
    ranker = json.loads((settings.models / "ranker.json").read_text())
    best = min(m["log_loss_calibrated"] for m in ranker["members"].values())
    assert ranker["log_loss_calibrated"] <= best + 1e-6


def test_every_subset_of_the_members_is_calibrated_on_validation(models: Models) -> None:
    """As it is served when a member doesn't answer."""
    cutoff = models.prepared.cutoffs[-2]
    people = offline.known(models, cutoff, known_users(models.prepared, cutoff))
    labels = Labels(people)
    everybody = np.arange(len(people.users.ids))
    users = people.user_inputs(everybody)
    gathered = gather(people, users, offline.sources_of(models, cutoff), exclude_purchased=False)
    inputs = users | people.item_inputs(gathered.positions)
    tensors = with_rows(models.prepared, models.schema, inputs)
    with torch.no_grad():
        said = {name: member(tensors).numpy() for name, member in models.rankers.members.items()}
    real = gathered.positions >= 0
    bought = labels.of(everybody, gathered.positions)[real].mean()
    for blend in models.rankers.fusion.blends:
        fused = models.rankers.fusion({name: said[name] for name in blend.members})
        assert fused[real].mean() == pytest.approx(bought, rel=0.01), blend.members


def test_slates_are_filled_with_distinct_catalogue_items_best_first(models: Models) -> None:
    now = models.prepared.now
    ids = known_users(models.prepared, now)
    slates = recommend(models, now, ids, exclude_purchased=False, count=20)
    assert slates.item_key.shape == (len(ids), 20)
    assert np.isin(slates.item_key, models.prepared.item_keys).all()
    assert (np.diff(slates.probability, axis=1) <= 0).all()
    assert ((slates.probability > 0) & (slates.probability < 1)).all()
    assert all(len(set(row)) == 20 for row in slates.item_key.tolist())


def test_purchased_items_are_left_out_when_asked(models: Models) -> None:
    now = models.prepared.now
    ids = known_users(models.prepared, now)[:10]
    slates = recommend(models, now, ids, exclude_purchased=True, count=20)
    view = pl.read_parquet(models.prepared.folder / "views/user_history.parquet")
    rows = view.filter(pl.col("event_timestamp") == now)
    owned = dict(zip(rows["user_id"].to_list(), rows["owned_item"].to_list(), strict=True))
    for user, row in zip(ids.to_list(), slates.item_key.tolist(), strict=True):
        assert not set(row) & set(owned[user])


def test_strangers_share_one_useful_slate(models: Models) -> None:
    slates = recommend(
        models, models.prepared.now, pl.Series([-5, -6]), exclude_purchased=False, count=20
    )
    assert (slates.item_key[0] >= 0).all()
    assert (slates.item_key[0] == slates.item_key[1]).all()


def test_a_slate_is_the_best_of_the_candidate_list_equals_by_key(models: Models) -> None:
    cutoff = models.prepared.cutoffs[-2]
    ids = known_users(models.prepared, cutoff)[:5]
    lists = candidates(models, cutoff, ids, exclude_purchased=False)
    slates = best(lists, 600)
    assert lists.bought is not None
    for i in range(len(ids)):
        of = slice(lists.item_key.offsets[i], lists.item_key.offsets[i + 1])
        pairs = zip(
            (-lists.probability[of]).tolist(), lists.item_key.values[of].tolist(), strict=True
        )
        ordered = [key for _, key in sorted(pairs)]
        assert len(ordered) <= MAX_CANDIDATES
        assert slates.item_key[i, : len(ordered)].tolist() == ordered
        assert (slates.item_key[i, len(ordered) :] == -1).all()
        assert np.isnan(slates.probability[i, len(ordered) :]).all()
    assert lists.sources.min() > 0
    assert lists.sources.max() < 1 << len(lists.source_names)
    assert lists.source_names == tuple(models.searches.quotas)


def test_labels_after_now_are_unknown(models: Models) -> None:
    ids = known_users(models.prepared, models.prepared.now)[:3]
    assert candidates(models, models.prepared.now, ids, exclude_purchased=False).bought is None


def test_raw_tensors_score_as_the_candidate_lists_do(models: Models) -> None:
    now = models.prepared.now
    ids = known_users(models.prepared, now)[:1]
    lists = candidates(models, now, ids, exclude_purchased=False)
    known = offline.known(models, now, ids)
    keys = lists.item_key.values.astype(np.int64)
    positions = models.prepared.item_index(keys)[None]
    inputs = known.user_inputs(np.array([0])) | known.item_inputs(positions)
    assert score_raw(models, inputs)[0] == pytest.approx(lists.probability, abs=1e-6)


def test_probabilities_are_calibrated_on_validation(models: Models) -> None:
    cutoff = models.prepared.cutoffs[-2]
    ids = known_users(models.prepared, cutoff)
    lists = candidates(models, cutoff, ids, exclude_purchased=False)
    assert lists.bought is not None
    assert lists.probability.mean() == pytest.approx(lists.bought.mean(), rel=0.01)


def test_training_again_gives_the_same_models(settings: TrainingSettings, tmp_path: Path) -> None:
    (tmp_path / "prepared").symlink_to(settings.prepared)
    again = settings.model_copy(update={"state": tmp_path})
    train_retriever.train(again, QUIET)
    train_ranker.train(again, QUIET)
    one, other = open_models(settings), open_models(again)
    assert other.searches.quotas == one.searches.quotas
    assert other.rankers.fusion.members == one.rankers.fusion.members
    for blend, twin in zip(one.rankers.fusion.blends, other.rankers.fusion.blends, strict=True):
        assert twin.members == blend.members
        assert twin.weights == pytest.approx(blend.weights, abs=1e-4)
    pairs = [
        *((of, other.searches.early[name]) for name, of in one.searches.early.items()),
        *((of, other.searches.served[name]) for name, of in one.searches.served.items()),
        *((of, other.rankers.members[name]) for name, of in one.rankers.members.items()),
    ]
    assert len(pairs) == 2 * len(NAMES) + len(NETWORKS)
    for of, twin in pairs:
        weights = twin.state_dict()
        for name, values in of.state_dict().items():
            assert np.allclose(values.numpy(), weights[name].numpy(), atol=1e-6), name


@pytest.mark.parametrize("step", ["train_retriever", "train_ranker"])
def test_without_prepared_data_a_command_says_what_to_do(tmp_path: Path, step: str) -> None:
    command = [sys.executable, "-m", f"training.{step}", "--state", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "run the prepare step first" in " ".join(ended.stdout.split())
    assert "Traceback" not in ended.stderr


def test_side_by_side_gives_what_one_after_another_gives(
    settings: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "MANY_ITEMS", 0)
    (tmp_path / "prepared").symlink_to(settings.prepared)
    two = settings.model_copy(update={"state": tmp_path, "threads": 2})
    train_retriever.train(two, QUIET)
    train_ranker.train(two, QUIET)
    assert {path.name for path in tmp_path.glob("models/*")} == {
        path.name for path in settings.models.iterdir()
    }
    one, other = open_models(settings), open_models(two)
    assert one.searches.quotas == other.searches.quotas
    assert one.rankers.fusion == other.rankers.fusion
    for name, member in one.rankers.members.items():
        again = other.rankers.members[name].state_dict()
        assert all(torch.equal(values, again[key]) for key, values in member.state_dict().items())
