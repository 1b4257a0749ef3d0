"""The online store by itself: a shop with string ids, and values that don't fit."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from feast import Entity, FeatureView, Field, FileSource
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Null, Value
from feast.repo_config import RepoConfig
from feast.types import Array, Int64, Map, Set, String, ZonedTimestamp
from feast.value_type import ValueType

from serving.errors import ArtefactError, LayoutMismatch
from serving.features.feast_types import feast_layout
from serving.features.keys import string_key
from serving.features.online_store import RecserveOnlineStore
from serving.features.store import RowStore
from tests.integration.features.conftest import NOW

USER = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
PLACE = Entity(name="place", join_keys=["place_id"], value_type=ValueType.INT64)
KEY_TYPES = {ValueType.STRING: String, ValueType.INT64: Int64}
SOURCE = FileSource(name="source", path="none.parquet", timestamp_field="event_timestamp")


def view(*fields: Field, entities: tuple[Entity, ...] = (USER,)) -> FeatureView:
    keys = [Field(name=e.join_key, dtype=KEY_TYPES[e.value_type]) for e in entities]
    return FeatureView(
        name="profile", entities=list(entities), schema=[*keys, *fields], source=SOURCE
    )


PROFILE = view(
    Field(name="town", dtype=String),
    Field(name="points", dtype=Int64),
    Field(name="owned", dtype=Array(Int64), tags={"max_length": "3"}),
)


@pytest.fixture
def config(redis_url: str) -> RepoConfig:
    online = {
        "type": "serving.features.online_store.RecserveOnlineStore",
        "state": "unused",
        "redis_url": redis_url,
    }
    return RepoConfig(project="shop", registry="none.db", online_store=online)


def key(text: str) -> EntityKey:
    return EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=text)])


def write(config: RepoConfig, text: str, time: datetime, **values: Value) -> None:
    RecserveOnlineStore().online_write_batch(
        config, PROFILE, [(key(text), values, time, None)], None
    )


def read(config: RepoConfig, *texts: str, only: list[str] | None = None) -> list[Any]:
    return RecserveOnlineStore().online_read(config, PROFILE, [key(t) for t in texts], only)


def test_string_ids_are_keyed_listed_and_remembered(config: RepoConfig, redis_url: str) -> None:
    write(config, "ada", NOW, town=Value(string_val="Ulm"), points=Value(int64_val=3))
    ((time, values), missing) = read(config, "ada", "bob")
    assert time == NOW
    assert values["town"] == Value(string_val="Ulm")
    assert values["points"] == Value(int64_val=3)
    assert missing == (None, None)
    with RowStore(redis_url, "shop") as rows:
        listed = rows.entities("user_id")
        assert rows.texts(listed) == {string_key("ada"): "ada"}


def test_only_the_features_asked_for_are_read(config: RepoConfig) -> None:
    write(config, "ada", NOW, town=Value(string_val="Ulm"), points=Value(int64_val=3))
    ((_, values),) = read(config, "ada", only=["points"])
    assert values == {"points": Value(int64_val=3)}


def test_null_values_and_values_not_given_are_null(config: RepoConfig) -> None:
    write(config, "ada", NOW, town=Value(null_val=Null.NULL))
    ((_, values),) = read(config, "ada")
    assert [values[name].WhichOneof("val") for name in ("town", "points")] == [None, None]
    assert values["owned"].WhichOneof("val") is None


def test_a_time_without_a_zone_is_utc(config: RepoConfig) -> None:
    write(config, "ada", NOW.replace(tzinfo=None), points=Value(int64_val=1))
    write(config, "ada", NOW - timedelta(microseconds=1), points=Value(int64_val=2))
    ((time, values),) = read(config, "ada")
    assert (time, values["points"].int64_val) == (NOW, 1)


def test_a_value_of_another_type_is_refused_by_name(config: RepoConfig) -> None:
    with pytest.raises(LayoutMismatch, match=r"profile\.points is of int64 and takes int64_val"):
        write(config, "ada", NOW, points=Value(string_val="3"))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            Field(name="x", dtype=Map),
            r"don't hold the types of profile\.x \(Map\); there are Int64",
        ),
        (Field(name="x", dtype=Set(Int64)), r"profile\.x \(Set\(Int64\)\)"),
        (Field(name="x", dtype=ZonedTimestamp), r"profile\.x \(ZonedTimestamp\)"),
        (Field(name="event_time_us", dtype=Int64), "call it differently"),
        (Field(name="x", dtype=Array(Int64)), r"profile\.x is a list with max_length 0"),
    ],
)
def test_a_field_that_no_row_can_hold_is_refused(field: Field, said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        feast_layout(view(field))


def test_an_unset_variable_in_the_url_is_told() -> None:
    online = {"type": "serving.features.online_store.RecserveOnlineStore", "state": "s"}
    online["redis_url"] = "${RECSERVE_REDIS_URL}"
    with pytest.raises(ValueError, match="is an environment variable in it not set"):
        RepoConfig(project="shop", registry="none.db", online_store=online)
