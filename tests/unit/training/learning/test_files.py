import dataclasses
import json
from pathlib import Path

import pytest
import torch

from training.atomic import replace_link, replace_text, replacing_file
from training.errors import CheckpointError
from training.learning.checkpoints import Towers, load_ranker, load_towers, save_ranker, save_towers
from training.models.ranker import Ranker
from training.models.two_tower import TwoTower
from training.step import step


def test_a_ranker_comes_back_as_it_was_saved(tmp_path: Path, ranker: Ranker) -> None:
    save_ranker(tmp_path / "ranker.ckpt", ranker)
    found = load_ranker(tmp_path / "ranker.ckpt", ranker.config.features)
    assert found.config == ranker.config
    assert not found.training
    for name, weights in ranker.state_dict().items():
        assert torch.equal(weights, found.state_dict()[name])


def test_both_towers_come_back(tmp_path: Path, tower: TwoTower) -> None:
    save_towers(tmp_path / "retriever.ckpt", Towers(tower, tower))
    found = load_towers(tmp_path / "retriever.ckpt", tower.config.features)
    assert found.early.config == found.served.config == tower.config


def test_a_missing_checkpoint_says_which_step_makes_it(tmp_path: Path, tower: TwoTower) -> None:
    with pytest.raises(
        CheckpointError, match=r"ranker\.ckpt is missing; run training\.train_ranker"
    ):
        load_ranker(tmp_path / "ranker.ckpt", tower.config.features)


def test_a_checkpoint_of_other_prepared_data_is_refused(tmp_path: Path, tower: TwoTower) -> None:
    save_towers(tmp_path / "retriever.ckpt", Towers(tower, tower))
    other = dataclasses.replace(tower.config.features, items=7)
    with pytest.raises(CheckpointError, match="trained on other prepared data"):
        load_towers(tmp_path / "retriever.ckpt", other)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, tower: TwoTower) -> None:
    torch.save({"version": 0}, tmp_path / "retriever.ckpt")
    with pytest.raises(CheckpointError, match="is version 0, this program reads 1"):
        load_towers(tmp_path / "retriever.ckpt", tower.config.features)


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
