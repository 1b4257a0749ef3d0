"""Feast's door to the packed rows: `online_store: {type: serving.features.online_store...}`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
from feast import Entity, FeatureView, OnDemandFeatureView
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from numpy.typing import NDArray
from pydantic import field_validator

from serving.errors import LayoutMismatch, SettingsError
from serving.features.feast_types import feast_layout, joined_by
from serving.features.feast_values import (
    Contents,
    columns_of,
    entity_keys,
    keys_in,
    values_of,
)
from serving.features.item_changes import ITEM
from serving.features.item_texts import VIEW as TEXTS
from serving.features.packing import pack
from serving.features.store import RowStore
from serving.local.addresses import redis_url
from serving.redis_url import redis_address

WrittenRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]
ReadRow = tuple[datetime | None, dict[str, Value] | None]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RecserveOnlineStoreConfig(FeastConfigBaseModel):
    """`online_store` of feature_store.yaml."""

    type: Literal["serving.features.online_store.RecserveOnlineStore"] = (
        "serving.features.online_store.RecserveOnlineStore"
    )
    state: str | None = None
    """The state folder, which holds the prepared data; a relative one starts at the repository."""
    redis_url: str | None = None
    """docs/settings.md, "Redis", says what it may be; default: that of the state folder."""

    @field_validator("redis_url")
    @classmethod
    def _names_a_redis(cls, url: str | None) -> str | None:
        try:
            if url:
                redis_address(url)
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return url


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
        contents: Contents = {}
        layout = feast_layout(table)
        columns = columns_of(table.name, layout, [row[1] for row in data], contents)
        times = np.array([_microseconds(row[2]) for row in data], dtype=np.int64)
        keys = entity_keys([row[0] for row in data], contents)
        rows = pack(table.name, layout, columns, times)
        store = self.rows(config)
        store.remember(contents)
        store.write(table.name, joined_by(table), keys, rows, progress or (lambda _: None))

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
        packed = store.read(table.name, joined_by(table), _keys(entity_keys))
        try:
            rows = layout.read_all([one for one in packed if one is not None])
        except LayoutMismatch as error:
            raise LayoutMismatch(
                f"{table.name}: {error}; materialise the view again, over a window that holds the "
                "entity's last row"
            ) from error
        contents = store.contents(keys_in(layout, rows, names))
        times = [EPOCH + timedelta(microseconds=us) for us in rows["event_time_us"].tolist()]
        found = zip(times, values_of(layout, rows, names, contents), strict=True)
        return [(None, None) if one is None else next(found) for one in packed]

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,  # noqa: FBT001 - Feast's signature
    ) -> None:
        """Removes the rows of deleted views, and registers the layouts of the others.

        From then on nobody writes rows of another layout, and rows of the new one replace those of
        another whatever their times.
        """
        del entities_to_delete, entities_to_keep, partial
        layouts = [
            (t.name, joined_by(t), feast_layout(t).fingerprint)
            for t in tables_to_keep
            if _stored(t)
        ]
        store = self.rows(config)
        for name, names, fingerprint in layouts:
            store.register(name, names, fingerprint)
        for table in tables_to_delete:
            store.remove(table.name, joined_by(table))

    def teardown(
        self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Removes the rows of `tables`, the entities that had them, and what their keys stand for."""
        self.update(config, tables, (), entities, (), partial=False)
        store = self.rows(config)
        for names in {joined_by(table) for table in tables}:
            listed = store.entities(names)
            if names == ITEM:
                store.delete(TEXTS, names, listed)
            store.forget(names, listed)
        store.forget_contents()

    def rows(self, config: RepoConfig) -> RowStore:
        """The project's rows, for a writer that packs them itself."""
        settings: RecserveOnlineStoreConfig = config.online_store
        url = settings.redis_url or _of_state(config, settings)
        if (url, config.project) not in self._stores:
            self._stores[url, config.project] = RowStore(url, config.project)
        return self._stores[url, config.project]


def _of_state(config: RepoConfig, settings: RecserveOnlineStoreConfig) -> str:
    if settings.state is None:
        raise SettingsError("online_store of feature_store.yaml names neither redis_url nor state")
    return redis_url(Path(config.repo_path or ".", settings.state))


def _stored(table: FeatureView) -> bool:
    """Whether anything writes rows of it."""
    return not isinstance(table, OnDemandFeatureView) or bool(table.write_to_online_store)


def _keys(entities: Sequence[EntityKey]) -> NDArray[np.int64]:
    return entity_keys(entities, {})


def _microseconds(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)
