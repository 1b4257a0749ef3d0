"""A filter of a request as a condition on the snapshot's items."""

import math
from collections.abc import Callable

from recserve.v1 import recommendation_service_pb2 as pb

from serving.features.filter_fields import FilterField, FilterFields
from serving.features.keys import string_key
from serving.types import Condition

MOST_VALUES = 100
LONGEST_VALUE = 1024  # bytes
SHOWN = 60  # characters of a caller's text that an error repeats

Fail = Callable[[str, str], None]  # the field, and its problem with the limit


def condition(wanted: pb.Filter, name: str, fields: FilterFields, fail: Fail) -> Condition | None:
    """None if it is out of its limits, which `fail` is told; `name` is that of the filter."""
    field = fields.get(wanted.field)
    if field is None:
        known = ", ".join(fields) or "none here"
        fail(f"{name}.field", f"{wanted.field[:SHOWN]!r} is no field; the fields are {known}")
        return None
    fits = (
        _texts(wanted, name, field, fail) if field.kind == "text" else _bounds(wanted, name, fail)
    )
    if not fits:
        return None
    return Condition(
        field.column,
        tuple(string_key(value) for value in wanted.any_of),
        wanted.minimum if wanted.HasField("minimum") else None,
        wanted.maximum if wanted.HasField("maximum") else None,
        wanted.exclude,
    )


def _texts(wanted: pb.Filter, name: str, field: FilterField, fail: Fail) -> bool:
    bounds = [bound for bound in ("minimum", "maximum") if wanted.HasField(bound)]
    for bound in bounds:
        fail(f"{name}.{bound}", f"{field.name} holds texts; give any_of instead")
    if not 1 <= (count := len(wanted.any_of)) <= MOST_VALUES:
        fail(f"{name}.any_of", f"has {count} values; give 1 to {MOST_VALUES}")
        return False
    sizes = [len(value.encode()) for value in wanted.any_of]
    long = [at for at, size in enumerate(sizes) if size > LONGEST_VALUE]
    if long:
        at = long[0]
        fail(f"{name}.any_of[{at}]", f"has {sizes[at]} bytes; at most {LONGEST_VALUE} are allowed")
    return not bounds and not long


def _bounds(wanted: pb.Filter, name: str, fail: Fail) -> bool:
    given = {b: getattr(wanted, b) for b in ("minimum", "maximum") if wanted.HasField(b)}
    problems = [
        (f"{name}.{bound}", f"is {value}; give a finite number")
        for bound, value in given.items()
        if not math.isfinite(value)
    ]
    if wanted.any_of:
        problems.append(
            (f"{name}.any_of", f"{wanted.field} holds numbers; give minimum or maximum instead")
        )
    elif not given:
        problems.append((f"{name}.minimum", "is missing, and so is maximum; give one or both"))
    if len(given) > 1 and given["maximum"] < given["minimum"]:
        problems.append(
            (f"{name}.maximum", f"is {given['maximum']:g}, below minimum {given['minimum']:g}")
        )
    for problem in problems:
        fail(*problem)
    return not problems
