"""A view changes under rows, writers and readers: what is of the other layout is told, never misread."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from feast import FeatureStore, FeatureView, Field, FileSource
from feast.types import Float32, Int64
from redis import Redis

from serving.errors import ArtefactError, LayoutMismatch
from serving.features.feast_types import feast_layout
from tests.fakes.feast_twins import CREATED, SHOP, TIME, Twin, config, twin

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def view(folder: Path, **fields: Any) -> FeatureView:
    path = folder / "changing.parquet"
    if not path.exists():
        frame_of([], {}, START).write_parquet(path)
    schema = [Field(name="shop_id", dtype=Int64)]
    schema += [Field(name=name, dtype=dtype) for name, dtype in fields.items()]
    source = FileSource(path=str(path), timestamp_field=TIME, created_timestamp_column=CREATED)
    return FeatureView(name="changing", entities=[SHOP], schema=schema, source=source)


def frame_of(shops: list[int], values: dict[str, list[Any]], at: datetime) -> pl.DataFrame:
    times = pl.Series([at] * len(shops), dtype=pl.Datetime("us", "UTC"))
    ids = pl.Series(shops, dtype=pl.Int64)
    return pl.DataFrame({"shop_id": ids, TIME: times, CREATED: times} | values)


@pytest.fixture
def packed(tmp_path: Path, redis_server: str) -> Twin:
    url = f"{redis_server}?db=4"
    with Redis.from_url(url) as client:
        client.flushdb()
    return twin(tmp_path / "packed", stores(url), lambda: None)


def stores(url: str) -> dict[str, Any]:
    return {
        "online_store": {
            "type": "serving.features.online_store.RecserveOnlineStore",
            "redis_url": url,
        },
        "batch_engine": {"type": "serving.features.engine.PolarsComputeEngine"},
    }


def read(of: Twin, *names: str) -> dict[str, Any]:
    rows = [{"shop_id": 1}, {"shop_id": 2}]
    return of.store.get_online_features([f"changing:{n}" for n in names], rows).to_dict()


def push(of: Twin, values: dict[str, list[Any]], at: datetime) -> None:
    frame = pd.DataFrame({"shop_id": [1], TIME: [at], CREATED: [at]} | values)
    of.write("changing", frame)


def test_rows_of_before_are_told_and_older_ones_of_now_replace_them(packed: Twin) -> None:
    """Whatever their times; from then on the newest wins again."""
    before = view(packed.folder, price=Float32)
    packed.store.apply([before])
    packed.materialize("changing", frame_of([1, 2], {"price": [1.0, 2.0]}, START), START, START)
    assert read(packed, "price")["price"] == [1.0, 2.0]

    now = view(packed.folder, points=Int64, price=Float32)
    packed.store.apply([now])
    with pytest.raises(LayoutMismatch) as told:
        read(packed, "price")
    for layout in (before, now):
        assert f"{feast_layout(layout).fingerprint:016x}" in str(told.value)
    assert "changing: " in str(told.value)
    assert "materialise the view again" in str(told.value)

    earlier = START - HOUR
    values = {"points": [7, 8], "price": [1.5, 2.5]}
    packed.materialize("changing", frame_of([1, 2], values, earlier), earlier, earlier)
    assert read(packed, "points", "price") == {"shop_id": [1, 2]} | values
    push(packed, {"points": [9], "price": [9.5]}, earlier - HOUR)
    assert read(packed, "points")["points"] == [7, 8]
    push(packed, {"points": [9], "price": [9.5]}, START)
    assert read(packed, "points")["points"] == [9, 8]


def test_a_writer_that_knows_the_view_of_before_writes_nothing(packed: Twin) -> None:
    packed.store.apply([view(packed.folder, price=Float32)])
    kept = shutil.copy(packed.folder / "registry.db", packed.folder / "kept.db")
    online = {"online_store": packed.store.config.online_config}
    old = Twin(FeatureStore(config=config(kept, online)), packed.folder, lambda: None)
    push(old, {"price": [1.0]}, START)
    packed.store.apply([view(packed.folder, points=Int64, price=Float32)])
    push(packed, {"points": [7], "price": [1.5]}, START)
    with pytest.raises(LayoutMismatch, match=r"changing .* was not written; run `feast apply`"):
        push(old, {"price": [3.0]}, START + HOUR)
    with pytest.raises(LayoutMismatch, match="changing: layout"):
        read(old, "price")
    assert read(packed, "points", "price") == {
        "shop_id": [1, 2],
        "points": [7, None],
        "price": [1.5, None],
    }


def test_a_view_that_no_row_can_hold_is_refused_as_it_is_applied(packed: Twin) -> None:
    with pytest.raises(ArtefactError, match="changing has a field called fingerprint"):
        packed.store.apply([view(packed.folder, fingerprint=Int64)])
