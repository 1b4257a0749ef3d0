"""Reads a data set's folder by the roles that its dataset.yaml gives to the columns."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from training.datasets.errors import DataSetError

NEEDED_EVENT_ROLES = ("user", "item", "kind", "time", "group", "quantity", "value")


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set whose columns are named by role: `user_id`, `item_id`, `time`, `group`, ..."""

    name: str
    id_kind: str
    default_now: datetime
    min_events: int
    title: str | None
    categories: tuple[str, ...]  # item columns, broadest first
    brands: tuple[str, ...]
    item_categoricals: tuple[str, ...]
    user_categoricals: tuple[str, ...]
    items: pl.LazyFrame
    users: pl.LazyFrame
    events: pl.LazyFrame
    placements: pl.LazyFrame | None

    @property
    def affinity_columns(self) -> tuple[str, ...]:
        return self.categories + self.brands


def open_data_set(folder: Path) -> DataSet:
    """Opens the folder lazily.

    Raises:
        DataSetError: a file, a role or a column is missing; all of them are named.
    """
    described = _description(folder)
    tables: dict[str, dict[str, dict[str, Any]]] = described["tables"]
    problems = [
        f"{folder / f'{name}.parquet'} is missing"
        for name in tables
        if not (folder / f"{name}.parquet").is_file()
    ]
    problems += [
        f"tables.{name} is missing" for name in ("items", "users", "events") if name not in tables
    ]
    if problems:
        raise DataSetError("; ".join(problems))
    frames = {name: pl.scan_parquet(folder / f"{name}.parquet") for name in tables}
    for name, columns in tables.items():
        present = frames[name].collect_schema().names()
        problems += [f"{name}.parquet has no column {c}" for c in columns if c not in present]
    by_role = {name: _by_role(columns) for name, columns in tables.items()}
    problems += [
        f"tables.events has no column with role {role}"
        for role in NEEDED_EVENT_ROLES
        if role not in by_role["events"]
    ]
    problems += [
        f"tables.{name} has no column with role id"
        for name in ("items", "users")
        if "id" not in by_role[name]
    ]
    if problems:
        raise DataSetError("; ".join(problems))
    levels = sorted(by_role["items"].get("category", ()), key=lambda c: tables["items"][c]["level"])
    title = by_role["items"].get("title", [None])[0]
    return DataSet(
        name=described["name"],
        id_kind=described["id_kind"],
        default_now=datetime.fromisoformat(described["default_now"]),
        min_events=described["catalogue"]["min_events"],
        title=title,
        categories=tuple(levels),
        brands=tuple(by_role["items"].get("brand", ())),
        item_categoricals=tuple(by_role["items"].get("categorical", ())),
        user_categoricals=tuple(by_role["users"].get("categorical", ())),
        items=frames["items"].rename({by_role["items"]["id"][0]: "item_id"}),
        users=frames["users"].rename({by_role["users"]["id"][0]: "user_id"}),
        events=_events(frames["events"], by_role["events"]),
        placements=_placements(frames.get("placements"), by_role.get("placements", {})),
    )


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.yaml"
    if not path.is_file():
        raise DataSetError(
            f"{path} is missing; it gives each column its role, see docs/contracts.md"
        )
    described = yaml.safe_load(path.read_text())
    needed = ("version", "name", "id_kind", "default_now", "catalogue", "tables")
    missing = [key for key in needed if key not in (described or {})]
    if missing:
        raise DataSetError(f"{path} lacks {', '.join(missing)}")
    if described["version"] != 1:
        raise DataSetError(f"{path}: version is {described['version']}, this program reads 1")
    if described["id_kind"] not in ("integer", "string"):
        raise DataSetError(f"{path}: id_kind is {described['id_kind']!r}, not integer or string")
    return dict(described)


def _by_role(columns: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column, description in columns.items():
        found.setdefault(description["role"], []).append(column)
    return found


def _events(frame: pl.LazyFrame, roles: dict[str, list[str]]) -> pl.LazyFrame:
    return frame.select(
        user_id=roles["user"][0],
        item_id=roles["item"][0],
        kind=roles["kind"][0],
        time=pl.col(roles["time"][0]).dt.cast_time_unit("us"),
        group=roles["group"][0],
        quantity=pl.col(roles["quantity"][0]).cast(pl.Float64),
        value=pl.col(roles["value"][0]).cast(pl.Float64),
    )


def _placements(frame: pl.LazyFrame | None, roles: dict[str, list[str]]) -> pl.LazyFrame | None:
    if frame is None:
        return None
    return frame.select(
        pl.col(roles["item"][0]).alias("item_id"),
        pl.col(roles["start"][0]).dt.cast_time_unit("us").alias("start"),
        pl.col(roles["end"][0]).dt.cast_time_unit("us").alias("end"),
        *[pl.col(name).cast(pl.Float32) for name in roles.get("numeric", ())],
    )
