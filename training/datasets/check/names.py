"""What an accepted table's columns are called: by role, and features by their own names made safe."""

import re
from collections.abc import Mapping
from typing import Any

from training.datasets.check.columns import Column
from training.datasets.check.findings import Finding
from training.prepare.contract_checks import LONGEST_NAME, feature_columns, names_a_feature
from training.prepare.contract_roles import FEATURES, Tables

IDENTITIES = {
    "items": "item_id",
    "users": "user_id",
    "events": "event_id",
    "offers": "offer_id",
    "queries": "query_id",
}
IDS = {"user": "user_id", "item": "item_id", "offer": "offer_id"}
PREFIX = {"items": "item", "users": "user", "placements": "placement"}
Names = Mapping[str, Mapping[str, str]]  # table: source column: accepted column


def accepted_names(tables: Tables) -> Names:
    """Distinct within a table, and the features of items and users from each other."""
    taken: set[str] = set()
    found: dict[str, dict[str, str]] = {}
    for table in sorted(tables, key=lambda name: name == "users"):  # items keep theirs
        found[table] = names = {}
        others = taken if table in ("items", "users") else set[str]()
        for column, described in tables[table].items():
            role: str = described["role"]
            if role in FEATURES or (table, role) == ("items", "text"):
                names[column] = _safe(column, table, others)
                others.add(names[column])
            else:
                names[column] = IDENTITIES[table] if role == "id" else IDS.get(role, role)
    return found


def renamed(tables: Tables, names: Names) -> tuple[Finding, ...]:
    return tuple(
        Finding(table, column, f"is called {names[table][column]} as a feature", "noted")
        for table in tables
        for column in feature_columns(tables, table)
        if names[table][column] != column
    )


def accepted_description(
    described: Mapping[str, Any], tables: Mapping[str, tuple[Column, ...]], names: Names
) -> dict[str, Any]:
    """dataset.yaml of the accepted tables; their times carry their zone, so none is named."""
    kept = {key: value for key, value in described.items() if value is not None}
    kept.pop("time_zone", None)
    kept["tables"] = {
        table: {
            names[table][column.name]: {
                key: value for key, value in column.described.items() if key != "unit"
            }
            for column in columns
        }
        for table, columns in tables.items()
    }
    return kept


def _safe(column: str, table: str, taken: set[str]) -> str:
    """The name itself if a feature may bear it and no other does."""
    reserved_in = table if table in PREFIX else "items"
    name = column
    if not names_a_feature(name, reserved_in):
        name = re.sub(r"\W+", "_", name)
        name = re.sub("__+", "_", name).strip("_")[:LONGEST_NAME].strip("_")
    if not names_a_feature(name, reserved_in) or name in taken:
        name = f"{PREFIX[table]}_{name}"[:LONGEST_NAME].strip("_")
    numbered, number = name, 2
    while numbered in taken:
        numbered, number = f"{name}_{number}", number + 1
    return numbered
