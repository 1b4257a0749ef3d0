"""What may be wrong with a data set's description and tables: one sentence a problem, all at once."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from training.datasets.errors import DataSetError

Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]  # table: column: its description
NEEDED = ("version", "name", "id_kind", "default_now", "catalogue", "tables")
NEEDED_EVENT_ROLES = ("user", "item", "kind", "time", "group", "quantity", "value")
NEEDED_ROLES = {
    "items": ("id",),
    "users": ("id",),
    "events": NEEDED_EVENT_ROLES,
    "placements": ("item", "start", "end"),
}
INSTANTS, NUMBERS = ("time", "start", "end"), ("quantity", "value", "numeric")
VERSION = 1


def description_problems(described: object) -> list[str]:
    """Of dataset.yaml by itself."""
    if not isinstance(described, dict):
        return ["holds no mapping"]
    missing = [key for key in NEEDED if key not in described]
    if missing:
        return [f"lacks {', '.join(missing)}"]
    if described["version"] != VERSION:
        return [f"version is {described['version']}, this program reads {VERSION}"]
    return [
        *_value_problems(described),
        *_table_problems(described["tables"]),
    ]


def _value_problems(described: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch("[a-z][a-z0-9_]*", str(described["name"])):
        yield f"name is {described['name']!r}, not small letters, digits and _"
    if described["id_kind"] not in ("integer", "string"):
        yield f"id_kind is {described['id_kind']!r}, not integer or string"
    catalogue = described["catalogue"]
    least = catalogue.get("min_events") if isinstance(catalogue, dict) else None
    if not isinstance(least, int) or least < 1:
        yield "catalogue.min_events is not a number from 1 on"
    try:
        instant(described["default_now"], "default_now")
    except DataSetError as error:
        yield str(error)


def _table_problems(tables: object) -> Iterator[str]:
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        yield "tables gives no mapping of columns for each table"
        return
    yield from (
        f"tables.{name} is missing" for name in ("items", "users", "events") if name not in tables
    )
    for table, columns in tables.items():
        for column, described in columns.items():
            if not isinstance(described, dict) or not isinstance(described.get("role"), str):
                yield f"tables.{table}.{column} has no role"
            elif described["role"] == "category" and not isinstance(described.get("level"), int):
                yield f"tables.{table}.{column} is a category without a level"


def role_problems(tables: Tables) -> list[str]:
    found = {name: {c["role"] for c in columns.values()} for name, columns in tables.items()}
    return [
        f"tables.{name} has no column with role {role}"
        for name, roles in NEEDED_ROLES.items()
        for role in roles
        if name in found and role not in found[name]
    ]


def column_problems(tables: Tables, schemas: Mapping[str, pl.Schema], id_kind: str) -> list[str]:
    """Columns that are missing, or whose type is not one of their role."""
    problems = []
    for table, columns in tables.items():
        for column, described in columns.items():
            if column not in schemas[table]:
                problems.append(f"{table}.parquet has no column {column}")
                continue
            dtype = schemas[table][column]
            wanted = _wanted(table, described["role"], dtype, id_kind)
            if wanted:
                problems.append(f"{table}.parquet: {column} is {dtype}, should be {wanted}")
    return problems


def _wanted(table: str, role: str, dtype: pl.DataType, id_kind: str) -> str:
    """What the role asks for; empty if the type is that."""
    is_id = role in ("item", "user") or (role == "id" and table in ("items", "users"))
    if is_id and id_kind == "integer":
        return "" if dtype.is_integer() else "of integers, as id_kind says"
    if is_id:
        return "" if dtype == pl.String else "of strings, as id_kind says"
    if role in INSTANTS:
        zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        return "" if zoned else "a time with its time zone"
    if role in NUMBERS:
        return "" if dtype.is_numeric() else "a number"
    return ""


def instant(value: object, name: str) -> datetime:
    """A time as YAML or a person gives it.

    Raises:
        DataSetError: it is none, or without a time zone.
    """
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise DataSetError(f"{name} is {value!r}, no time such as 2017-11-27T05:00:00Z") from None
    if found.tzinfo is None:
        raise DataSetError(f"{name} is {value}, without a time zone; add one, such as Z")
    return found
