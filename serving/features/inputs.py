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
    """Which values of one view's packed row go where in a tensor."""

    view: str
    source: Indices  # positions in the row's bytes, read as values of the tensor's type
    target: Indices


class UserFiller:
    """The tensors of a model that depend on the person and the time alone, with B = 1."""

    def __init__(self, model: ModelPlan, plan: ReadPlan) -> None:
        self._scalars = [(i, _copies(i, plan)) for i in model.inputs if i.kind == "user"]
        self._lists = [(i, _list_column(i, plan)) for i in model.inputs if i.kind == "user_list"]
        self._times = [i.name for i in model.inputs if i.kind == "request_time"]

    def __call__(self, user: UserRows, now_us: int) -> dict[str, NDArray[np.generic]]:
        tensors = {i.name: _scalars(i, copies, user) for i, copies in self._scalars}
        tensors |= {i.name: _list(i, view, name, user) for i, (view, name) in self._lists}
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


def _list(wanted: InputPlan, view: str, column: str, user: UserRows) -> NDArray[np.generic]:
    """(1, L); the first L values, padded with null."""
    tensor = null_tensor((1, wanted.length), wanted.dtype)
    row = user.rows.get(view)
    if row is not None:
        values = row.list_of(column)[: wanted.length]
        tensor[0, : len(values)] = values
    return tensor


def _copies(wanted: InputPlan, plan: ReadPlan) -> list[Copy]:
    places: dict[str, list[tuple[int, int]]] = {}
    for target, column in enumerate(wanted.columns):
        view, found = column_of(plan, wanted, column, "user", listed=False)
        fields: Mapping[str, Any] = view.layout.dtype.fields or {}
        source = fields[found.name][1] // TYPES[wanted.dtype].itemsize
        places.setdefault(view.name, []).append((source, target))
    return [Copy(view, *np.array(pairs, dtype=np.int64).T) for view, pairs in places.items()]


def _list_column(wanted: InputPlan, plan: ReadPlan) -> tuple[str, str]:
    if len(wanted.columns) != 1:
        raise ArtefactError(f"input {wanted.name} is a list, so it takes one column")
    view, column = column_of(plan, wanted, wanted.columns[0], "user", listed=True)
    return view.name, column.name


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
