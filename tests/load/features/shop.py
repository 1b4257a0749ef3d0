"""A made-up shop for the benchmarks of features: the fields of its views, and seeded values for them.

All values are numbers, so that any other store can keep exactly the same. The views and the widths of their
lists are those that the preparation of a real data set makes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.features.fields import view_layout
from serving.features.keys import string_key
from serving.features.layout import Column, Layout
from serving.features.packing import ColumnValues, Lists, Scalars, pack

PROJECT = "bench_shop"
DAY_S = 86_400
FIRST_ITEM, FIRST_USER = 100_000, 1
FILLED = 0.25  # of a list, on average
KINDS = ("view", "click")
WINDOWS_DAYS = (7, 28, 91)
SCORES = ("owned_score", "owned_score_28", "owned_score_364")
OWNED = ("owned_item", *SCORES, "owned_count", "owned_last_s", "owned_interval_days")


def _scalars(dtype: str, *names: str) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": dtype} for name in names]


def _list(name: str, dtype: str, length: int) -> dict[str, Any]:
    return {"name": name, "dtype": f"{dtype}_list", "max_length": length}


def _windows(*names: str) -> list[str]:
    return [f"{name}_{days}d" for name in names for days in WINDOWS_DAYS]


ITEM_FIELDS: Mapping[str, list[dict[str, Any]]] = {  # 40 features: 10 int64, 30 float32
    "item_profile": _scalars(
        "int64",
        *("department", "category", "type", "brand", "size"),
        *("season", "supplier", "colour", "material", "pack"),
    ),
    "item_activity": _scalars(
        "float32",
        *("popularity", "price", "price_change", "repeat_share", "days_since_first", "age_days"),
        *_windows("events", "buyers", "quantity", "value"),
    ),
    "item_placement": _scalars(
        "float32", "display_share", "mailer_share", "display_stores", "mailer_stores"
    ),
    "item_engagement": _scalars("float32", *_windows(*KINDS), "view_to_click", "click_to_purchase"),
}
USER_FIELDS: Mapping[str, list[dict[str, Any]]] = {
    "user_profile": [
        *_scalars("int64", "age", "income", "household", "children", "homeowner", "town"),
        *_scalars("float32", "points", "member_days"),
    ],
    "user_activity": _scalars(
        "float32",
        *("days_since_last", "days_since_first", "distinct_items", "items_per_basket"),
        *("value_per_item", "repeat_share", "value_per_line", "basket_interval_days"),
        *_windows("baskets", "items", "value"),
    ),
    "user_history": [
        _list("owned_item", "int64", 512),
        *(_list(name, "float32", 512) for name in SCORES),
        _list("owned_count", "float32", 512),
        _list("owned_last_s", "int64", 512),
        _list("owned_interval_days", "float32", 512),
        *(_list(name, "int64", 64) for name in ("recent_item", "recent_s", "recent_group")),
    ],
    "user_affinity": [
        field
        for column in ("category", "brand")
        for field in (
            _list(f"{column}_key", "int64", 128),
            _list(f"{column}_share", "float32", 128),
            _list(f"{column}_last_s", "int64", 128),
            _list(f"{column}_interval_days", "float32", 128),
        )
    ],
    "user_engagement": [
        *_scalars("float32", *_windows(*KINDS)),
        *(_list(name, "int64", 256) for name in ("noticed_item", "noticed_kind", "noticed_s")),
    ],
}
FIELDS = {**USER_FIELDS, **ITEM_FIELDS}
MAX_AGE_S = dict.fromkeys(FIELDS, 15 * DAY_S) | {
    "item_profile": 3650 * DAY_S,
    "user_profile": 3650 * DAY_S,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one view: (n,) entities, the values by column, and the same packed."""

    view: str
    entities: NDArray[np.int64]
    columns: Mapping[str, ColumnValues]
    packed: NDArray[np.void]


