"""Reads a data set's folder by the roles that its dataset.yaml gives to the columns."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from training.datasets.errors import DataSetError
from training.prepare.contract_checks import (
    INSTANTS,
    column_problems,
    description_problems,
    instant,
    role_problems,
)


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
    missing = [
        f"{folder / f'{name}.parquet'} is missing"
        for name in tables
        if not (folder / f"{name}.parquet").is_file()
    ]
    _refuse(missing + role_problems(tables))
    frames = {name: pl.scan_parquet(folder / f"{name}.parquet") for name in tables}
    schemas = {name: _schema(frame, folder / f"{name}.parquet") for name, frame in frames.items()}
    _refuse(column_problems(tables, schemas, described["id_kind"]))
    by_role = {name: _by_role(columns) for name, columns in tables.items()}
    frames = {
        name: _typed(frame, by_role[name], described["id_kind"]) for name, frame in frames.items()
    }
    levels = sorted(by_role["items"].get("category", ()), key=lambda c: tables["items"][c]["level"])
    title = by_role["items"].get("title", [None])[0]
    return DataSet(
        name=described["name"],
        id_kind=described["id_kind"],
        default_now=instant(described["default_now"], "default_now"),
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
    try:
        described = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise DataSetError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    _refuse([f"{path}: {problem}" for problem in description_problems(described)])
    return dict(described)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DataSetError("; ".join(problems))


def _schema(frame: pl.LazyFrame, path: Path) -> pl.Schema:
    try:
        return frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise DataSetError(f"{path} is no parquet file that can be read: {error}") from error


def _typed(frame: pl.LazyFrame, roles: dict[str, list[str]], id_kind: str) -> pl.LazyFrame:
    """Ids of one type in all tables, times in UTC, and texts for whatever is a category."""

    def of(*wanted: str) -> list[str]:
        return [column for role in wanted for column in roles.get(role, ())]

    ids = of("id", "item", "user") if id_kind == "integer" else []
    schema = frame.collect_schema()
    return frame.with_columns(
        pl.col([c for c in ids if schema[c].is_integer()]).cast(pl.Int64),
        pl.col(of(*INSTANTS)).dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        pl.col(of("title", "category", "brand", "categorical", "kind")).cast(pl.String),
    )


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
        time=roles["time"][0],
        group=roles["group"][0],
        quantity=pl.col(roles["quantity"][0]).cast(pl.Float64),
        value=pl.col(roles["value"][0]).cast(pl.Float64),
    )


def _placements(frame: pl.LazyFrame | None, roles: dict[str, list[str]]) -> pl.LazyFrame | None:
    if frame is None:
        return None
    return frame.select(
        pl.col(roles["item"][0]).alias("item_id"),
        pl.col(roles["start"][0]).alias("start"),
        pl.col(roles["end"][0]).alias("end"),
        *[pl.col(name).cast(pl.Float32) for name in roles.get("numeric", ())],
    )
