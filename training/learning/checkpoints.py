"""Trained models as files: weights, and the plain configuration that their shapes depend on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.atomic import replacing_file
from training.errors import CheckpointError
from training.models.inputs import FeatureConfig
from training.models.ranker import Ranker, ranker_config
from training.models.two_tower import TwoTower, two_tower_config

VERSION = 1


@dataclass(frozen=True, slots=True)
class Towers:
    """The retriever of the ranker's training candidates, and the one that is served (schedule.py)."""

    early: TwoTower
    served: TwoTower


def save_towers(path: Path, towers: Towers) -> None:
    _save(path, {"early": _packed(towers.early), "served": _packed(towers.served)})


def load_towers(path: Path, features: FeatureConfig) -> Towers:
    """Both towers in eval mode.

    Raises:
        CheckpointError: the file is missing, of another version, or was trained on other features.
    """
    document = _load(path, "training.train_retriever")
    return Towers(
        _tower(path, document["early"], features), _tower(path, document["served"], features)
    )


def save_ranker(path: Path, ranker: Ranker) -> None:
    _save(path, {"ranker": _packed(ranker)})


def load_ranker(path: Path, features: FeatureConfig) -> Ranker:
    """The ranker, with its tower inside, in eval mode.

    Raises:
        CheckpointError: the file is missing, of another version, or was trained on other features.
    """
    packed = _load(path, "training.train_ranker")["ranker"]
    ranker = Ranker(ranker_config(packed["config"]))
    _check(path, ranker.config.features, features)
    ranker.load_state_dict(packed["weights"])
    return ranker.eval()


def _tower(path: Path, packed: Mapping[str, Any], features: FeatureConfig) -> TwoTower:
    tower = TwoTower(two_tower_config(packed["config"]))
    _check(path, tower.config.features, features)
    tower.load_state_dict(packed["weights"])
    return tower.eval()


def _packed(model: TwoTower | Ranker) -> dict[str, Any]:
    return {"config": model.config.plain(), "weights": model.state_dict()}


def _save(path: Path, document: Mapping[str, Any]) -> None:
    with replacing_file(path) as fresh:
        torch.save({"version": VERSION, **document}, fresh)


def _load(path: Path, step: str) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; run {step} first")
    document: dict[str, Any] = torch.load(path, weights_only=True)
    if document.get("version") != VERSION:
        raise CheckpointError(
            f"{path} is version {document.get('version')}, this program reads {VERSION}; "
            f"run {step} again"
        )
    return document


def _check(path: Path, trained: FeatureConfig, prepared: FeatureConfig) -> None:
    if trained != prepared:
        raise CheckpointError(
            f"{path} was trained on other prepared data (its vocabularies, statistics or columns "
            "differ); train again"
        )
