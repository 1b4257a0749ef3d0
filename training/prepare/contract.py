"""Reads a data set's folder by the roles that its dataset.yaml gives to the columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from training.datasets.errors import DataSetError, DescriptionError
from training.prepare.contract_checks import (
    column_problems,
    description_problems,
    instant,
    name_problems,
    role_problems,
)
from training.prepare.contract_roles import INSTANTS, Tables, by_role, is_entity_id
from training.prepare.repeated_keys import repeated_keys

DESCRIPTION = "dataset.yaml"
TEXTS = ("title", "category", "brand", "categorical", "kind", "surface", "currency", "text")
DEFAULTS: Mapping[str, Any] = {
    "surface": "product",
    "target_kinds": ["purchase"],
    "horizon_days": 14,
    "default_now": None,
    "time_zone": None,
    "currencies": None,
}
Columns = Mapping[str, list[str]]  # role: columns


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set whose columns are named by role: `user_id`, `item_id`, `time`, `group`, ..."""

    name: str
    id_kind: str
    surface: str  # product or content
    target_kinds: tuple[str, ...]
    horizon: timedelta
    default_now: datetime
    min_events: int
    title: str | None
    categories: tuple[str, ...]  # item columns, broadest first
    brands: tuple[str, ...]
    item_categoricals: tuple[str, ...]
    item_numerics: tuple[str, ...]
    texts: tuple[str, ...]  # item columns of free text
    user_categoricals: tuple[str, ...]
    user_numerics: tuple[str, ...]
    items: pl.LazyFrame
    users: pl.LazyFrame  # without a table of them: everybody who appears in events
    events: pl.LazyFrame  # event_id, user_id, item_id, kind, time, group, quantity, value
    placements: pl.LazyFrame | None
    offers: pl.LazyFrame | None  # offer_id, surface, start, end, title, weight
    offer_targets: pl.LazyFrame | None  # offer_id, item_id
    queries: pl.LazyFrame | None  # user_id, text, time, item_id

    @property
    def affinity_columns(self) -> tuple[str, ...]:
        return self.categories + self.brands


def read_description(folder: Path) -> dict[str, Any]:
    """What dataset.yaml says, with the defaults of the keys that it leaves out.

    Raises:
        DescriptionError: it is missing, no YAML or can't be followed; every problem is named.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DescriptionError(
            [f"{path} is missing; it gives each column its role, see docs/contracts.md"]
        )
    try:
        text = path.read_text(encoding="utf-8")
        described, repeated = yaml.safe_load(text), list(repeated_keys(text))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a 30 February
        problem = f"{path} is no YAML: {' '.join(str(error).split())}"
        raise DescriptionError([problem]) from error
    problems = [*repeated, *description_problems(described)]
    _refuse([f"{path}: {problem}" for problem in problems])
    given = {key: value for key, value in described.items() if value is not None}
    return dict(DEFAULTS) | given


def open_data_set(folder: Path) -> DataSet:
    """Opens a folder of parquet tables lazily; `training.datasets.check` makes one of anybody's tables.

    Raises:
        DataSetError: a file, a role or a column is missing; all of them are named.
    """
    described = read_description(folder)
    tables: Tables = described["tables"]
    missing = [
        f"{folder / f'{name}.parquet'} is missing"
        for name in tables
        if not (folder / f"{name}.parquet").is_file()
    ]
    _refuse(missing + role_problems(tables) + name_problems(tables))
    frames = {name: pl.scan_parquet(folder / f"{name}.parquet") for name in tables}
    schemas = {name: _schema(frame, folder / f"{name}.parquet") for name, frame in frames.items()}
    _refuse(column_problems(tables, schemas, described["id_kind"]))
    roles = {name: by_role(columns) for name, columns in tables.items()}
    frames = {
        name: _typed(name, frame, roles[name], described["id_kind"])
        for name, frame in frames.items()
    }
    return _data_set(described, frames, roles)


def _data_set(
    described: Mapping[str, Any],
    frames: Mapping[str, pl.LazyFrame],
    roles: Mapping[str, Columns],
) -> DataSet:
    horizon = timedelta(days=described["horizon_days"])
    events = _events(frames["events"], roles["events"], described["currencies"])
    items, users = roles["items"], roles.get("users", {})
    return DataSet(
        name=described["name"],
        id_kind=described["id_kind"],
        surface=described["surface"],
        target_kinds=tuple(described["target_kinds"]),
        horizon=horizon,
        default_now=_default_now(described["default_now"], events, horizon),
        min_events=described["catalogue"]["min_events"],
        title=_one(items, "title"),
        categories=tuple(items.get("category", ())),
        brands=tuple(items.get("brand", ())),
        item_categoricals=tuple(items.get("categorical", ())),
        item_numerics=tuple(items.get("numeric", ())),
        texts=tuple(items.get("text", ())),
        user_categoricals=tuple(users.get("categorical", ())),
        user_numerics=tuple(users.get("numeric", ())),
        items=frames["items"].rename({items["id"][0]: "item_id"}),
        users=_users(frames.get("users"), users, events),
        events=events,
        placements=_placements(frames.get("placements"), roles.get("placements", {})),
        offers=_offers(frames.get("offers"), roles.get("offers", {})),
        offer_targets=_offer_targets(frames.get("offer_targets"), roles.get("offer_targets", {})),
        queries=_queries(frames.get("queries"), roles.get("queries", {})),
    )


def _default_now(given: object, events: pl.LazyFrame, horizon: timedelta) -> datetime:
    """Without one: two horizons before the end of the last event's day, in UTC."""
    if given is not None:
        return instant(given, "default_now")
    last: datetime | None = events.select(pl.col("time").max()).collect().item()
    if last is None:
        raise DataSetError("events.parquet holds no event with a time, so that there is no now")
    midnight = last.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1) - 2 * horizon


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DescriptionError(problems)


