import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from serving.stages.fuse import alone
from tests.fakes.policies import blended
from tests.unit.training.bundle.shop import random_ranker
from training.atomic import replace_link, replace_text, replacing_file
from training.data import Prepared
from training.errors import CheckpointError
from training.learning.checkpoints import (
    Rankers,
    Searches,
    load_rankers,
    load_searches,
    save_rankers,
    save_searches,
)
from training.models.ranker import NETWORKS, Ranker
from training.models.retrievers import NAMES, Retrievers
from training.step import step


@pytest.fixture
def rankers(prepared: Prepared, searches: Retrievers) -> Rankers:
    members = {name: random_ranker(prepared, searches, name) for name in reversed(NETWORKS)}
    return Rankers(members, blended(*members))


def same(one: nn.Module, other: nn.Module) -> bool:
    weights = other.state_dict()
    return one.state_dict().keys() == weights.keys() and all(
        torch.equal(values, weights[name]) for name, values in one.state_dict().items()
    )


def test_rankers_come_back_as_they_were_saved_in_their_order(
    tmp_path: Path, rankers: Rankers, ranker: Ranker
) -> None:
    save_rankers(tmp_path / "ranker.ckpt", rankers)
    found = load_rankers(tmp_path / "ranker.ckpt", ranker.config.features)
    assert list(found.members) == list(rankers.members)
    assert found.fusion == rankers.fusion
    for name, member in found.members.items():
        assert member.config == rankers.members[name].config
        assert not member.training
        assert same(member, rankers.members[name])


def test_retrievers_and_quotas_come_back(
    tmp_path: Path, searches: Retrievers, ranker: Ranker
) -> None:
    quotas = {"repeat": 32, "sasrec": 16, "popular": 8}
    path = tmp_path / "retriever.ckpt"
    save_searches(path, Searches({"sasrec": searches["sasrec"]}, searches, quotas))
    found = load_searches(path, ranker.config.features)
    assert list(found.early) == ["sasrec"]
    assert list(found.served) == list(NAMES)
    assert list(found.quotas.items()) == list(quotas.items())
    for name, retriever in found.served.items():
        assert retriever.config == searches[name].config
        assert not retriever.training
        assert same(retriever, searches[name])


def test_a_missing_checkpoint_says_which_step_makes_it(tmp_path: Path, ranker: Ranker) -> None:
    with pytest.raises(
        CheckpointError, match=r"ranker\.ckpt is missing; run training\.train_ranker"
    ):
        load_rankers(tmp_path / "ranker.ckpt", ranker.config.features)


def test_checkpoints_of_other_prepared_data_are_refused(
    tmp_path: Path, searches: Retrievers, ranker: Ranker
) -> None:
    save_searches(tmp_path / "retriever.ckpt", Searches(searches, searches, {}))
    save_rankers(tmp_path / "ranker.ckpt", Rankers({"mlp": ranker}, alone("mlp")))
    other = dataclasses.replace(ranker.config.features, items=7)
    with pytest.raises(CheckpointError, match="trained on other prepared data"):
        load_searches(tmp_path / "retriever.ckpt", other)
    with pytest.raises(CheckpointError, match="trained on other prepared data"):
        load_rankers(tmp_path / "ranker.ckpt", other)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, ranker: Ranker) -> None:
    torch.save({"version": 1}, tmp_path / "retriever.ckpt")
    with pytest.raises(CheckpointError, match="is version 1, this program reads 2"):
        load_searches(tmp_path / "retriever.ckpt", ranker.config.features)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    replace_text(path, "old")

    def fail() -> None:
        with replacing_file(path) as fresh:
            fresh.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_turned_to_its_new_target(tmp_path: Path) -> None:
    for target in ("a", "b"):
        (tmp_path / target).mkdir()
        replace_link(tmp_path / "current", target)
    assert (tmp_path / "current").resolve() == tmp_path / "b"


def test_a_step_tells_its_figures_if_it_ends_well(tmp_path: Path) -> None:
    with step(tmp_path, "lesson") as figures:
        figures["recall"] = 0.5
    told = json.loads((tmp_path / "lesson.json").read_text())
    assert told["recall"] == 0.5
    assert told["peak_memory_bytes"] > 1_000_000
    with pytest.raises(RuntimeError), step(tmp_path, "failed"):
        raise RuntimeError
    assert not (tmp_path / "failed.json").exists()
