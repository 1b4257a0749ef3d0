"""Real Feast on the repository: the plain commands fill a real Redis, Feast's own reads give it back."""

import os
import re
import runpy
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from feast import FeatureStore
from redis import Redis

from serving.errors import LayoutMismatch
from serving.features.feast_types import feast_layout
from serving.features.fields import view_layout
from serving.features.item_texts import VIEW, ItemTexts
from serving.features.online_store import RecserveOnlineStore
from serving.features.store import RowStore
from tests.integration.features.conftest import BEFORE, NOW, VIEWS, rows_at
from training.feast_project import REPOSITORY, STORE_FILE, write_store_file

FEAST = Path(sys.executable).with_name("feast")
USERS = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def url(redis_server: str) -> str:
    """A database of its own: the rows stay from test to test."""
    return f"{redis_server}?db=1"


@pytest.fixture(scope="module")
def environment(state: Path, url: str) -> dict[str, str]:
    """FEAST_FS_YAML_FILE_PATH chooses the state folder; the Redis isn't the state folder's own."""
    file = write_store_file(state, "corner_shop", url)
    return os.environ | {STORE_FILE: str(file), "RECSERVE_REDIS_URL": url}


def feast(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [FEAST, "-c", REPOSITORY, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def commands(environment: dict[str, str], url: str) -> tuple[str, str]:
    """What `feast apply` and `feast materialize` say."""
    with Redis.from_url(url) as client:
        client.flushdb()
    applied = feast(environment, "apply")
    window = (BEFORE.isoformat(), NOW.isoformat())
    return applied, feast(environment, "materialize", *window)


@pytest.fixture
def shop(
    commands: tuple[str, str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> FeatureStore:
    for name in (STORE_FILE, "RECSERVE_REDIS_URL"):
        monkeypatch.setenv(name, environment[name])
    return FeatureStore(str(REPOSITORY))


def online(shop: FeatureStore, view: str, entities: list[int]) -> dict[str, list[Any]]:
    names = [f["name"] for f in VIEWS[view]["fields"]]
    key = f"{VIEWS[view]['entity']}_id"
    answer = shop.get_online_features(
        [f"{view}:{name}" for name in names], [{key: entity} for entity in entities]
    ).to_dict()
    return {name: answer[name] for name in names}


def test_apply_and_materialize_name_every_view_and_nothing_else(commands: tuple[str, str]) -> None:
    applied, materialized = commands
    deployed = re.findall(r"Deploying infrastructure for \W*(?:\[\d+m)*(\w+)", applied)
    assert sorted(deployed) == sorted(VIEWS)
    assert "Traceback" not in materialized
    assert "Warning" not in applied + materialized
    for view in VIEWS:  # a bar by the view's name, with rate and time left
        assert re.search(rf"{view} *: 100%\S* .*\[\d\d:\d\d<\d\d:\d\d, *\S+ rows/s\]", materialized)


def test_the_registry_has_entities_views_services_and_ages(shop: FeatureStore) -> None:
    assert {e.name for e in shop.list_entities()} == {"user", "item"}
    views = {v.name: v for v in shop.list_feature_views()}
    assert {name: v.ttl for name, v in views.items()} == {
        name: timedelta(seconds=view["max_age_s"]) for name, view in VIEWS.items()
    }
    ranker = shop.get_feature_service("ranker")
    assert {p.name: [f.name for f in p.features] for p in ranker.feature_view_projections} == {
        name: [f["name"] for f in view["fields"]] for name, view in VIEWS.items()
    }
    (retriever,) = shop.get_feature_service("retriever").feature_view_projections
    assert [f.name for f in retriever.features] == ["owned_item"]


def test_feast_and_the_read_plan_derive_the_same_layouts(shop: FeatureStore) -> None:
    assert {v.name: feast_layout(v).fingerprint for v in shop.list_feature_views()} == {
        name: view_layout(name, view["fields"]).fingerprint for name, view in VIEWS.items()
    }


@pytest.mark.parametrize("view", VIEWS)
def test_online_features_equal_the_parquets_latest_rows(shop: FeatureStore, view: str) -> None:
    """Nulls are None, a list without elements stays a list, an unknown entity has nothing."""
    latest = rows_at(view, NOW)
    entities = [*latest, 999]
    names = [f["name"] for f in VIEWS[view]["fields"]]
    answer = online(shop, view, entities)
    for at, entity in enumerate(entities):
        expected = latest.get(entity, (None,) * len(names))
        assert tuple(answer[name][at] for name in names) == expected


def test_a_window_that_ends_before_now_takes_the_rows_of_then(shop: FeatureStore, url: str) -> None:
    """Rows at the window's end count, later ones don't; what is newer in the store stays."""
    with RowStore(url, "corner_shop") as rows:
        rows.delete("user_activity", "user_id", np.array([1]))
    shop.materialize(BEFORE - timedelta(days=1), BEFORE, ["user_activity"])
    assert online(shop, "user_activity", [1, 3]) == {
        "baskets_7d": [1.5, 0.0],
        "points": [7, 2**53 + 1],
    }
    shop.materialize(BEFORE, NOW, ["user_activity"])
    assert online(shop, "user_activity", [1])["baskets_7d"] == [2.5]


def push(shop: FeatureStore, view: str, **columns: Any) -> None:
    frame = pd.DataFrame({"created_timestamp": [NOW]} | columns)
    shop.write_to_online_store(view, frame)


def test_a_written_row_replaces_an_older_one_and_never_a_newer_one(shop: FeatureStore) -> None:
    later = NOW + timedelta(seconds=1)
    one = {"user_id": [1], "town": ["Bonn"]}
    push(shop, "user_profile", **one, age=["18-29"], event_timestamp=[later])
    assert online(shop, "user_profile", [1]) == {"age": ["18-29"], "town": ["Bonn"]}
    push(shop, "user_profile", **one, age=["60+"], event_timestamp=[NOW])
    shop.materialize(BEFORE, NOW, ["user_profile"])
    assert online(shop, "user_profile", [1])["age"] == ["18-29"]
    push(shop, "user_profile", **one, age=[None], event_timestamp=[later])
    assert online(shop, "user_profile", [1])["age"] == [None]


def test_lists_are_written_as_the_engine_writes_them(shop: FeatureStore, url: str) -> None:
    """A row pushed through Feast's values has the bytes of the one materialised from parquet."""
    with RowStore(url, "corner_shop") as rows:
        before = rows.read("user_history", "user_id", np.array([1, 2]))
        rows.delete("user_history", "user_id", np.array([1, 2]))
        for user in (1, 2):
            items, scores = rows_at("user_history", NOW)[user]
            lists = {"owned_item": [items], "owned_score": [np.array(scores, dtype=np.float32)]}
            push(shop, "user_history", user_id=[user], event_timestamp=[NOW], **lists)
        assert rows.read("user_history", "user_id", np.array([1, 2])) == before


def test_a_list_that_is_too_long_is_refused_by_name(shop: FeatureStore) -> None:
    with pytest.raises(LayoutMismatch, match=r"user_history\.owned_item: a list of 7 elements"):
        push(
            shop,
            "user_history",
            user_id=[1],
            owned_item=[[1] * 7],
            owned_score=[[0.5] * 7],
            event_timestamp=[NOW],
        )


def test_a_row_of_another_layout_is_never_read_and_is_replaced_whatever_its_time(
    shop: FeatureStore, url: str
) -> None:
    other = view_layout("user_activity", VIEWS["user_activity"]["fields"][::-1])
    row = other.empty(1)
    row["event_time_us"] = round(NOW.timestamp() * 1e6) + 1
    applied = feast_layout(shop.get_feature_view("user_activity")).fingerprint
    with RowStore(url, "corner_shop") as rows:
        rows.register("user_activity", "user_id", other.fingerprint)  # as if it had been applied
        rows.write("user_activity", "user_id", np.array([2]), row)
        with pytest.raises(LayoutMismatch, match=rf"user_activity .* {other.fingerprint:016x}"):
            shop.materialize(BEFORE, NOW, ["user_activity"])
        rows.register("user_activity", "user_id", applied)
    with pytest.raises(LayoutMismatch, match=r"user_activity: .* materialise the view again"):
        online(shop, "user_activity", [2])
    shop.materialize(BEFORE, NOW, ["user_activity"])
    assert online(shop, "user_activity", [2])["points"] == [0]


def test_a_writer_with_the_layout_of_before_writes_nothing(shop: FeatureStore, url: str) -> None:
    other = view_layout("user_activity", VIEWS["user_activity"]["fields"][::-1])
    with RowStore(url, "corner_shop") as rows:
        before = rows.read("user_activity", "user_id", np.array([1, 77]))
        with pytest.raises(LayoutMismatch, match="was not written"):
            rows.write("user_activity", "user_id", np.array([1, 77]), other.empty(2))
        assert rows.read("user_activity", "user_id", np.array([1, 77])) == before


@pytest.mark.parametrize("gone", ["deleted", "torn down"])
def test_the_rows_of_a_view_that_goes_go_with_it(shop: FeatureStore, url: str, gone: str) -> None:
    store, view = RecserveOnlineStore(), shop.get_feature_view("item_activity")
    with RowStore(url, "corner_shop") as rows:
        rows.write_texts({10: ItemTexts(1, "Milk")})
    if gone == "deleted":
        store.update(shop.config, [view], [], [], [], partial=False)
    else:
        store.teardown(shop.config, [view], [])
    assert online(shop, "item_activity", [10, 20]) == {"popularity": [None, None]}
    with RowStore(url, "corner_shop") as rows:
        assert len(rows.entities("item_id")) == (3 if gone == "deleted" else 0)
        (texts,) = rows.read(VIEW, "item_id", np.array([10]))
        assert (texts is None) == (gone == "torn down")
    shop.materialize(BEFORE, NOW, ["item_activity"])
    assert online(shop, "item_activity", [10, 20]) == {"popularity": [5.0, None]}


@pytest.mark.parametrize(
    ("asked", "known"), [(NOW, NOW), (NOW - timedelta(seconds=1), BEFORE), (BEFORE, BEFORE)]
)
def test_historical_features_are_the_rows_as_of_then(
    shop: FeatureStore, asked: datetime, known: datetime
) -> None:
    """Of users with some row by then: Feast's file store leaves out those known only later."""
    users = [user for user in USERS if user in rows_at("user_profile", known)]
    entities = pd.DataFrame({"user_id": users, "event_timestamp": pd.Timestamp(asked)})
    names = ["user_profile:age", "user_activity:baskets_7d", "user_history:owned_item"]
    found = shop.get_historical_features(entities, names).to_df().set_index("user_id")
    assert sorted(found.index) == users
    for user in users:
        expected = [rows_at(name.split(":")[0], known).get(user, (None,))[0] for name in names]
        assert [plain(value) for value in found.loc[user, ["age", "baskets_7d", "owned_item"]]] == (
            expected
        )


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | list):
        return list(value)
    return None if pd.isna(value) else value


@pytest.mark.parametrize(
    ("project", "prepared", "said"),
    [
        ("corner_shop", False, "has no prepared data; run `make up`"),
        ("another", True, "is of project another, but .* holds corner_shop"),
    ],
)
def test_a_state_folder_that_does_not_fit_is_told_in_a_sentence(
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    project: str,
    prepared: bool,
    said: str,
) -> None:
    if prepared:
        (tmp_path / "prepared").symlink_to(state / "prepared")
    monkeypatch.setenv(STORE_FILE, str(write_store_file(tmp_path, project, None)))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(REPOSITORY / "prepared.py"))
    assert re.search(said, str(stopped.value))


def test_a_relative_store_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORE_FILE, "build/none/feast/feature_store.yaml")
    with pytest.raises(SystemExit, match="is missing or relative"):
        runpy.run_path(str(REPOSITORY / "prepared.py"))
