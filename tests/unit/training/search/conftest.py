"""A shop small enough to count by hand, and its purchases before and after a cut-off."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from training.prepare.contract import DataSet, open_data_set
from training.ragged import Ragged
from training.search.queries import QuerySet, make_queries

CUTOFF = datetime(2024, 6, 3, tzinfo=UTC)
ITEMS = (  # item_key, department, category, type
    (10, "FOOD", "FROZEN PIZZA", "PIZZA/PREMIUM"),
    (11, "FOOD", "FROZEN PIZZA", "PIZZA/PREMIUM"),
    (12, "FOOD", "FROZEN PIZZA", "PIZZA/ECONOMY"),
    (13, "FOOD", "CHEESE", "CREAM CHEESE"),
    (14, "FOOD", "BUTTER", "BUTTER"),
    (15, "FOOD", None, None),
)
BOUGHT = (  # user, item, days from the cut-off
    (1, 10, -30),
    (1, 14, -3),
    (2, 13, -1),
    (1, 10, 2),
    (1, 12, 2),
    (1, 14, 2),
    (2, 13, 1),
    (2, 15, 1),
    (3, 11, 13),
    (3, 11, 20),  # after the horizon
)
DESCRIPTION = {
    "version": 1,
    "name": "corner",
    "id_kind": "integer",
    "default_now": CUTOFF,
    "catalogue": {"min_events": 1},
    "tables": {
        "items": {
            "item_id": {"role": "id"},
            "title": {"role": "title"},
            "department": {"role": "category", "level": 1},
            "category": {"role": "category", "level": 2},
            "type": {"role": "category", "level": 3},
            "maker": {"role": "brand"},
            "size": {"role": "categorical"},
        },
        "events": {
            "user_id": {"role": "user"},
            "item_id": {"role": "item"},
            "kind": {"role": "kind"},
            "event_time": {"role": "time"},
        },
    },
}


def lists(*rows: list[int]) -> Ragged:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Ragged(np.array([*chain(*rows)], dtype=np.int64), offsets, -1)


def unflat(of: Ragged) -> list[list[int]]:
    return [of.values[a:b].tolist() for a, b in zip(of.offsets, of.offsets[1:], strict=False)]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corner")
    (folder / "dataset").mkdir()
    (folder / "prepared").mkdir()
    catalogue().write_parquet(folder / "prepared" / "catalogue.parquet")
    items = catalogue().drop("item_key").with_columns(pl.col("item_id").cast(pl.Int64))
    items.write_parquet(folder / "dataset" / "items.parquet")
    pl.DataFrame(
        [(u, i, "purchase", CUTOFF + timedelta(days=d)) for u, i, d in BOUGHT],
        schema={
            "user_id": pl.Int64,
            "item_id": pl.Int64,
            "kind": pl.String,
            "event_time": pl.Datetime("us", "UTC"),
        },
        orient="row",
    ).write_parquet(folder / "dataset" / "events.parquet")
    (folder / "dataset" / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION))
    return folder


@pytest.fixture(scope="session")
def data(state: Path) -> DataSet:
    return open_data_set(state / "dataset")


def catalogue() -> pl.DataFrame:
    return pl.DataFrame(
        [(k, str(k), f"Thing {k}", d, c, t, "Acme", "1 LB") for k, d, c, t in ITEMS],
        schema={
            "item_key": pl.Int64,
            "item_id": pl.String,
            "title": pl.String,
            "department": pl.String,
            "category": pl.String,
            "type": pl.String,
            "maker": pl.String,
            "size": pl.String,
        },
        orient="row",
    )


def purchases() -> pl.DataFrame:
    return pl.DataFrame(
        [(u, i, place, CUTOFF + timedelta(days=d)) for place, (u, i, d) in enumerate(BOUGHT)],
        schema={
            "user_id": pl.Int64,
            "item_key": pl.Int64,
            "group": pl.Int64,
            "time": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )


@pytest.fixture
def queries(data: DataSet) -> QuerySet:
    return make_queries(purchases(), catalogue(), data, CUTOFF, per_household=20, seed=3)
