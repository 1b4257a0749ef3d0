"""The columns of a view from its description: the one place where a layout is derived."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from serving.errors import ArtefactError
from serving.features.layout import Column, Dtype, Layout

LONGEST = 2**16 - 1  # a list's length is stored in 16 bits
DTYPES = get_args(Dtype)


def view_layout(view: str, fields: Sequence[Mapping[str, Any]]) -> Layout:
    """From the fields of features.yaml, or of a Feast view: name, dtype and a list's max_length.

    Raises:
        ArtefactError: a dtype unknown, or a list without a length that fits.
    """
    return Layout(tuple(_column(view, field) for field in fields))


def _column(view: str, field: Mapping[str, Any]) -> Column:
    name, dtype = str(field["name"]), str(field["dtype"])
    if dtype not in DTYPES:
        raise ArtefactError(f"{view}.{name} has dtype {dtype}; known are {', '.join(DTYPES)}")
    if not dtype.endswith("_list"):
        return Column(name, dtype)  # type: ignore[arg-type]  # checked above
    length = int(field.get("max_length", 0))
    if not 1 <= length <= LONGEST:
        raise ArtefactError(
            f"{view}.{name} is a list with max_length {length}; it must be 1 to {LONGEST}"
        )
    return Column(name, dtype, length)  # type: ignore[arg-type]
