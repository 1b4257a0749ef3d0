"""Between Feast's protobuf values and packed rows, a value at a time: what push and reads need."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from feast import FeatureView
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Array, FeastType, Float32, Int64, String
from numpy.typing import NDArray

from serving.errors import ArtefactError, LayoutMismatch
from serving.features.fields import view_layout
from serving.features.keys import NULL_KEY, string_key
from serving.features.layout import LENGTH, Column, Layout
from serving.features.packing import ColumnValues, Lists

FEAST_TYPES: Mapping[str, FeastType] = {
    "int64": Int64,
    "float32": Float32,
    "string": String,
    "int64_list": Array(Int64),
    "float32_list": Array(Float32),
}
MAX_LENGTH = "max_length"  # the tag by which a list's length travels through Feast
VALUE_FIELDS = {
    "int64": "int64_val",
    "float32": "float_val",
    "string": "string_val",
    "int64_list": "int64_list_val",
    "float32_list": "float_list_val",
}


def feast_layout(view: FeatureView) -> Layout:
    """The layout of a registered view.

    Raises:
        ArtefactError: a field has a type that rows don't hold, or is a list without max_length.
    """
    dtypes = {feast: dtype for dtype, feast in FEAST_TYPES.items()}
    unknown = [f.name for f in view.features if f.dtype not in dtypes]
    if unknown:
        raise ArtefactError(
            f"fields of {view.name} have types that packed rows don't hold: {', '.join(unknown)}; "
            f"there are {', '.join(FEAST_TYPES)}"
        )
    return view_layout(
        view.name,
        [
            {"name": f.name, "dtype": dtypes[f.dtype], MAX_LENGTH: f.tags.get(MAX_LENGTH, 0)}
            for f in view.features
        ],
    )


def join_key(view: FeatureView) -> str:
    """Raises ArtefactError if the view has more than one, or none."""
    if len(view.join_keys) != 1:
        raise ArtefactError(
            f"view {view.name} has join keys {', '.join(view.join_keys)}; packed rows have one"
        )
    return str(view.join_keys[0])


def entity_keys(entities: Sequence[EntityKey], texts: dict[int, str]) -> NDArray[np.int64]:
    """(n,) keys; the texts of string ids are added to `texts`."""
    keys = [_key_or_number(e.entity_values[0], texts) for e in entities]
    return np.array(keys, dtype=np.int64)


def columns_of(
    view: str, layout: Layout, rows: Sequence[Mapping[str, Value]], texts: dict[int, str]
) -> dict[str, ColumnValues]:
    """Columns to pack; a feature that is not given is null.

    Raises:
        LayoutMismatch: a value has another type than its field.
    """
    null = Value()
    return {
        c.name: _column(view, c, [row.get(c.name, null) for row in rows], texts)
        for c in layout.columns
    }


def string_columns(layout: Layout, names: Collection[str]) -> list[str]:
    """Those of `names` whose keys stand for texts."""
    return [c.name for c in layout.columns if c.dtype == "string" and c.name in names]


def values_of(
    layout: Layout, row: np.void, names: Collection[str], texts: Mapping[int, str]
) -> dict[str, Value]:
    """The features `names` of a row as Feast's values; a null scalar is a value without content."""
    return {c.name: _value(c, row, texts) for c in layout.columns if c.name in names}


def _column(
    view: str, column: Column, values: Sequence[Value], texts: dict[int, str]
) -> ColumnValues:
    field = VALUE_FIELDS[column.dtype]
    wrong = {str(v.WhichOneof("val")) for v in values} - {"None", "null_val", field}
    if wrong:
        raise LayoutMismatch(
            f"{view}.{column.name} is of {column.dtype} and takes {field}, not {', '.join(wrong)}"
        )
    dtype = np.int64 if column.integer else np.float32
    if not column.length:
        given = [
            _key_or_number(v, texts) if v.WhichOneof("val") == field else column.null
            for v in values
        ]
        return np.array(given, dtype=dtype)
    lists = [getattr(v, field).val for v in values]
    lengths = np.array([len(elements) for elements in lists], dtype=np.int64)
    return Lists(np.array([e for elements in lists for e in elements], dtype=dtype), lengths)


def _key_or_number(value: Value, texts: dict[int, str]) -> int | float:
    field = str(value.WhichOneof("val"))
    content: Any = getattr(value, field)
    if field != "string_val":
        return content  # type: ignore[no-any-return]  # int or float by its field
    key = string_key(content)
    texts[key] = content
    return key


def _value(column: Column, row: np.void, texts: Mapping[int, str]) -> Value:
    value, field = Value(), VALUE_FIELDS[column.dtype]
    stored = row[column.name]
    if column.length:
        elements = stored[: int(row[column.name + LENGTH])]
        getattr(value, field).val.extend(elements.tolist())
        getattr(value, field).SetInParent()
    elif not (stored == NULL_KEY if column.integer else np.isnan(stored)):
        setattr(value, field, texts[int(stored)] if column.dtype == "string" else stored.item())
    return value
