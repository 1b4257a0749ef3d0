"""A tiny prepared data set: four users and three items at two cut-offs, with every kind of null."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

BEFORE = datetime(2024, 4, 17, tzinfo=UTC)
NOW = datetime(2024, 5, 1, tzinfo=UTC)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)

VIEWS: dict[str, dict[str, Any]] = {
    "user_profile": {
        "entity": "user",
        "max_age_s": 315_360_000,
        "fields": [{"name": "age", "dtype": "string"}, {"name": "town", "dtype": "string"}],
    },
    "user_activity": {
        "entity": "user",
        "max_age_s": 1_296_000,
        "fields": [
            {"name": "baskets_7d", "dtype": "float32"},
            {"name": "points", "dtype": "int64"},
        ],
    },
    "user_history": {
        "entity": "user",
        "max_age_s": 1_296_000,
        "fields": [
            {"name": "owned_item", "dtype": "int64_list", "max_length": 6},
            {"name": "owned_score", "dtype": "float32_list", "max_length": 6},
        ],
    },
    "item_activity": {
        "entity": "item",
        "max_age_s": 1_296_000,
        "fields": [{"name": "popularity", "dtype": "float32"}],
    },
}
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "user_profile": [
        (1, "30-39", None, BEFORE),
        (1, "40-49", "Ulm", NOW),
        (2, None, "Ulm", NOW),
        (3, "30-39", "Köln", NOW),
        (4, None, None, BEFORE),
    ],
    "user_activity": [
        (1, 1.5, 7, BEFORE),
        (1, 2.5, None, NOW),
        (2, None, 0, NOW),
        (3, 0.0, 2**53 + 1, NOW),
    ],
    "user_history": [
        (1, [10], [0.5], BEFORE),
        (1, [30, 10], [0.75, 0.25], NOW),
        (2, [], [], NOW),
        (3, [10, 20, 30, 40, 50, 60], [1.0] * 6, NOW),
    ],
    "item_activity": [(10, 3.0, BEFORE), (10, 5.0, NOW), (20, None, NOW), (30, 0.0, NOW)],
}
TYPES = {
    "string": pl.String,
    "float32": pl.Float32,
    "int64": pl.Int64,
    "int64_list": pl.List(pl.Int64),
    "float32_list": pl.List(pl.Float32),
}


def rows_at(view: str, time: datetime) -> dict[int, tuple[Any, ...]]:
    """The features of each entity as known at `time`: its last row until then."""
    known = [row for row in ROWS[view] if row[-1] <= time]
    return {row[0]: row[1:-1] for row in sorted(known, key=lambda row: row[-1])}


def write_prepared(state: Path) -> None:
    """Writes `<state>/prepared` as docs/contracts.md describes it."""
    (state / "prepared" / "views").mkdir(parents=True)
    for name, view in VIEWS.items():
        schema = {f"{view['entity']}_id": pl.Int64()}
        schema |= {field["name"]: TYPES[field["dtype"]] for field in view["fields"]}
        schema |= {"event_timestamp": pl.Datetime("us", "UTC")}
        frame = pl.DataFrame(ROWS[name], schema=schema, orient="row", strict=False)
        frame.with_columns(created_timestamp=pl.lit(CREATED).dt.cast_time_unit("us")).write_parquet(
            state / "prepared" / "views" / f"{name}.parquet"
        )
    every = {name: [f["name"] for f in view["fields"]] for name, view in VIEWS.items()}
    document = {
        "version": 1,
        "project": "corner_shop",
        "id_kind": "integer",
        "now": NOW.isoformat(),
        "cutoffs": [BEFORE.isoformat(), NOW.isoformat()],
        "views": VIEWS,
        "services": {"retriever": {"user_history": ["owned_item"]}, "ranker": every},
    }
    (state / "prepared" / "features.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    write_prepared(folder)
    return folder
