"""Builds the index of the catalogue's words: `python -m training.search.index --state FOLDER`.

Writes `<state>/search/<version>`, named by what is in it, and points `current` there. An item is found by its
title, categories, brands, other categories and free texts; filtered, counted and sorted by the columns of its
views as of now. `dataset/synonyms.txt`, if there is one, goes along.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from serving.errors import ArtefactError
from serving.search.documents import Fields, Item
from serving.search.index import SYNONYMS, write_index
from serving.search.phrases import phrases_of
from training.bundle.folder import prune, publish, staging
from training.data import Prepared, open_prepared, read_columns
from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.prepare.contract import DataSet, open_data_set
from training.settings import TrainingSettings, read_settings

FOLDER = "search"
POPULARITY = "item_activity.popularity"
PROFILE = "item_profile"  # the view of what an item is


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.search.index")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        build(read_settings(given.state), console)
    except (TrainingError, DataSetError, ArtefactError) as error:
        console.print(f"[red]search index:[/red] {escape(str(error))}")
        return 1
    return 0


def build(settings: TrainingSettings, console: Console) -> Path:
    """The index's folder, the current one from now on.

    Raises:
        TrainingError, DataSetError: the state folder is incomplete.
        ArtefactError: the file of synonyms can't be read, or the language is unknown.
    """
    data, prepared = open_data_set(settings.state / "dataset"), open_prepared(settings.prepared)
    fields = fields_of(data, prepared)
    synonyms = settings.state / "dataset" / SYNONYMS
    folder = settings.state / FOLDER
    with staging(folder) as staged:
        version = write_index(
            items_of(data, prepared, fields),
            fields,
            settings.search_language,
            staged,
            phrases_of(suggestions(data, prepared)),
            synonyms if synonyms.is_file() else None,
            round(prepared.now.timestamp() * 1_000_000),
        )
        built = publish(staged, version)
    prune(folder)
    console.print(f"{built}: {len(prepared.item_keys):,} items", highlight=False)
    return built


def fields_of(data: DataSet, prepared: Prepared) -> Fields:
    """All columns of items' views, by `<view>.<column>`: texts are facets, the others numbers."""
    categories = [f"{PROFILE}.{name}" for name in data.categories]
    kinds: dict[str, list[str]] = {"string": [], "float32": []}
    for name, view in prepared.features["views"].items():
        if view["entity"] == "item":
            for column in view["fields"]:
                if column["dtype"] in kinds:
                    kinds[column["dtype"]].append(f"{name}.{column['name']}")
    facets = tuple(kinds["string"])
    named = tuple(name for name in categories if name in facets)
    return Fields(facets, tuple(kinds["float32"]), named)


def items_of(data: DataSet, prepared: Prepared, fields: Fields) -> Iterator[Item]:
    """The catalogue, what sells best first; ties by key."""
    titles, texts = texts_of(data, prepared)
    facets, numbers = (_columns(prepared, names) for names in (fields.facets, fields.numbers))
    for at in np.lexsort((prepared.item_keys, -popularity_of(prepared))).tolist():
        yield Item(
            int(prepared.item_keys[at]),
            titles[at],
            texts[at],
            {name: text for name, text in _row(facets, at).items() if text is not None},
            {
                name: number
                for name, number in _row(numbers, at).items()
                if number is not None and isfinite(number)
            },
        )


def _columns(prepared: Prepared, names: Sequence[str]) -> pl.DataFrame:
    """(I,) each as of now, in the order of the catalogue."""
    return read_columns(prepared, "item_id", prepared.item_ids, names, prepared.now).select(names)


def _row(of: pl.DataFrame, at: int) -> dict[str, Any]:
    """By column; a frame without columns, of a data set that has none such, has no rows either."""
    return of.row(at, named=True) if of.width else {}


def popularity_of(prepared: Prepared) -> NDArray[np.float32]:
    """(I,) what sells well now; 0 of what never sold."""
    found = _columns(prepared, [POPULARITY])[POPULARITY].cast(pl.Float32)
    return found.fill_null(0.0).fill_nan(0.0).to_numpy()


def suggestions(data: DataSet, prepared: Prepared) -> Iterator[tuple[str, float]]:
    """Titles, categories and brands, each with the popularity of an item that has it."""
    named = [name for name in (data.title, *data.categories, *data.brands) if name is not None]
    frame = (
        pl.LazyFrame({"item_id": prepared.item_ids, "weight": popularity_of(prepared)})
        .join(data.items, on="item_id", how="left", maintain_order="left")
        .select("weight", *(pl.col(name).cast(pl.String) for name in named))
        .collect()
    )
    for name in named:
        yield from frame.select(name, "weight").drop_nulls().iter_rows()


def texts_of(data: DataSet, prepared: Prepared) -> tuple[list[str], list[list[str]]]:
    """(I,) titles, and what else each item is called, in the order of the catalogue."""
    others = [*data.categories, *data.brands, *data.item_categoricals, *data.texts]
    title = pl.lit("") if data.title is None else pl.col(data.title).fill_null("")
    frame = (
        pl.LazyFrame({"item_id": prepared.item_ids})
        .join(data.items, on="item_id", how="left", maintain_order="left")
        .select(
            title=title.cast(pl.String),
            others=pl.concat_list(pl.col(c).cast(pl.String) for c in others).list.drop_nulls()
            if others
            else pl.lit([], dtype=pl.List(pl.String)),
        )
        .collect()
    )
    return frame["title"].fill_null("").to_list(), frame["others"].to_list()


if __name__ == "__main__":
    sys.exit(main())
