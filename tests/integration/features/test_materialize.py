"""The offline step: apply, materialise, count; what another preparation left is removed."""

import io
import os
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from redis import Redis
from rich.console import Console

from serving.errors import Unavailable
from serving.features.fields import view_layout
from serving.features.redis_keys import item_changes_stream, materialized_at_key
from serving.features.store import RowStore
from tests.integration.features.conftest import NOW, ROWS, VIEWS, write_prepared
from training.errors import PreparedError, StoreError
from training.feast_project import REDIS_URL, STORE_FILE
from training.materialize import materialize
from training.online_rows import check_rows, expected_views, remove_unknown

QUIET = Console(quiet=True)
NOW_US = round(NOW.timestamp() * 1e6)
FEATURES = {"views": VIEWS}
DONE_AT = materialized_at_key("corner_shop")


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feast's apply moves into the repository and imports from it: undone after each test."""
    monkeypatch.chdir(Path.cwd())
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in (STORE_FILE, REDIS_URL):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    for name in ("prepared", "entities", "services", "features", "features.user", "features.item"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def dump(url: str) -> dict[bytes, bytes]:
    """All but the announcements, which a repeated write repeats, and when it was done."""
    left_out = {item_changes_stream("corner_shop").encode(), DONE_AT.encode()}
    with Redis.from_url(url) as client:
        return {key: client.dump(key) for key in client.scan_iter() if key not in left_out}


def done_at_us(url: str) -> int:
    with Redis.from_url(url) as client:
        return int(client.get(DONE_AT) or 0)


def plant(rows: RowStore, view: str, entity: int, time_us: int, *, other_layout: bool) -> None:
    fields = VIEWS[view]["fields"]
    row = view_layout(view, fields[::-1] if other_layout else fields).empty(1)
    row["event_time_us"] = time_us
    rows.write(view, f"{VIEWS[view]['entity']}_id", np.array([entity]), row)


def test_leftovers_go_every_row_arrives_and_a_second_run_changes_only_when_it_was_done(
    state: Path, redis_url: str
) -> None:
    with RowStore(redis_url, "corner_shop") as rows:
        plant(rows, "item_activity", 77, NOW_US - 1, other_layout=False)  # an unknown item
        plant(rows, "user_profile", 1, NOW_US + 1, other_layout=False)  # of a later now
        plant(rows, "user_history", 2, NOW_US, other_layout=True)
        said = Console(file=io.StringIO(), width=100)
        materialize(state, redis_url, said)
        text = said.file.getvalue()
        assert "3 rows of an earlier preparation removed" in text
        for view, described in VIEWS.items():
            entities = {row[0] for row in ROWS[view]}
            listed = rows.entities(f"{described['entity']}_id")
            heads = rows.heads(view, f"{described['entity']}_id", listed)
            assert set(listed[heads["event_time_us"] >= 0].tolist()) == entities
            assert any(view in line and f" {len(entities)} " in line for line in text.splitlines())
        assert 77 not in rows.entities("item_id")
    before, done_us = dump(redis_url), done_at_us(redis_url)
    assert before
    assert done_us
    materialize(state, redis_url, QUIET)
    assert dump(redis_url) == before
    assert done_at_us(redis_url) > done_us


def test_rows_that_changed_since_stay_unless_the_store_was_ahead(
    state: Path, redis_url: str
) -> None:
    materialize(state, redis_url, QUIET)
    with RowStore(redis_url, "corner_shop") as rows:
        plant(rows, "user_history", 1, NOW_US + 5, other_layout=False)  # events came
        plant(rows, "user_history", 4711, NOW_US + 5, other_layout=False)  # of somebody new
        users = np.array([1, 4711])
        materialize(state, redis_url, QUIET)
        heads = rows.heads("user_history", "user_id", users)
        assert heads["event_time_us"].tolist() == [NOW_US + 5] * 2
        assert 4711 in rows.entities("user_id")
        rows.set_materialized_us(NOW_US + 1)  # as if another preparation had gone further
        materialize(state, redis_url, QUIET)
        heads = rows.heads("user_history", "user_id", users)
        assert heads["event_time_us"].tolist() == [NOW_US, -1]
        assert rows.materialized_us() == NOW_US


class Busy(RowStore):
    """A worker adds events to a row while it is about to be removed."""

    def delete_unchanged(
        self, view: str, join_key: str, keys: np.ndarray, heads: np.ndarray
    ) -> np.ndarray:
        if view == "user_history":
            plant(self, view, 4711, NOW_US + 5, other_layout=False)
        return super().delete_unchanged(view, join_key, keys, heads)


def test_a_row_that_changes_as_it_is_to_be_removed_stays(state: Path, redis_url: str) -> None:
    views = expected_views(state / "prepared", FEATURES, NOW)
    with Busy(redis_url, "corner_shop") as rows:
        rows.set_materialized_us(NOW_US)
        plant(rows, "user_history", 4711, NOW_US - 5, other_layout=False)
        plant(rows, "user_history", 4712, NOW_US - 5, other_layout=False)
        assert remove_unknown(rows, views, NOW) == 1
        heads = rows.heads("user_history", "user_id", np.array([4711, 4712]))
        assert heads["event_time_us"].tolist() == [NOW_US + 5, -1]
        assert rows.entities("user_id").tolist() == [4711]


def test_a_missing_and_a_superfluous_row_are_told_with_view_and_counts(
    state: Path, redis_url: str
) -> None:
    views = expected_views(state / "prepared", FEATURES, NOW)
    with RowStore(redis_url, "corner_shop") as rows:
        for view in VIEWS:
            for entity in {row[0] for row in ROWS[view]}:
                plant(rows, view, entity, NOW_US, other_layout=False)
        check_rows(rows, views, NOW)
        rows.delete("user_activity", "user_id", np.array([3]))
        plant(rows, "item_activity", 77, NOW_US, other_layout=False)
        with pytest.raises(StoreError) as wrong:
            check_rows(rows, views, NOW)
    assert "user_activity: expected 3, found 2; item_activity: expected 3, found 4" in str(
        wrong.value
    )


def test_entities_known_only_later_are_not_expected(state: Path) -> None:
    views = expected_views(state / "prepared", FEATURES, NOW - timedelta(seconds=1))
    assert {view.name: sorted(view.keys.tolist()) for view in views} == {
        "user_profile": [1, 4],
        "user_activity": [1],
        "user_history": [1],
        "item_activity": [10],
    }


def test_no_prepared_data_and_no_redis_are_told_before_feast_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(PreparedError, match=r"features\.yaml is missing; run"):
        materialize(tmp_path, None, QUIET)
    write_prepared(tmp_path)
    with pytest.raises(Unavailable, match="no Redis answers at unix://"):
        materialize(tmp_path, None, QUIET)
    assert not (tmp_path / "feast").exists()
