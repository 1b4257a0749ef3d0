"""One Feast project applied twice: on packed rows, and on the SQLite store that comes with Feast.

Views of every type that rows hold, by a text, by a number, by both, and by nothing.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource
from feast.feature_view import DUMMY_ENTITY_ID
from feast.repo_config import RepoConfig
from feast.types import Array, FeastType, Float32, Int64, String
from feast.value_type import ValueType

from serving.features.feast_types import SCALARS
from serving.features.store import RowStore

LONGEST = 4
TIME, CREATED = "event_timestamp", "created"
USER = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
SHOP = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)
KEYS: Mapping[str, tuple[Entity, ...]] = {
    "scalars": (USER,),
    "lists": (USER,),
    "prices": (SHOP,),
    "visits": (USER, SHOP),
    "weather": (),
}
FIELDS: Mapping[str, Mapping[str, FeastType]] = {
    "scalars": {"scalars_n": Int64} | {f"{name}_scalar": kind for name, kind in SCALARS.items()},
    "lists": {"lists_n": Int64} | {f"{name}_list": Array(kind) for name, kind in SCALARS.items()},
    "prices": {"prices_n": Int64, "price": Float32, "label": String},
    "visits": {"visits_n": Int64, "last_seen": Array(Int64)},
    "weather": {"weather_n": Int64, "sky": String},
}
ID_TYPES = {"user_id": String, "shop_id": Int64}
SERVICE = ("scalars:scalars_n", "scalars:string_scalar", "visits:last_seen")


@dataclass(frozen=True, slots=True)
class Twin:
    """A project on one of the stores."""

    store: FeatureStore
    folder: Path
    forget: Callable[[], object]
    """Everything that was written."""

    def push(self, view: str, frame: pd.DataFrame) -> None:
        self.store.push(f"{view}_pushed", frame)

    def write(self, view: str, frame: pd.DataFrame) -> None:
        self.store.write_to_online_store(view, frame)

    def materialize(self, view: str, frame: pl.DataFrame, start: datetime, end: datetime) -> None:
        """As the view's whole source."""
        frame.write_parquet(self.folder / f"{view}.parquet")
        self.store.materialize(start, end, [view])


def twins(folder: Path, redis_url: str) -> tuple[Twin, Twin]:
    """On packed rows, and on SQLite; applied."""
    packed = {
        "online_store": {
            "type": "serving.features.online_store.RecserveOnlineStore",
            "redis_url": redis_url,
        },
        "batch_engine": {"type": "serving.features.engine.PolarsComputeEngine"},
    }
    stock = {"online_store": {"type": "sqlite", "path": str(folder / "stock" / "online.db")}}

    def forget_stock() -> None:
        with sqlite3.connect(folder / "stock" / "online.db") as connection:
            for view in KEYS:
                connection.execute(f"DELETE FROM twins_{view}")
        connection.close()

    def forget_packed() -> None:
        with RowStore(redis_url, "twins") as rows:
            for view in KEYS:
                name = ",".join(sorted(ids(view))) or DUMMY_ENTITY_ID
                rows.delete(view, name, rows.entities(name))

    return (
        twin(folder / "packed", packed, forget_packed),
        twin(folder / "stock", stock, forget_stock),
    )


def twin(folder: Path, stores: Mapping[str, Any], forget: Callable[[], object]) -> Twin:
    folder.mkdir(parents=True)
    store = FeatureStore(config=config(folder / "registry.db", stores))
    store.apply([USER, SHOP, *(o for v in KEYS for o in views(folder, v)), _service(folder)])
    return Twin(store, folder, forget)


def config(registry: Path, stores: Mapping[str, Any]) -> RepoConfig:
    return RepoConfig(
        project="twins",
        registry=str(registry),
        entity_key_serialization_version=3,
        **stores,
    )


def views(folder: Path, name: str) -> list[Any]:
    """The view and its sources."""
    types = FIELDS[name] | {key: ID_TYPES[key] for key in ids(name)}
    empty = {n: pl.Series([], dtype=pl.Int64) for n in types}
    times = {n: pl.Series([], dtype=pl.Datetime("us", "UTC")) for n in (TIME, CREATED)}
    path = folder / f"{name}.parquet"
    if not path.exists():
        pl.DataFrame(empty | times).write_parquet(path)
    source = FileSource(
        name=f"{name}_source",
        path=str(path),
        timestamp_field=TIME,
        created_timestamp_column=CREATED,
    )
    pushed = PushSource(name=f"{name}_pushed", batch_source=source)
    tags = {"max_length": str(LONGEST)}
    schema = [Field(name=n, dtype=t, tags=tags) for n, t in types.items()]
    view = FeatureView(name=name, entities=list(KEYS[name]), schema=schema, source=pushed)
    return [source, pushed, view]


def ids(view: str) -> list[str]:
    return [entity.join_key for entity in KEYS[view]]


def _service(folder: Path) -> FeatureService:
    """Some features of two views."""
    scalars, visits = (views(folder, name)[-1] for name in ("scalars", "visits"))
    chosen = [scalars[["scalars_n", "string_scalar"]], visits[["last_seen"]]]
    return FeatureService(name="some", features=chosen)


def answers(
    of: Twin,
    features: Sequence[str] | str,
    entities: Sequence[Mapping[str, Any]],
    *,
    full_names: bool = False,
) -> list[tuple[str, list[tuple[str, int, int]], str]]:
    """Of each feature its name, of each entity value, status and time, and what a user is shown.

    As text, in which one NaN is like another.
    """
    wanted = of.store.get_feature_service(features) if isinstance(features, str) else features
    response = of.store.get_online_features(
        features=wanted, entity_rows=[dict(e) for e in entities], full_feature_names=full_names
    )
    shown = response.to_dict(include_event_timestamps=True)
    return [
        (
            name,
            [
                (str(value), status, time.seconds)
                for value, status, time in zip(
                    vector.values, vector.statuses, vector.event_timestamps, strict=False
                )
            ],
            repr((shown[name], shown[f"{name}__ts"])),  # NaN equals itself
        )
        for name, vector in zip(
            response.proto.metadata.feature_names.val, response.proto.results, strict=True
        )
    ]
