"""A small shop, prepared as any data set is, with models of random weights: nothing is trained."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml
from rich.console import Console

from training.bundle.shipped import ShippedModel, shipped
from training.data import Prepared, open_prepared
from training.learning.feature_config import feature_config
from training.models.ranker import Ranker, RankerConfig
from training.models.two_tower import TwoTower, TwoTowerConfig
from training.prepare.__main__ import prepare
from training.schema import schema

NOW = datetime(2024, 6, 3, tzinfo=UTC)
ITEMS, USERS, EVENTS, RETRIEVED = 90, 25, 3000, 32
ROLES = {
    "items": {
        "item_id": {"role": "id"},
        "title": {"role": "title"},
        "department": {"role": "category", "level": 1},
        "category": {"role": "category", "level": 2},
        "maker": {"role": "brand"},
    },
    "users": {"user_id": {"role": "id"}, "age": {"role": "categorical"}},
    "events": {
        "event_id": {"role": "id"},
        "user_id": {"role": "user"},
        "item_id": {"role": "item"},
        "kind": {"role": "kind"},
        "event_time": {"role": "time"},
        "arrival_time": {"role": "arrival"},
        "basket_id": {"role": "group"},
        "quantity": {"role": "quantity"},
        "value": {"role": "value"},
    },
}


def silent() -> Console:
    return Console(file=StringIO())


def prepared_shop(state: Path) -> Prepared:
    """Writes `<state>/dataset` and prepares it."""
    _write_data_set(state / "dataset")
    prepare(state, None, 5, silent())
    return open_prepared(state / "prepared")


def random_models(prepared: Prepared, retrieved: int = RETRIEVED) -> tuple[ShippedModel, ...]:
    torch.manual_seed(5)
    tower = TwoTowerConfig(feature_config(prepared, schema(prepared.features, "retriever")), 16)
    ranker = RankerConfig(feature_config(prepared, schema(prepared.features, "ranker")), tower)
    return shipped(prepared, TwoTower(tower), Ranker(ranker), retrieved)


def _write_data_set(folder: Path) -> None:
    folder.mkdir(parents=True)
    draw = np.random.default_rng(3)
    numbers = range(1, ITEMS + 1)
    pl.DataFrame(
        {
            "item_id": list(numbers),
            "title": [f"item {n}" for n in numbers],
            "department": [f"department {n % 3}" for n in numbers],
            "category": [f"category {n % 7}" if n % 5 else None for n in numbers],
            "maker": [f"maker {n % 11}" for n in numbers],
        }
    ).write_parquet(folder / "items.parquet")
    ages = [("young", "old", None)[n % 3] for n in range(USERS)]
    pl.DataFrame({"user_id": list(range(USERS)), "age": ages}).write_parquet(
        folder / "users.parquet"
    )
    minutes = np.sort(draw.integers(0, 150 * 24 * 60, EVENTS))
    times = [NOW - timedelta(minutes=int(m)) for m in minutes[::-1]]
    pl.DataFrame(
        {
            "event_id": list(range(EVENTS)),
            "user_id": draw.integers(0, USERS, EVENTS),
            "item_id": draw.integers(1, ITEMS + 1, EVENTS),
            "kind": ["purchase"] * EVENTS,
            "event_time": times,
            "arrival_time": times,
            "basket_id": draw.integers(0, EVENTS // 4, EVENTS),
            "quantity": draw.integers(1, 4, EVENTS).astype(float),
            "value": draw.uniform(0.5, 9.0, EVENTS).round(2),
        }
    ).write_parquet(folder / "events.parquet")
    document = {
        "version": 1,
        "name": "small_shop",
        "id_kind": "integer",
        "default_now": NOW.isoformat(),
        "licence": "made up",
        "catalogue": {"min_events": 3},
        "tables": ROLES,
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(document))
