"""Feast's door to the packed rows: `online_store: {type: serving.features.online_store...}`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from feast import Entity, FeatureView
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from numpy.typing import NDArray
from pydantic import field_validator

from serving.errors import LayoutMismatch, SettingsError
from serving.features.feast_values import (
    columns_of,
    entity_keys,
    feast_layout,
    join_key,
    string_columns,
    values_of,
)
from serving.features.keys import NULL_KEY
from serving.features.layout import Layout
from serving.features.packing import pack
from serving.features.store import RowStore, checked_url
from serving.local.addresses import redis_url

WrittenRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]
ReadRow = tuple[datetime | None, dict[str, Value] | None]


class RecserveOnlineStoreConfig(FeastConfigBaseModel):
    """`online_store` of feature_store.yaml."""

    type: Literal["serving.features.online_store.RecserveOnlineStore"] = (
        "serving.features.online_store.RecserveOnlineStore"
    )
    state: str
    """The state folder, which holds the prepared data; a relative one starts at the repository."""
    redis_url: str | None = None
    """unix:///path, redis://[user:password@]host:port/db or rediss://; default: the state's own."""

    @field_validator("redis_url")
    @classmethod
    def _names_a_redis(cls, url: str | None) -> str | None:
        try:
            return checked_url(url) if url else None
        except SettingsError as error:
            raise ValueError(str(error)) from error


class RecserveOnlineStore(OnlineStore):
    """Packed rows in Redis; the newest event time wins."""

    def __init__(self) -> None:
        self._stores: dict[tuple[str, str], RowStore] = {}

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[WrittenRow],
        progress: Callable[[int], Any] | None,
    ) -> None:
        texts: dict[int, str] = {}
        layout, joined_by = feast_layout(table), join_key(table)
        columns = columns_of(table.name, layout, [row[1] for row in data], texts)
        times = np.array([_microseconds(row[2]) for row in data], dtype=np.int64)
        keys = entity_keys([row[0] for row in data], texts)
        rows = pack(table.name, layout, columns, times)
        store = self.rows(config)
        store.remember(texts)
        store.write(table.name, joined_by, keys, rows, progress or (lambda _: None))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[ReadRow]:
        layout = feast_layout(table)
        names = requested_features or [column.name for column in layout.columns]
        store = self.rows(config)
        packed = store.read(table.name, join_key(table), _keys(entity_keys))
        rows = [None if p is None else _row(table.name, layout, p) for p in packed]
        texts = store.texts(_text_keys(rows, string_columns(layout, names)))
        return [
            (None, None) if r is None else (_time(r), values_of(layout, r, names, texts))
            for r in rows
        ]

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,  # noqa: FBT001 - Feast's signature
    ) -> None:
        """Removes the rows of deleted views; there is nothing to make for the others."""
        del tables_to_keep, entities_to_delete, entities_to_keep, partial
        for table in tables_to_delete:
            store, joined_by = self.rows(config), join_key(table)
            store.delete(table.name, joined_by, store.entities(joined_by))

    def teardown(
        self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Removes the rows of `tables` and the entities that had them."""
        self.update(config, tables, (), entities, (), partial=False)
        store = self.rows(config)
        for joined_by in {join_key(table) for table in tables}:
            store.forget(joined_by, store.entities(joined_by))

    def rows(self, config: RepoConfig) -> RowStore:
        """The project's rows, for a writer that packs them itself."""
        settings: RecserveOnlineStoreConfig = config.online_store
        url = settings.redis_url or redis_url(Path(config.repo_path or ".", settings.state))
        if (url, config.project) not in self._stores:
            self._stores[url, config.project] = RowStore(url, config.project)
        return self._stores[url, config.project]


def _keys(entities: Sequence[EntityKey]) -> NDArray[np.int64]:
    return entity_keys(entities, {})


def _row(view: str, layout: Layout, packed: bytes) -> np.void:
    try:
        return layout.read(packed)
    except LayoutMismatch as error:
        raise LayoutMismatch(f"{view}: {error}; materialise it again") from error


def _text_keys(rows: Sequence[np.void | None], names: Sequence[str]) -> NDArray[np.int64]:
    keys = [int(row[name]) for row in rows if row is not None for name in names]
    return np.array([key for key in keys if key != NULL_KEY], dtype=np.int64)


def _microseconds(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _time(row: np.void) -> datetime:
    seconds, micros = divmod(int(row["event_time_us"]), 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
