"""A small shop, prepared as any data set is, with models of random weights: nothing is trained."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import torch
import yaml
from rich.console import Console
from torch import nn

from training.bundle.shipped import ShippedModel, shipped
from training.data import Prepared, open_prepared
from training.learning.co_purchase import learn, purchases_at
from training.learning.feature_config import described_rows, feature_config
from training.models.gru4rec import Gru4Rec
from training.models.item_to_item import ItemToItem, ItemToItemConfig
from training.models.ranker import NETWORKS, Ranker
from training.models.ranker_config import RankerConfig
from training.models.retrievers import ITEM_TO_ITEM, SEQUENCES, TWO_TOWER, Retriever, new
from training.models.sasrec import SasRec
from training.models.sequence_config import SequenceConfig
from training.models.trees import TreeNetwork
from training.models.two_tower import TwoTower, TwoTowerConfig
from training.prepare.__main__ import prepare
from training.schema import RECENT, schema

Model = TypeVar("Model", bound=nn.Module)
NOW = datetime(2024, 6, 3, tzinfo=UTC)
ITEMS, USERS, EVENTS, RETRIEVED = 90, 25, 3000, 32
QUOTAS = {
    "repeat": 20,
    "two_tower": 12,
    "item_to_item": 12,
    "sasrec": 8,
    "gru4rec": 8,
    "popular": 8,
}
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
    """Every kind of ranker, then every kind of retriever, then the similar items."""
    torch.manual_seed(5)
    searches = random_retrievers(prepared)
    rankers = {name: random_ranker(prepared, searches, name) for name in NETWORKS}
    return shipped(prepared, searches, rankers, retrieved)


def random_retrievers(prepared: Prepared, dimension: int = 16) -> dict[str, Retriever]:
    """Weights as drawn; item-to-item, which draws none, is learned from the purchases before now."""
    of = schema(prepared.features, "retriever")
    features = feature_config(prepared, of)
    config = ItemToItemConfig(features, rank=12, ridge=2.0)
    sequence = SequenceConfig(features, dimension, length=of[RECENT].length)
    found: dict[str, Retriever] = {
        TWO_TOWER: new(TWO_TOWER, TwoTowerConfig(features, dimension)),
        ITEM_TO_ITEM: learn(purchases_at(prepared, of, prepared.now), config, 1),
    }
    for name in SEQUENCES:
        retriever = found[name] = drawn(new(name, sequence))
        assert isinstance(retriever, SasRec | Gru4Rec)
        retriever.history.described.copy_(described_rows(prepared, of, prepared.now))
    return {name: of.eval() for name, of in found.items()}


def random_ranker(prepared: Prepared, searches: Mapping[str, Retriever], network: str) -> Ranker:
    """Reads these retrievers."""
    of = schema(prepared.features, "ranker")
    tower, together = searches[TWO_TOWER], searches[ITEM_TO_ITEM]
    assert isinstance(tower, TwoTower)
    assert isinstance(together, ItemToItem)
    features, length = feature_config(prepared, of), of[RECENT].length
    config = RankerConfig(
        features,
        tower.config,
        together.config,
        network,
        length=length,
        trees=20,
        leaves=8,
        actions=() if network == "trees" else prepared.actions,
    )
    ranker = drawn(Ranker(config))
    if isinstance(ranker.network, TreeNetwork):
        told = (features.user_statistics, features.user_categories, features.item_statistics)
        plant(ranker.network, columns=sum(map(len, told)), depth=config.tree_depth)
    ranker.tower.load_state_dict(tower.state_dict())
    ranker.item_to_item.load_state_dict(together.state_dict())
    if ranker.history is not None:
        ranker.history.described.copy_(described_rows(prepared, of, prepared.now))
    return ranker.eval()


def plant(trees: TreeNetwork, columns: int, depth: int) -> None:
    """Splits a leaf at random, again and again; asks of the first columns, of users and items."""
    draw = np.random.default_rng(6)
    count, nodes = trees.value.shape
    for tree in range(count):
        depths = {0: 0}  # of the leaves
        for fresh in range(1, nodes, 2):
            leaf = int(draw.choice([at for at, below in depths.items() if below < depth]))
            below = depths.pop(leaf) + 1
            depths |= {fresh: below, fresh + 1: below}
            trees.left[tree, leaf], trees.right[tree, leaf] = fresh, fresh + 1
            trees.feature[tree, leaf] = int(draw.integers(columns))
            trees.threshold[tree, leaf] = float(draw.exponential(20.0))
            trees.value[tree, leaf] = 0.0
        for leaf in depths:
            trees.value[tree, leaf] = float(draw.normal(0, 0.2))


def drawn(model: Model) -> Model:
    """Weights that begin at zero (what an empty history says, places, fading) are drawn too."""
    with torch.no_grad():
        for weights in model.parameters():
            if not weights.any():
                weights.normal_(std=0.5)
    return model


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
