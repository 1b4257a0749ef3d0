"""What the batch engine refuses; what it does is seen through Feast's commands."""

from typing import Any

import pytest
from feast import FeatureView, Field, FileSource
from feast.infra.common.materialization_job import MaterializationTask
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.repo_config import RepoConfig
from feast.types import Float32, Int64

from serving.errors import ArtefactError
from serving.features.engine import PolarsComputeEngine
from serving.features.online_store import RecserveOnlineStore
from tests.integration.features.conftest import BEFORE, NOW
from tests.integration.features.test_online_store import PLACE


def materialize(online_store: Any, source: Any, redis_url: str) -> None:
    fields = [Field(name="place_id", dtype=Int64), Field(name="size", dtype=Float32)]
    view = FeatureView(name="place", entities=[PLACE], schema=fields, source=source)
    online = {
        "type": "serving.features.online_store.RecserveOnlineStore",
        "state": "unused",
        "redis_url": redis_url,
    }
    config = RepoConfig(project="shop", registry="none.db", online_store=online)
    engine = PolarsComputeEngine(repo_config=config, offline_store=None, online_store=online_store)
    engine.materialize(None, MaterializationTask("shop", view, BEFORE, NOW))


def test_another_online_store_is_refused_by_name(redis_url: str) -> None:
    source = FileSource(path="none.parquet", timestamp_field="event_timestamp")
    with pytest.raises(ArtefactError, match="into RecserveOnlineStore, not into RedisOnlineStore"):
        materialize(RedisOnlineStore(), source, redis_url)


def test_a_missing_source_file_is_named(redis_url: str) -> None:
    source = FileSource(path="none.parquet", timestamp_field="event_timestamp")
    with pytest.raises(ArtefactError, match=r"none\.parquet, the source of view place, is missing"):
        materialize(RecserveOnlineStore(), source, redis_url)