def _schema(frame: pl.LazyFrame, path: Path) -> pl.Schema:
    try:
        return frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise DataSetError(f"{path} is no parquet file that can be read: {error}") from error


def _typed(table: str, frame: pl.LazyFrame, roles: Columns, id_kind: str) -> pl.LazyFrame:
    """Ids of one type in all tables, times in UTC, and texts for whatever is a category."""

    def of(*wanted: str) -> list[str]:
        return [column for role in wanted for column in roles.get(role, ())]

    ids = of(*(role for role in roles if is_entity_id(table, role)))
    return frame.with_columns(
        pl.col(ids).cast(pl.Int64 if id_kind == "integer" else pl.String),
        pl.col(of(*INSTANTS)).dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        pl.col(of(*TEXTS)).cast(pl.String),
    )


def _one(roles: Columns, role: str) -> str | None:
    return roles[role][0] if role in roles else None


def _column(roles: Columns, role: str, default: pl.Expr) -> pl.Expr:
    name = _one(roles, role)
    return default if name is None else pl.col(name)


def _events(
    frame: pl.LazyFrame, roles: Columns, currencies: Mapping[str, float] | None
) -> pl.LazyFrame:
    time = pl.col(roles["time"][0])
    value = _column(roles, "value", pl.lit(None)).cast(pl.Float64)
    if currencies is not None and "currency" in roles:
        value = value * _worth(roles["currency"][0], currencies)
    return frame.select(
        event_id=_column(roles, "id", pl.lit(None)).cast(pl.String),
        user_id=roles["user"][0],
        item_id=roles["item"][0],
        kind=roles["kind"][0],
        time=time,
        group=_column(roles, "group", time.dt.date()),
        quantity=_column(roles, "quantity", pl.lit(1.0)).cast(pl.Float64),
        value=value,
    )


def _worth(currency: str, currencies: Mapping[str, float]) -> pl.Expr:
    """Of one unit of the row's currency; null for one that is not listed."""
    return pl.col(currency).replace_strict(
        list(currencies), list(currencies.values()), default=None, return_dtype=pl.Float64
    )


def _users(frame: pl.LazyFrame | None, roles: Columns, events: pl.LazyFrame) -> pl.LazyFrame:
    if frame is None:
        return events.select("user_id").drop_nulls().unique()
    return frame.rename({roles["id"][0]: "user_id"})


def _placements(frame: pl.LazyFrame | None, roles: Columns) -> pl.LazyFrame | None:
    if frame is None:
        return None
    return frame.select(
        pl.col(roles["item"][0]).alias("item_id"),
        pl.col(roles["start"][0]).alias("start"),
        pl.col(roles["end"][0]).alias("end"),
        *[pl.col(name).cast(pl.Float32) for name in roles.get("numeric", ())],
    )


def _offers(frame: pl.LazyFrame | None, roles: Columns) -> pl.LazyFrame | None:
    if frame is None:
        return None
    return frame.select(
        offer_id=pl.col(roles["id"][0]).cast(pl.String),
        surface=roles["surface"][0],
        start=roles["start"][0],
        end=roles["end"][0],
        title=_column(roles, "title", pl.lit(None, pl.String)),
        weight=_column(roles, "weight", pl.lit(1.0)).cast(pl.Float64),
    )


def _offer_targets(frame: pl.LazyFrame | None, roles: Columns) -> pl.LazyFrame | None:
    if frame is None:
        return None
    return frame.select(
        offer_id=pl.col(roles["offer"][0]).cast(pl.String), item_id=roles["item"][0]
    )


def _queries(frame: pl.LazyFrame | None, roles: Columns) -> pl.LazyFrame | None:
    if frame is None:
        return None
    return frame.select(
        user_id=roles["user"][0],
        text=roles["text"][0],
        time=roles["time"][0],
        item_id=_column(roles, "item", pl.lit(None)),
    )
