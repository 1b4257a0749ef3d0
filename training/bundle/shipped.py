"""The models of a bundle as they ship: the module, and the tensors that it takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.bundle.graph import ROW
from training.candidates import item_vectors
from training.data import Prepared, Vocabulary
from training.errors import PreparedError
from training.learning.checkpoints import load_ranker, load_towers
from training.learning.feature_config import feature_config
from training.models.ranker import Ranker
from training.models.top_k import FIRST_ROW, SimilarTopK, UserTopK
from training.models.two_tower import TwoTower
from training.schema import ITEM, Input, Schema, eligible, row_vocabularies, schema
from training.settings import TrainingSettings

PAD_TO = (64, 128, 256, 512, 1024)
RANKER_BATCH, RETRIEVER_BATCH = 8, 64  # requests that Triton joins into one run, at the most

Tensors = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor that a model gives; -1 is a dimension that follows the candidates."""

    name: str
    dtype: str
    width: int


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """One model of the bundle."""

    name: str
    service: str
    module: nn.Module
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    pad_to: tuple[int, ...]  # allowed numbers of candidates
    vocabularies: Mapping[str, tuple[Vocabulary, ...]]  # by input, one a column
    max_batch: int

    @property
    def candidates(self) -> str | int:
        """The graph's number of candidates: a name if it may differ between calls."""
        return self.pad_to[0] if len(self.pad_to) == 1 else "C"

    def run(self, raw: Tensors) -> dict[str, NDArray[np.generic]]:
        """The framework's own answer to raw tensors."""
        tensors = {name: torch.from_numpy(values) for name, values in raw.items()}
        for name, columns in self.vocabularies.items():
            tensors[name + ROW] = torch.from_numpy(_rows(columns, raw[name].astype(np.int64)))
        with torch.no_grad():
            answer = self.module(tensors)
        given = answer if isinstance(answer, tuple) else (answer,)
        return {o.name: tensor.numpy() for o, tensor in zip(self.outputs, given, strict=True)}


def _rows(columns: tuple[Vocabulary, ...], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(columns) == 1:
        return columns[0].look_up(keys)
    return np.stack([of.look_up(keys[..., j]) for j, of in enumerate(columns)], axis=-1)


def load_shipped(settings: TrainingSettings, prepared: Prepared) -> tuple[ShippedModel, ...]:
    """The models of the checkpoints.

    Raises:
        CheckpointError: a checkpoint is missing, or was trained on other prepared data.
        PreparedError: the prepared data doesn't hold together.
    """
    features = {
        service: feature_config(prepared, schema(prepared.features, service))
        for service in ("retriever", "ranker")
    }
    towers = load_towers(settings.models / "retriever.ckpt", features["retriever"])
    ranker = load_ranker(settings.models / "ranker.ckpt", features["ranker"])
    return shipped(prepared, towers.served, ranker, settings.retrieved)


def shipped(
    prepared: Prepared, tower: TwoTower, ranker: Ranker, retrieved: int
) -> tuple[ShippedModel, ...]:
    """The three models; the retrievers search the catalogue as it is now.

    Raises:
        PreparedError: the item vocabulary isn't in the catalogue's order, by which they find rows.
    """
    rows = prepared.vocabularies[ITEM].look_up(prepared.item_keys)
    if not np.array_equal(rows, np.arange(len(rows)) + FIRST_ROW):
        raise PreparedError(
            f"{prepared.folder}: rows of the item vocabulary don't follow the catalogue's keys; run the "
            "prepare step again"
        )
    of_retriever, of_ranker = (schema(prepared.features, s) for s in ("retriever", "ranker"))
    vectors = item_vectors(prepared, of_retriever, tower, prepared.now)
    keys = torch.from_numpy(prepared.item_keys.copy())
    best = (
        Output("candidate_id", "int64", retrieved),
        Output("candidate_score", "float32", retrieved),
    )
    return (
        ShippedModel(
            name="ranker",
            service="ranker",
            module=ranker.eval(),
            inputs=of_ranker.inputs,
            outputs=(Output("probability", "float32", -1),),
            pad_to=PAD_TO,
            vocabularies=_vocabularies(prepared, of_ranker, of_ranker.inputs),
            max_batch=RANKER_BATCH,
        ),
        ShippedModel(
            name="two_tower",
            service="retriever",
            module=UserTopK(tower, vectors, keys, retrieved).eval(),
            inputs=(*of_retriever.for_users(), eligible(len(keys))),
            outputs=best,
            pad_to=(),
            vocabularies=_vocabularies(prepared, of_retriever, of_retriever.for_users()),
            max_batch=RETRIEVER_BATCH,
        ),
        ShippedModel(
            name="similar",
            service="retriever",
            module=SimilarTopK(vectors, keys, retrieved).eval(),
            inputs=of_retriever.of_kind("item_id"),
            outputs=best,
            pad_to=(1,),
            vocabularies=_vocabularies(prepared, of_retriever, of_retriever.of_kind("item_id")),
            max_batch=RETRIEVER_BATCH,
        ),
    )


def _vocabularies(
    prepared: Prepared, of: Schema, inputs: tuple[Input, ...]
) -> dict[str, tuple[Vocabulary, ...]]:
    taken = {i.name for i in inputs}
    return {
        name: tuple(prepared.vocabularies[v] for v in columns)
        for name, columns in row_vocabularies(of).items()
        if name in taken
    }
