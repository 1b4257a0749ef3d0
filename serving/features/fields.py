"""The columns of a view from its description: the one place where a layout is derived."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from serving.errors import ArtefactError
from serving.features.layout import LENGTH, NULLS, Column, Layout, Listed, Scalar

LONGEST = 2**16 - 1  # a list's length is stored in 16 bits
DTYPES = (*get_args(Scalar), *get_args(Listed))
OWN = ("fingerprint", "event_time_us", NULLS)  # of every row


def view_layout(view: str, fields: Sequence[Mapping[str, Any]]) -> Layout:
    """From the fields of features.yaml, or of a Feast view: name, dtype and a list's max_length.

    Raises:
        ArtefactError: a dtype unknown, a list without a length that fits, or a name that a row needs.
    """
    layout = Layout(tuple(_column(view, field) for field in fields))
    names = [*OWN, *(c.name for c in layout.columns)]
    names += [c.name + LENGTH for c in layout.columns if c.length]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ArtefactError(
            f"{view} has a field called {', '.join(twice)}, which every row has for itself or "
            "another field has; call it differently"
        )
    return layout


def _column(view: str, field: Mapping[str, Any]) -> Column:
    name, dtype = str(field["name"]), str(field["dtype"])
    if dtype not in DTYPES:
        raise ArtefactError(f"{view}.{name} has dtype {dtype}; known are {', '.join(DTYPES)}")
    if not dtype.endswith("_list"):
        return Column(name, dtype)  # type: ignore[arg-type]  # checked above
    length = _length(field)
    if not 1 <= length <= LONGEST:
        raise ArtefactError(
            f"{view}.{name} is a list with max_length {field.get('max_length', 0)}; it must be 1 to "
            f"{LONGEST}: a row has room for as many elements (in Feast, the field's tag max_length)"
        )
    return Column(name, dtype, length)  # type: ignore[arg-type]


def _length(field: Mapping[str, Any]) -> int:
    """0 if it is no number."""
    given = str(field.get("max_length", 0))
    return int(given) if given.isascii() and given.isdecimal() else 0
