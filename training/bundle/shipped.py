"""The models of a bundle as they ship: the module, and the tensors that it takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from serving.stages.fuse import Fusion
from training.bundle.graph import ROW
from training.candidates import item_vectors
from training.data import Prepared, Vocabulary
from training.errors import PreparedError
from training.learning.checkpoints import load_rankers, load_searches
from training.learning.feature_config import feature_config
from training.models.ranker import Ranker
from training.models.retrievers import TWO_TOWER, Retrievers, inputs_of
from training.models.top_k import FIRST_ROW, SimilarTopK, UserTopK
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


@dataclass(frozen=True, slots=True)
class Shipped:
    """All models of a bundle, and how it uses them."""

    models: tuple[ShippedModel, ...]
    fusion: Fusion
    quotas: Mapping[str, int]  # of the candidate sources, in the order in which they fill the list


def load_shipped(settings: TrainingSettings, prepared: Prepared) -> Shipped:
    """The models of the checkpoints.

    Raises:
        CheckpointError: a checkpoint is missing, or was trained on other prepared data.
        PreparedError: the prepared data doesn't hold together.
    """
    features = {
        service: feature_config(prepared, schema(prepared.features, service))
        for service in ("retriever", "ranker")
    }
    searches = load_searches(settings.models / "retriever.ckpt", features["retriever"])
    rankers = load_rankers(settings.models / "ranker.ckpt", features["ranker"])
    wanted = {n: of for n, of in searches.served.items() if n in searches.quotas or n == TWO_TOWER}
    models = shipped(prepared, wanted, rankers.members, settings.retrieved)
    return Shipped(models, rankers.fusion, searches.quotas)


def shipped(
    prepared: Prepared,
    retrievers: Retrievers,
    rankers: Mapping[str, Ranker],
    retrieved: int,
) -> tuple[ShippedModel, ...]:
    """The rankers, and the retrievers, which search the catalogue as it is now.

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
    vectors = {
        name: item_vectors(prepared, of_retriever, of, prepared.now)
        for name, of in retrievers.items()
    }
    keys = torch.from_numpy(prepared.item_keys.copy())
    best = (
        Output("candidate_id", "int64", retrieved),
        Output("candidate_score", "float32", retrieved),
    )
    return (
        *(
            ShippedModel(
                name=name,
                service="ranker",
                module=member.eval(),
                inputs=of_ranker.inputs,
                outputs=(Output("probability", "float32", -1),),
                pad_to=PAD_TO,
                vocabularies=_vocabularies(prepared, of_ranker, of_ranker.inputs),
                max_batch=RANKER_BATCH,
            )
            for name, member in rankers.items()
        ),
        *(
            ShippedModel(
                name=name,
                service="retriever",
                module=UserTopK(of, vectors[name], keys, retrieved).eval(),
                inputs=(*inputs_of(name, of_retriever), eligible(len(keys))),
                outputs=best,
                pad_to=(),
                vocabularies=_vocabularies(prepared, of_retriever, inputs_of(name, of_retriever)),
                max_batch=RETRIEVER_BATCH,
            )
            for name, of in retrievers.items()
        ),
        ShippedModel(
            name="similar",
            service="retriever",
            module=SimilarTopK(vectors[TWO_TOWER], keys, retrieved).eval(),
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
