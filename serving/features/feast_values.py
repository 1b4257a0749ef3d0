"""Between Feast's protobuf values and packed rows, a value at a time: what push and reads need."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.feast_types import VALUE_FIELDS
from serving.features.keys import NOBODY, bytes_key, composite_key
from serving.features.layout import LENGTH, Column, Layout
from serving.features.packing import ColumnValues, Lists, Scalars

Contents = dict[int, str | bytes]  # what keys stand for
NUMBERED = ("int64_val", "int32_val", "unix_timestamp_val")  # an id that is its own key


def entity_keys(entities: Sequence[EntityKey], contents: Contents) -> NDArray[np.int64]:
    """(n,) keys; what a single id of text or bytes is, is added to `contents`."""
    return np.array([_entity_key(entity, contents) for entity in entities], dtype=np.int64)


def columns_of(
    view: str, layout: Layout, rows: Sequence[Mapping[str, Value]], contents: Contents
) -> dict[str, ColumnValues]:
    """Columns to pack; a feature that is not given is null.

    Raises:
        LayoutMismatch: a value has another type than its field, or a row a feature that isn't one.
    """
    null, known = Value(), {c.name for c in layout.columns}
    if unknown := {name for row in rows for name in row} - known:
        raise LayoutMismatch(f"{view} has no {', '.join(sorted(unknown))}; apply it anew")
    return {
        c.name: _column(view, c, [row.get(c.name, null) for row in rows], contents)
        for c in layout.columns
    }


def keys_in(layout: Layout, rows: NDArray[np.void], names: Collection[str]) -> NDArray[np.int64]:
    """The keys in the features `names` of (n,) rows that stand for something; they may repeat."""
    nulls = layout.nulls(rows)
    found = [np.empty(0, dtype=np.int64)]
    for place, c in enumerate(layout.columns):
        if c.keyed and c.name in names:
            held = np.arange(c.length) < rows[c.name + LENGTH][:, None] if c.length else None
            found.append(rows[c.name][~nulls[:, place] if held is None else held])
    return np.concatenate(found)


def values_of(
    layout: Layout,
    rows: NDArray[np.void],
    names: Collection[str],
    contents: Mapping[int, bytes],
) -> list[dict[str, Value]]:
    """The features `names` of (n,) rows as Feast's values; a null one is a value without content."""
    wanted = [(place, c) for place, c in enumerate(layout.columns) if c.name in names]
    return [
        {c.name: Value() if null[place] else _value(c, row, contents) for place, c in wanted}
        for row, null in zip(rows, layout.nulls(rows).tolist(), strict=True)
    ]


def _entity_key(entity: EntityKey, contents: Contents) -> int:
    """By the names of the join keys, in whatever order they are given."""
    named = sorted(zip(entity.join_keys, entity.entity_values, strict=True), key=lambda one: one[0])
    if not named:
        return NOBODY
    if len(named) == 1:
        return _id_key(named[0][1], contents)
    return composite_key([_id_key(value, {}) for _, value in named])


def _id_key(value: Value, contents: Contents) -> int:
    field = str(value.WhichOneof("val"))
    if field not in (*NUMBERED, "string_val", "bytes_val"):
        raise LayoutMismatch(f"an id is given as {field}; it is a number, a text or bytes")
    content: int | str | bytes = getattr(value, field)
    return content if isinstance(content, int) else _key(content, contents)


def _key(content: str | bytes, contents: Contents) -> int:
    key = bytes_key(content.encode() if isinstance(content, str) else content)
    contents[key] = content
    return key


def _column(view: str, column: Column, values: Sequence[Value], contents: Contents) -> ColumnValues:
    field = VALUE_FIELDS[column.dtype]
    given = [str(v.WhichOneof("val")) for v in values]
    if wrong := set(given) - {"None", "null_val", field}:
        raise LayoutMismatch(
            f"{view}.{column.name} is of {column.dtype} and takes {field}, not {', '.join(wrong)}"
        )
    nulls = np.array([one != field for one in given], dtype=bool)
    if not column.length:
        scalars = [
            column.null if null else getattr(v, field)
            for v, null in zip(values, nulls, strict=True)
        ]
        return Scalars(_stored(column, scalars, nulls, contents), nulls)
    lists = [getattr(v, field).val for v in values]
    lengths = np.array([len(elements) for elements in lists], dtype=np.int64)
    elements = [e for elements in lists for e in elements]
    none = np.zeros(len(elements), dtype=bool)
    return Lists(_stored(column, elements, none, contents), lengths, nulls)


def _stored(
    column: Column, values: Sequence[Any], nulls: NDArray[np.bool_], contents: Contents
) -> NDArray[np.generic]:
    if column.keyed:
        values = [v if null else _key(v, contents) for v, null in zip(values, nulls, strict=True)]
    return np.array(values, dtype=column.stored)


def _value(column: Column, row: np.void, contents: Mapping[int, bytes]) -> Value:
    value, field = Value(), VALUE_FIELDS[column.dtype]
    if column.length:
        elements = row[column.name][: int(row[column.name + LENGTH])].tolist()
        getattr(value, field).val.extend(_given(column, element, contents) for element in elements)
        getattr(value, field).SetInParent()
    else:
        setattr(value, field, _given(column, row[column.name].item(), contents))
    return value


def _given(column: Column, stored: Any, contents: Mapping[int, bytes]) -> Any:
    """A number, text or bytes, as it was given."""
    if not column.keyed:
        return stored
    content = contents[stored]
    return content if column.scalar == "bytes" else content.decode()
