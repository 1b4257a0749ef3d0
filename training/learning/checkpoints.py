"""Trained models as files: weights, and the plain configuration that their shapes depend on."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from serving.stages.fuse import Blend, Fusion
from training.atomic import replacing_file
from training.errors import CheckpointError
from training.models.inputs import FeatureConfig
from training.models.ranker import Ranker
from training.models.ranker_config import ranker_config
from training.models.retrievers import Retriever, Retrievers, new, of_plain

SEARCHES_VERSION, RANKERS_VERSION = 2, 3


@dataclass(frozen=True, slots=True)
class Searches:
    """The retrievers of the ranker's training candidates, those that are served (schedule.py), and quotas."""

    early: Retrievers
    served: Retrievers
    quotas: Mapping[str, int]  # of the candidate sources, in the order in which they fill the list


@dataclass(frozen=True, slots=True)
class Rankers:
    """The members in the order of what each adds, and what is made of their probabilities."""

    members: Mapping[str, Ranker]
    fusion: Fusion


def packed(retrievers: Retrievers) -> bytes:
    """As they pass from process to process."""
    file = BytesIO()
    torch.save({name: _packed(of) for name, of in retrievers.items()}, file)
    return file.getvalue()


def unpacked(given: bytes) -> Retrievers:
    """The inverse of `packed`; in eval mode."""
    document = torch.load(BytesIO(given), weights_only=True)
    return {name: _unpacked(name, of) for name, of in document.items()}


def save_searches(path: Path, searches: Searches) -> None:
    _save(
        path,
        SEARCHES_VERSION,
        {
            "early": {name: _packed(of) for name, of in searches.early.items()},
            "served": {name: _packed(of) for name, of in searches.served.items()},
            "quotas": dict(searches.quotas),
        },
    )


def load_searches(path: Path, features: FeatureConfig) -> Searches:
    """All retrievers in eval mode.

    Raises:
        CheckpointError: the file is missing, of another version, or was trained on other features.
    """
    document = _load(path, "training.train_retriever", SEARCHES_VERSION)
    early, served = (
        {name: _retriever(path, name, packed, features) for name, packed in document[of].items()}
        for of in ("early", "served")
    )
    return Searches(early, served, document["quotas"])


def save_rankers(path: Path, rankers: Rankers) -> None:
    _save(
        path,
        RANKERS_VERSION,
        {
            "members": {name: _packed(member) for name, member in rankers.members.items()},
            "blends": [[list(b.members), list(b.weights), b.offset] for b in rankers.fusion.blends],
        },
    )


def load_rankers(path: Path, features: FeatureConfig) -> Rankers:
    """The members, each with its tower inside and in eval mode, and their fusion.

    Raises:
        CheckpointError: the file is missing, of another version, or was trained on other features.
    """
    document = _load(path, "training.train_ranker", RANKERS_VERSION)
    members: dict[str, Ranker] = {}
    for name, packed in document["members"].items():
        ranker = Ranker(ranker_config(packed["config"]))
        _check(path, ranker.config.features, features)
        ranker.load_state_dict(packed["weights"])
        members[name] = ranker.eval()
    blends = tuple(Blend(tuple(names), tuple(w), offset) for names, w, offset in document["blends"])
    return Rankers(members, Fusion(tuple(members), blends))


def _retriever(
    path: Path, name: str, packed: Mapping[str, Any], features: FeatureConfig
) -> Retriever:
    retriever = _unpacked(name, packed)
    _check(path, retriever.config.features, features)
    return retriever


def _unpacked(name: str, packed: Mapping[str, Any]) -> Retriever:
    retriever = new(name, of_plain(name, packed["config"]))
    retriever.load_state_dict(packed["weights"])
    return retriever.eval()


def _packed(model: Retriever | Ranker) -> dict[str, Any]:
    return {"config": model.config.plain(), "weights": model.state_dict()}


def _save(path: Path, version: int, document: Mapping[str, Any]) -> None:
    with replacing_file(path) as fresh:
        torch.save({"version": version, **document}, fresh)


def _load(path: Path, step: str, version: int) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; run {step} first")
    document: dict[str, Any] = torch.load(path, weights_only=True)
    if document.get("version") != version:
        raise CheckpointError(
            f"{path} is version {document.get('version')}, this program reads {version}; "
            f"run {step} again"
        )
    return document


def _check(path: Path, trained: FeatureConfig, prepared: FeatureConfig) -> None:
    if trained != prepared:
        raise CheckpointError(
            f"{path} was trained on other prepared data (its vocabularies, statistics or columns "
            "differ); train again"
        )
