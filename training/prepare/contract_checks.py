"""What may be wrong with a data set's description and tables: one sentence a problem, all at once."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from training.datasets.errors import DataSetError
from training.prepare.contract_roles import (
    FEATURES,
    INSTANTS,
    NEEDED_TABLES,
    NUMBERS,
    RESERVED,
    ROLES,
    Tables,
    is_entity_id,
    may_repeat,
)

NEEDED = ("version", "name", "id_kind", "catalogue", "tables")
KEYS = (
    *NEEDED,
    "surface",
    "target_kinds",
    "horizon_days",
    "default_now",
    "time_zone",
    "currencies",
    "licence",
)
SURFACES = ("product", "content")
LONGEST_HORIZON_DAYS = 90
LONGEST_NAME = 60  # of a feature; it names files and fields
TIME_UNITS = ("s", "ms", "us")
CATALOGUE_KEYS = ("min_events",)
COLUMN_KEYS = ("role", "level", "unit")
FIRST_NOW, LAST_NOW = datetime(1970, 1, 2, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
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
        *(f"{key!r} is no key of it; known are {', '.join(KEYS)}" for key in _unknown(described)),
        *_value_problems(described),
        *_optional_problems(described),
        *_table_problems(described["tables"]),
    ]


def _unknown(described: Mapping[str, Any]) -> list[str]:
    return [key for key in described if key not in KEYS]


def _value_problems(described: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch("[a-z][a-z0-9_]*", str(described["name"])):
        yield f"name is {described['name']!r}, not small letters, digits and _"
    if described["id_kind"] not in ("integer", "string"):
        yield f"id_kind is {described['id_kind']!r}, not integer or string"
    catalogue = described["catalogue"]
    least = catalogue.get("min_events") if isinstance(catalogue, dict) else None
    if not isinstance(least, int) or isinstance(least, bool) or least < 1:
        yield "catalogue.min_events is not a number from 1 on"
    if isinstance(catalogue, dict):
        yield from _strange("catalogue", catalogue, CATALOGUE_KEYS)


def _optional_problems(described: Mapping[str, Any]) -> Iterator[str]:
    if described.get("surface", SURFACES[0]) not in SURFACES:
        yield f"surface is {described['surface']!r}, not {' or '.join(SURFACES)}"
    kinds = described.get("target_kinds", ["purchase"])
    if not isinstance(kinds, list) or not kinds or not all(isinstance(k, str) for k in kinds):
        yield f"target_kinds is {kinds!r}, not a list of kinds such as [purchase]"
    days = described.get("horizon_days", 1)
    if not _is_whole(days) or not 1 <= days <= LONGEST_HORIZON_DAYS:
        yield f"horizon_days is {days!r}, not a whole number from 1 to {LONGEST_HORIZON_DAYS}"
    zone = described.get("time_zone")
    if zone is not None and not _is_zone(zone):
        yield f"time_zone is {zone!r}, no IANA name such as America/Sao_Paulo"
    yield from _currency_problems(described.get("currencies"))
    if described.get("default_now") is not None:
        yield from _now_problems(described["default_now"])


def _now_problems(given: object) -> Iterator[str]:
    try:
        found = instant(given, "default_now")
    except DataSetError as error:
        yield str(error)
        return
    if not FIRST_NOW <= found <= LAST_NOW:
        yield f"default_now is {given}, not between 2 January 1970 and the end of 2100"


def _currency_problems(currencies: object) -> Iterator[str]:
    if currencies is None:
        return
    if not isinstance(currencies, dict) or not currencies:
        yield f"currencies is {currencies!r}, not worths of one unit such as {{EUR: 1.0}}"
        return
    for code, worth in currencies.items():
        if not isinstance(code, str):
            yield f"currencies names {code!r}, no text; put it in quotes"
        number = isinstance(worth, int | float) and not isinstance(worth, bool)
        if not number or not math.isfinite(worth) or worth <= 0:
            yield f"currencies.{code} is {worth!r}, not a number above 0"


def _table_problems(tables: object) -> Iterator[str]:
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        yield "tables gives no mapping of columns for each table"
        return
    yield from (f"tables.{name} is missing" for name in NEEDED_TABLES if name not in tables)
    for table, columns in tables.items():
        if table not in ROLES:
            yield f"tables.{table} is no table of the contract; known are {', '.join(ROLES)}"
            continue
        for column, described in columns.items():
            yield from _column_problems(f"tables.{table}.{column}", column, described)


def _strange(path: str, given: Mapping[Any, Any], known: tuple[str, ...]) -> Iterator[str]:
    """Keys that nothing reads, such as misspelt ones."""
    for key in given:
        if key not in known:
            yield f"{path} has {key!r}, which is no key of it; known are {', '.join(known)}"


def _column_problems(path: str, column: object, described: object) -> Iterator[str]:
    if not isinstance(column, str):
        yield f"{path} is named by {column!r}, no text; put it in quotes"
    if isinstance(described, dict):
        yield from _strange(path, described, COLUMN_KEYS)
    if not isinstance(described, dict) or not isinstance(described.get("role"), str):
        yield f"{path} has no role"
    elif described["role"] == "category" and not _is_whole(described.get("level")):
        yield f"{path} is a category without a level"
    elif described.get("unit", "s") not in TIME_UNITS:
        yield f"{path} has the unit {described['unit']!r}, not {', '.join(TIME_UNITS)}"


def role_problems(tables: Tables) -> list[str]:
    """Roles that no table has, that are missing, or that two columns share."""
    return [problem for name in tables for problem in _role_problems(name, tables[name])]


def _role_problems(table: str, columns: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    roles = ROLES[table]
    given = [described["role"] for described in columns.values()]
    for column, described in columns.items():
        if described["role"] not in (*roles.needed, *roles.optional):
            known = ", ".join((*roles.needed, *roles.optional))
            yield f"tables.{table}.{column}: {described['role']} is no role there; known are {known}"
    yield from (
        f"tables.{table} has no column with role {role}"
        for role in roles.needed
        if role not in given
    )
    yield from (
        f"tables.{table} has {given.count(role)} columns with role {role}; one is possible"
        for role in dict.fromkeys(given)
        if given.count(role) > 1 and not may_repeat(table, role)
    )


def name_problems(tables: Tables) -> list[str]:
    """Names that features can't bear: they name fields, files and tensors further on."""
    found = [
        f"tables.{table}.{column}: a feature may not be called that; take up to {LONGEST_NAME} letters, "
        f"digits and single _, and none of {', '.join(reserved)}"
        for table, reserved in RESERVED.items()
        for column in feature_columns(tables, table)
        if not names_a_feature(column, table)
    ]
    both = set(feature_columns(tables, "items")) & set(feature_columns(tables, "users"))
    return found + [f"items and users both have a feature {name}" for name in sorted(both)]


def names_a_feature(column: str, table: str) -> bool:
    plain = column.isidentifier() and "__" not in column and len(column) <= LONGEST_NAME
    return plain and column not in RESERVED.get(table, ())


def feature_columns(tables: Tables, table: str) -> list[str]:
    return [name for name, of in tables.get(table, {}).items() if of["role"] in FEATURES]


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
    if is_entity_id(table, role):
        if id_kind == "integer":
            return "" if dtype.is_integer() else "of integers, as id_kind says"
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


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_zone(name: object) -> bool:
    """Whether polars reckons with it; zoneinfo knows more, such as the machine's own `localtime`."""
    if not isinstance(name, str):
        return False
    try:
        pl.Series([FIRST_NOW]).dt.convert_time_zone(name)
    except pl.exceptions.ComputeError:  # what polars raises for a name that it does not know
        return False
    return True
