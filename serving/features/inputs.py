"""Fills the models' input tensors as the read plan says (docs/contracts.md, "Tensors").

What can be known from the plan is worked out once, when a filler is made; a request then costs a few
numpy copies a tensor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import ArtefactError
from serving.features.keys import NULL_KEY
from serving.features.layout import Column
from serving.features.read_plan import InputPlan, ModelPlan, ReadPlan, ViewPlan
from serving.features.rows import UserRow, UserRows

Indices = NDArray[np.int64]
TYPES: Mapping[str, np.dtype[np.generic]] = {
    "int64": np.dtype("<i8"),
    "float32": np.dtype("<f4"),
    "bool": np.dtype(np.bool_),
}
NULLS: Mapping[str, float] = {"int64": NULL_KEY, "float32": float("nan"), "bool": False}


def null_tensor(shape: tuple[int, ...], dtype: str) -> NDArray[np.generic]:
    return np.full(shape, NULLS[dtype], dtype=TYPES[dtype])


@dataclass(frozen=True, slots=True)
class Copy:
    """Which values of one view's packed row go where in a tensor: a run of them at a time."""

    view: str
    source: slice  # of the row's bytes, read as values of the tensor's type
    target: slice


@dataclass(frozen=True, slots=True)
class ListAt:
    """Where a list column lies in its view's packed row, padded as tensors are."""

    view: str
    offset: int  # bytes
    count: int  # elements that are taken, at most the column's length


class UserFiller:
    """The tensors of a model that depend on the person and the time alone, with B = 1."""

    def __init__(self, model: ModelPlan, plan: ReadPlan) -> None:
        self._scalars = [(i, _copies(i, plan)) for i in model.inputs if i.kind == "user"]
        self._lists = [(i, _list_at(i, plan)) for i in model.inputs if i.kind == "user_list"]
        self._times = [i.name for i in model.inputs if i.kind == "request_time"]

    def __call__(self, user: UserRows, now_us: int) -> dict[str, NDArray[np.generic]]:
        """Lists are the rows' own memory, and can't be written to."""
        tensors = {i.name: _scalars(i, copies, user) for i, copies in self._scalars}
        tensors |= {i.name: _list(i, at, user) for i, at in self._lists}
        now = np.array([[now_us // 1_000_000]], dtype=np.int64)
        return tensors | dict.fromkeys(self._times, now)


def _scalars(wanted: InputPlan, copies: Sequence[Copy], user: UserRows) -> NDArray[np.generic]:
    """(1, F); null where there is no row."""
    tensor = null_tensor((1, len(wanted.columns)), wanted.dtype)
    for copy in copies:
        row = user.rows.get(copy.view)
        if row is not None:
            tensor[0, copy.target] = _values(row, wanted.dtype)[copy.source]
    return tensor


def _values(row: UserRow, dtype: str) -> NDArray[np.generic]:
    """The row's bytes as values of a type: numbers at the columns' places, noise elsewhere."""
    kind = TYPES[dtype]
    values: NDArray[np.generic] = np.frombuffer(
        row.packed, dtype=kind, count=len(row.packed) // kind.itemsize
    )
    return values


def _list(wanted: InputPlan, at: ListAt, user: UserRows) -> NDArray[np.generic]:
    """(1, L); the first L values, padded with null."""
    row = user.rows.get(at.view)
    if row is not None:
        stored = np.frombuffer(row.packed, TYPES[wanted.dtype], at.count, at.offset)
        if at.count == wanted.length:
            return stored.reshape(1, -1)
    tensor = null_tensor((1, wanted.length), wanted.dtype)
    if row is not None:
        tensor[0, : at.count] = stored
    return tensor


def _copies(wanted: InputPlan, plan: ReadPlan) -> list[Copy]:
    places: dict[str, list[tuple[int, int]]] = {}
    for target, column in enumerate(wanted.columns):
        view, found = column_of(plan, wanted, column, "user", listed=False)
        fields: Mapping[str, Any] = view.layout.dtype.fields or {}
        source = fields[found.name][1] // TYPES[wanted.dtype].itemsize
        places.setdefault(view.name, []).append((source, target))
    return [
        Copy(view, slice(source, source + count), slice(target, target + count))
        for view, pairs in places.items()
        for source, target, count in _runs(pairs)
    ]


def _runs(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(source, target, count) of neighbours that stay neighbours; `pairs` are in order of their target."""
    runs: list[tuple[int, int, int]] = []
    for source, target in pairs:
        if runs and (source, target) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]):
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((source, target, 1))
    return runs


def _list_at(wanted: InputPlan, plan: ReadPlan) -> ListAt:
    if len(wanted.columns) != 1:
        raise ArtefactError(f"input {wanted.name} is a list, so it takes one column")
    view, column = column_of(plan, wanted, wanted.columns[0], "user", listed=True)
    fields: Mapping[str, Any] = view.layout.dtype.fields or {}
    return ListAt(view.name, fields[column.name][1], min(wanted.length, column.length))


def column_of(
    plan: ReadPlan, wanted: InputPlan, name: str, entity: str, *, listed: bool
) -> tuple[ViewPlan, Column]:
    """The view and column that an input names.

    Raises:
        ArtefactError: the column can't fill the input: it is another entity's, type or form.
    """
    view_name, _, column_name = name.partition(".")
    view = plan.views[view_name]
    column = next(c for c in view.layout.columns if c.name == column_name)
    if (view.entity, column.tensor, bool(column.length)) != (entity, wanted.dtype, listed):
        raise ArtefactError(
            f"input {wanted.name} takes {'lists' if listed else 'scalars'} of {wanted.dtype} of the "
            f"{entity}; {name} is {column.dtype} of the {view.entity}"
        )
    return view, column
