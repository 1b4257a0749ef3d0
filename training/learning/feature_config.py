"""What a model's shapes depend on, read off the prepared data."""

from datetime import datetime

import torch
from torch import Tensor

from training.data import Prepared, read_items
from training.errors import PreparedError
from training.learning.retriever_batches import item_category_rows
from training.models.inputs import NULL_ROW, FeatureConfig
from training.schema import ITEM, Schema


def feature_config(prepared: Prepared, schema: Schema) -> FeatureConfig:
    """The vocabularies' sizes and the statistics, by column of the inputs.

    Raises:
        PreparedError: users or items have no float feature at all.
    """
    lacking = [name for name in ("user_float", "item_float") if not schema.has(name)]
    if lacking:
        raise PreparedError(
            f"the feature service has no column for {', '.join(lacking)}; "
            "prepare the data with the activity views"
        )
    item_columns = [_name(path) for path in schema.columns("item_key")]
    return FeatureConfig(
        prepared.vocabularies[ITEM].size,
        _statistics(prepared, schema.columns("user_float")),
        _statistics(prepared, schema.columns("item_float")),
        _sizes(prepared, schema.columns("user_key")),
        _sizes(prepared, schema.columns("item_key")),
        [item_columns.index(name) for name in schema.affinities],
        list(schema.affinities),
    )


def described_rows(prepared: Prepared, of: Schema, cutoff: datetime) -> Tensor:
    """(items, G) each item's category rows by its row of the item vocabulary, as known at the cut-off."""
    rows = prepared.vocabularies[ITEM].look_up(prepared.item_keys)
    categories = item_category_rows(prepared, of, read_items(prepared, of.inputs, cutoff))
    found = torch.full((prepared.vocabularies[ITEM].size, categories.shape[1]), NULL_ROW)
    found[torch.from_numpy(rows)] = torch.from_numpy(categories)
    return found


def _statistics(prepared: Prepared, paths: tuple[str, ...]) -> list[dict[str, float]]:
    return [{k: float(v) for k, v in prepared.statistics[path].items()} for path in paths]


def _sizes(prepared: Prepared, paths: tuple[str, ...]) -> list[int]:
    return [prepared.vocabularies[_name(path)].size for path in paths]


def _name(path: str) -> str:
    return path.split(".")[1]


def check_same_inputs(retriever: Schema, ranker: Schema) -> None:
    """The ranker holds a retriever inside, which reads the ranker's tensors.

    Raises:
        PreparedError: an input of the two services has other columns.
    """
    other = [
        i.name
        for i in (*retriever.for_users(), *retriever.of_kind("item"))
        if ranker.columns(i.name) != i.columns
    ]
    if other:
        raise PreparedError(
            f"the services retriever and ranker differ in the columns of {', '.join(other)}; "
            "name the same features in both"
        )
