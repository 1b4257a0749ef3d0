"""Reads the prepared data into arrays: raw values as a feature row holds them, and vocabulary rows.

Users and items are read as known at one cut-off; a missing row is null in every column.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from serving.features.keys import string_keys
from training.errors import PreparedError
from training.ragged import Ragged, ragged
from training.schema import Input

FILES = ("features.yaml", "statistics.json", "catalogue.parquet", "targets.parquet")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Key to row of an embedding table: 0 out of vocabulary, 1 null."""

    keys: NDArray[np.int64]  # ascending
    rows: NDArray[np.int64]
    size: int  # rows that the table needs

    def look_up(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        found = np.zeros(keys.shape, dtype=np.int64)
        if len(self.keys):
            places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
            found = np.where(self.keys[places] == keys, self.rows[places], 0)
        return np.where(keys == -1, 1, found)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The prepared folder, opened: everything but the views, which are read by cut-off."""

    folder: Path
    features: dict[str, Any]
    statistics: dict[str, dict[str, float]]
    cutoffs: tuple[datetime, ...]  # ascending, the last is now
    item_keys: NDArray[np.int64]  # (I,) ascending: the catalogue
    item_ids: pl.Series  # as in the item views, in the order of item_keys
    vocabularies: dict[str, Vocabulary]

    @property
    def now(self) -> datetime:
        return self.cutoffs[-1]

    @property
    def horizon(self) -> timedelta:
        """How long after a cut-off a purchase counts."""
        return timedelta(days=self.features["horizon_days"])

    @property
    def actions(self) -> tuple[str, ...]:
        """Kinds of events beside the target's, in the order in which models foresee them."""
        view = self.features["views"].get("user_engagement")
        return () if view is None else tuple(view["updates"]["kinds"])

    def item_index(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Position in the catalogue, -1 for what isn't in it."""
        places = np.searchsorted(self.item_keys, keys).clip(max=len(self.item_keys) - 1)
        return np.where(self.item_keys[places] == keys, places, -1)


@dataclass(frozen=True, slots=True)
class Users:
    """Users as known at a cut-off, in the order of `ids`."""

    ids: pl.Series
    scalars: dict[str, NDArray[np.generic]]  # input name: (N, F)
    lists: dict[str, Ragged]


def open_prepared(folder: Path) -> Prepared:
    """Opens the folder.

    Raises:
        PreparedError: a file is missing, or the version isn't 1.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise PreparedError(f"{folder} lacks {', '.join(missing)}; run the prepare step first")
    features = yaml.safe_load((folder / "features.yaml").read_text())
    if features["version"] != 1:
        raise PreparedError(f"{folder}/features.yaml is version {features['version']}, not 1")
    catalogue = pl.read_parquet(folder / "catalogue.parquet").sort("item_key")
    id_type = pl.Int64 if features["id_kind"] == "integer" else pl.String
    return Prepared(
        folder,
        features,
        json.loads((folder / "statistics.json").read_text()),
        tuple(_instant(c) for c in features["cutoffs"]),
        catalogue["item_key"].to_numpy(),
        catalogue["item_id"].cast(id_type),
        {
            path.stem: _vocabulary(path)
            for path in sorted((folder / "vocabularies").glob("*.parquet"))
        },
    )


def _instant(value: str | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _vocabulary(path: Path) -> Vocabulary:
    frame = pl.read_parquet(path, columns=["key", "row"]).filter(pl.col("key") >= 0).sort("key")
    rows = frame["row"].to_numpy().astype(np.int64)
    return Vocabulary(frame["key"].to_numpy(), rows, int(rows.max(initial=1)) + 1)


def known_users(prepared: Prepared, cutoff: datetime) -> pl.Series:
    """Ids of the users with a history at the cut-off, ascending."""
    return _view(prepared, "user_history", cutoff, []).collect()["user_id"].sort()


def read_users(
    prepared: Prepared, inputs: Sequence[Input], cutoff: datetime, ids: pl.Series
) -> Users:
    """The rows of `ids` at the cut-off; a user without a row has nulls and empty lists."""
    wanted = [i for i in inputs if i.kind in ("user", "user_list")]
    frame = read_columns(prepared, "user_id", ids, [c for i in wanted for c in i.columns], cutoff)
    scalars = {i.name: _scalars(frame, i) for i in wanted if i.kind == "user"}
    lists = {
        i.name: ragged(
            frame[i.columns[0]], np.int64 if i.dtype == "int64" else np.float32, i.length
        )
        for i in wanted
        if i.kind == "user_list"
    }
    return Users(frame["user_id"], scalars, lists)


def read_items(
    prepared: Prepared, inputs: Sequence[Input], cutoff: datetime
) -> dict[str, NDArray[np.generic]]:
    """Input name to (I, G): the catalogue's rows at the cut-off, in the order of its keys."""
    wanted = [i for i in inputs if i.kind == "item"]
    columns = [c for i in wanted for c in i.columns]
    frame = read_columns(prepared, "item_id", prepared.item_ids, columns, cutoff)
    return {i.name: _scalars(frame, i) for i in wanted}


def vocabulary_rows(
    prepared: Prepared, columns: Sequence[str], keys: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rows of scalar key columns, each by the vocabulary of its field: (..., len(columns))."""
    names = [column.split(".")[1] for column in columns]
    return np.stack(
        [prepared.vocabularies[name].look_up(keys[..., j]) for j, name in enumerate(names)], axis=-1
    )


def read_targets(prepared: Prepared, cutoff: datetime) -> pl.DataFrame:
    """`user_id`, `item` (position in the catalogue) and `is_new` of the purchases in the horizon."""
    frame = (
        pl.scan_parquet(prepared.folder / "targets.parquet")
        .filter(pl.col("cutoff") == cutoff)
        .select("user_id", "item_key", "is_new")
        .collect()
    )
    items = prepared.item_index(frame["item_key"].to_numpy())
    return frame.select("user_id", "is_new", item=pl.Series(items)).filter(pl.col("item") >= 0)


def read_actions(prepared: Prepared, cutoff: datetime, kind: str) -> pl.DataFrame:
    """`user_id` and `item` (position in the catalogue) of what was done of this kind in the horizon.

    Raises:
        PreparedError: the file of what was done beside the target is missing.
    """
    path = prepared.folder / "actions.parquet"
    if not path.is_file():
        raise PreparedError(f"{path} is missing; run the prepare step again")
    wanted = (pl.col("cutoff") == cutoff) & (pl.col("kind") == kind)
    frame = pl.scan_parquet(path).filter(wanted).select("user_id", "item_key").collect()
    items = prepared.item_index(frame["item_key"].to_numpy())
    return frame.select("user_id", item=pl.Series(items)).filter(pl.col("item") >= 0)


def _view(prepared: Prepared, name: str, cutoff: datetime, columns: list[str]) -> pl.LazyFrame:
    path = prepared.folder / "views" / f"{name}.parquet"
    if not path.is_file():
        raise PreparedError(f"{path} is missing; run the prepare step again")
    entity = f"{prepared.features['views'][name]['entity']}_id"
    return (
        pl.scan_parquet(path)
        .filter(pl.col("event_timestamp") == cutoff)
        .select(entity, *(pl.col(c).alias(f"{name}.{c}") for c in columns))
    )


def read_columns(
    prepared: Prepared, entity: str, ids: pl.Series, paths: Sequence[str], cutoff: datetime
) -> pl.DataFrame:
    """Columns `<view>.<column>` of these ids as known at the cut-off, in their order; null without a row.

    Raises:
        PreparedError: a view is missing, or has several rows of an id.
    """
    frame = pl.LazyFrame({entity: ids})
    by_view: dict[str, list[str]] = {}
    for path in paths:
        view, column = path.split(".")
        by_view.setdefault(view, []).append(column)
    for view, columns in by_view.items():
        rows = _view(prepared, view, cutoff, columns)
        frame = frame.join(rows, on=entity, how="left", maintain_order="left")
    collected = frame.collect()
    if collected.height != len(ids):
        raise PreparedError(
            f"{', '.join(by_view)}: several rows of one {entity} at {cutoff.isoformat()}"
        )
    return collected


def _scalars(frame: pl.DataFrame, wanted: Input) -> NDArray[np.generic]:
    """(N, F): floats with NaN for null, or the keys of texts with -1 for null."""
    columns = [frame[c] for c in wanted.columns]
    if wanted.dtype == "float32":
        return np.stack([c.cast(pl.Float32).fill_null(np.nan).to_numpy() for c in columns], axis=1)
    return np.stack([_text_keys(c) for c in columns], axis=1)


def _text_keys(texts: pl.Series) -> NDArray[np.int64]:
    unique = texts.drop_nulls().unique()
    if unique.is_empty():
        return np.full(len(texts), -1, dtype=np.int64)
    keys = pl.Series(string_keys(unique.to_list()), dtype=pl.Int64)
    return texts.replace_strict(unique, keys, default=-1, return_dtype=pl.Int64).to_numpy()
