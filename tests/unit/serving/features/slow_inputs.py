"""The tensors of docs/contracts.md, filled one value at a time: slow, and independent of the fast way."""

from typing import Any

import numpy as np

from serving.features.read_plan import InputPlan, ModelPlan

NULL = {"int64": -1, "float32": float("nan"), "bool": False}
NUMPY = {"int64": np.int64, "float32": np.float32, "bool": np.bool_}
Row = dict[str, Any]


def slow_tensors(
    model: ModelPlan,
    user: dict[str, Row | None],
    items: list[dict[str, Row | None]],
    keys: list[int],
    now_s: int,
) -> dict[str, np.ndarray[Any, Any]]:
    """`user` and `items` hold a row of plain values, or None, for each view."""
    width = next((p for p in model.pad_to if p >= len(keys)), len(keys))
    return {i.name: _tensor(i, user, items, keys, width, now_s) for i in model.inputs}


def _tensor(
    wanted: InputPlan,
    user: dict[str, Row | None],
    items: list[dict[str, Row | None]],
    keys: list[int],
    width: int,
    now_s: int,
) -> np.ndarray[Any, Any]:
    null = NULL[wanted.dtype]
    values: list[Any]
    if wanted.kind == "user":
        values = [_value(user, column, null) for column in wanted.columns]
    elif wanted.kind == "user_list":
        found = list(_value(user, wanted.columns[0], []))[: wanted.length]
        values = found + [null] * (wanted.length - len(found))
    elif wanted.kind == "request_time":
        values = [now_s]
    elif wanted.kind == "item_id":
        values = keys + [null] * (width - len(keys))
    elif wanted.kind == "mask":
        values = [True] * len(keys) + [False] * (width - len(keys))
    else:
        values = [[_value(item, column, null) for column in wanted.columns] for item in items]
        values += [[null] * len(wanted.columns)] * (width - len(keys))
    return np.array([values], dtype=NUMPY[wanted.dtype])


def _value(rows: dict[str, Row | None], column: str, null: Any) -> Any:
    view, name = column.split(".")
    row = rows[view]
    return null if row is None or row.get(name) is None else row[name]