def entity_of(view: str) -> str:
    return view.partition("_")[0]


def layout(view: str) -> Layout:
    return view_layout(view, FIELDS[view])


def entities(entity: str, count: int) -> NDArray[np.int64]:
    first = FIRST_ITEM if entity == "item" else FIRST_USER
    return np.arange(first, first + count, dtype=np.int64)


def made_rows(view: str, count: int, items: int, now_us: int, seed: int = 0) -> Rows:
    """Rows of `count` entities as of `now_us`; lists of items name some of `items`."""
    random = np.random.default_rng([seed, sorted(FIELDS).index(view)])
    lengths: dict[str, NDArray[np.int64]] = {}
    columns = {
        column.name: _values(column, count, items, now_us, random, lengths)
        for column in layout(view).columns
    }
    times = np.full(count, now_us, dtype=np.int64)
    ids = entities(entity_of(view), count)
    return Rows(view, ids, columns, pack(view, layout(view), columns, times))


def _values(
    column: Column,
    count: int,
    items: int,
    now_us: int,
    random: np.random.Generator,
    lengths: dict[str, NDArray[np.int64]],
) -> ColumnValues:
    known = np.zeros(count, dtype=bool)  # nothing is null
    if not column.length:
        return Scalars(_numbers(column, count, items, now_us, random), known)
    group = column.name.partition("_")[0]  # lists that belong together are equally long
    if group not in lengths:
        lengths[group] = random.binomial(column.length, FILLED, count)
    filled = int(lengths[group].sum())
    if column.name == "owned_item":  # each item once
        whole = [random.choice(items, n, replace=False) for n in lengths[group].tolist()]
        return Lists(np.concatenate(whole) + FIRST_ITEM, lengths[group], known)
    return Lists(_numbers(column, filled, items, now_us, random), lengths[group], known)


def _numbers(
    column: Column, count: int, items: int, now_us: int, random: np.random.Generator
) -> NDArray[np.generic]:
    if not column.integer:
        return random.lognormal(0, 1, count).astype(np.float32)
    if column.name == "noticed_kind":
        return random.choice([string_key(kind) for kind in KINDS], count)
    if column.name.endswith("_item"):
        return random.integers(FIRST_ITEM, FIRST_ITEM + items, count)
    if column.name.endswith("_s"):
        return now_us // 1_000_000 - random.integers(0, 90 * DAY_S, count)
    return random.integers(0, 2**62, count)


def described_views() -> dict[str, Any]:
    """As in the read plan."""
    return {name: _view(name) for name in FIELDS}


def _view(name: str) -> dict[str, Any]:
    entity = entity_of(name)
    return {
        "entity": entity,
        "join_key": f"{entity}_id",
        "max_age_s": MAX_AGE_S[name],
        "stale_action": "serve_marked",
        "columns": [
            {"name": c.name, "dtype": c.dtype, "length": c.length} for c in layout(name).columns
        ],
        "fingerprint": f"{layout(name).fingerprint:016x}",
        **({"updates": UPDATES[name]} if name in UPDATES else {}),
    }


UPDATES: Mapping[str, dict[str, Any]] = {
    "user_history": {
        "by": "history",
        "kinds": ["purchase"],
        "half_life_days": 91.0,
        "further_half_life_days": {"owned_score_28": 28.0, "owned_score_364": 364.0},
    },
    "user_engagement": {
        "by": "engagement",
        "kinds": KINDS,
        "names": KINDS,
        "windows_days": WINDOWS_DAYS,
    },
}


def columns_of(entity: str, dtype: str, *, lists: bool = False) -> Sequence[str]:
    """`<view>.<column>` of an entity's scalars or lists of a type."""
    return [
        f"{view}.{field['name']}"
        for view, fields in FIELDS.items()
        if entity_of(view) == entity
        for field in fields
        if field["dtype"] == (f"{dtype}_list" if lists else dtype)
    ]
