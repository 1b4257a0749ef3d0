"""The tables of a data set and the roles that their columns may have, as docs/contracts.md lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]  # table: column: its description
NEEDED_TABLES = ("items", "events")


@dataclass(frozen=True, slots=True)
class Roles:
    """A table's roles; one column each, but for those that may repeat."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


ROLES = {
    "items": Roles(("id",), ("title", "category", "brand", "categorical", "numeric", "text")),
    "users": Roles(("id",), ("categorical", "numeric")),
    "events": Roles(
        ("user", "item", "kind", "time"),
        (
            "id",
            "arrival",
            "group",
            "quantity",
            "value",
            "currency",
            "slot",
            "propensity",
            "token",
        ),
    ),
    "placements": Roles(("item", "start", "end"), ("numeric",)),
    "offers": Roles(("id", "surface", "start", "end"), ("title", "weight")),
    "offer_targets": Roles(("offer", "item")),
    "queries": Roles(("user", "text", "time"), ("id", "item")),
}
INSTANTS = ("time", "arrival", "start", "end")
NUMBERS = ("quantity", "value", "numeric", "weight", "propensity")
FEATURES = ("category", "brand", "categorical", "numeric")
# What preparation calls its own columns: no feature of an item or a user may.
RESERVED = {
    "items": (
        "created_timestamp",
        "event_timestamp",
        "group",
        "item",
        "item_id",
        "item_key",
        "owned",
        "quantity",
        "row",
        "time",
        "title",
        "user",
        "user_id",
        "value",
        "weight",
    ),
    "users": ("created_timestamp", "event_timestamp", "item", "user", "user_id"),
    "placements": ("end", "item_id", "start"),
}


def is_entity_id(table: str, role: str) -> bool:
    """Whether a column names a user or an item, so that `id_kind` decides its type."""
    return role in ("item", "user") or (role == "id" and table in ("items", "users"))


def may_repeat(table: str, role: str) -> bool:
    return role in FEATURES or (table == "items" and role == "text")


def by_role(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Role to columns; categories from the broadest level to the narrowest."""
    found: dict[str, list[str]] = {}
    for column, description in columns.items():
        found.setdefault(description["role"], []).append(column)
    if "category" in found:
        found["category"].sort(key=lambda column: columns[column]["level"])
    return found
