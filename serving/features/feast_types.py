"""What of a Feast view becomes what of a row: types, layout and join keys."""

from collections.abc import Mapping
from typing import get_args

from feast import FeatureView
from feast.feature_view import DUMMY_ENTITY_ID
from feast.types import (
    Array,
    Bool,
    Bytes,
    Decimal,
    FeastType,
    Float32,
    Float64,
    ImageBytes,
    Int32,
    Int64,
    Json,
    PdfBytes,
    String,
    TimeUuid,
    UnixTimestamp,
    Uuid,
)

from serving.errors import ArtefactError
from serving.features.fields import view_layout
from serving.features.layout import Column, Layout, Scalar

SCALARS: Mapping[str, FeastType] = {
    "int64": Int64,
    "int32": Int32,
    "float64": Float64,
    "float32": Float32,
    "bool": Bool,
    "string": String,
    "bytes": Bytes,
    "unix_timestamp": UnixTimestamp,
    "uuid": Uuid,
    "time_uuid": TimeUuid,
    "decimal": Decimal,
    "json": Json,
}
FEAST_TYPES: Mapping[str, FeastType] = {
    **SCALARS,
    **{f"{scalar}_list": Array(kind) for scalar, kind in SCALARS.items()},
}
DTYPES: Mapping[FeastType, str] = {
    **{kind: dtype for dtype, kind in FEAST_TYPES.items()},
    PdfBytes: "bytes",
    ImageBytes: "bytes",
}
MAX_LENGTH = "max_length"  # the tag by which a list's length travels through Feast
# Where a value stands in Feast's protobuf.
VALUE_FIELDS: Mapping[str, str] = {
    "float32": "float_val",
    "float64": "double_val",
    "float32_list": "float_list_val",
    "float64_list": "double_list_val",
} | {
    f"{scalar}{form}": f"{scalar}{form}_val"
    for scalar in get_args(Scalar)
    if scalar not in ("float32", "float64")
    for form in ("", "_list")
}
KEY_TYPES: Mapping[FeastType, Scalar] = {  # those by which Feast's own stores find rows
    Int64: "int64",
    Int32: "int32",
    String: "string",
    Bytes: "bytes",
    UnixTimestamp: "unix_timestamp",
}


def feast_layout(view: FeatureView) -> Layout:
    """The layout of a registered view.

    Raises:
        ArtefactError: a field has a type that rows don't hold, or is a list without max_length.
    """
    unknown = [f"{view.name}.{f.name} ({f.dtype})" for f in view.features if f.dtype not in DTYPES]
    if unknown:
        raise ArtefactError(
            f"packed rows don't hold the types of {', '.join(unknown)}; there are "
            f"{', '.join(map(str, SCALARS.values()))}, {PdfBytes}, {ImageBytes}, and Array of each "
            "of the first twelve"
        )
    return view_layout(
        view.name,
        [
            {"name": f.name, "dtype": DTYPES[f.dtype], MAX_LENGTH: f.tags.get(MAX_LENGTH, 0)}
            for f in view.features
        ],
    )


def join_keys(view: FeatureView) -> tuple[Column, ...]:
    """The columns of ids, by name.

    Raises:
        ArtefactError: one has a type by which no row can be found.
    """
    unknown = [f"{f.name} ({f.dtype})" for f in view.entity_columns if f.dtype not in KEY_TYPES]
    if unknown:
        raise ArtefactError(
            f"view {view.name} has join keys that are no ids: {', '.join(unknown)}; there are "
            f"{', '.join(map(str, KEY_TYPES))}"
        )
    columns = sorted(view.entity_columns, key=lambda field: str(field.name))
    return tuple(Column(str(f.name), KEY_TYPES[f.dtype]) for f in columns)


def joined_by(view: FeatureView) -> str:
    """What the rows are named after in the store: the names of the join keys."""
    return ",".join(key.name for key in join_keys(view)) or DUMMY_ENTITY_ID
