"""Events from lines of JSON: every problem of every line is told."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recserve.client import wire
from recserve.client.requests import Event

REQUIRED = ("user_id", "item_id", "kind", "event_time")


@dataclass(frozen=True, slots=True)
class Line:
    """An event, and the line that it stands in, counted from 1."""

    number: int
    event: Event


class WrongValue(ValueError):
    """What stands in a field can't be its value."""


def read(lines: Iterable[str]) -> tuple[list[Line], list[str]]:
    """The events, and a sentence for each problem. Blank lines are passed over."""
    problems: list[str] = []
    return list(good(lines, problems.append)), problems


def good(lines: Iterable[str], tell: Callable[[str], object]) -> Iterator[Line]:
    """The events, one by one; `tell` gets a sentence for each problem. Blank lines are passed over."""
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        event, wrong = _event(text)
        for problem in wrong:
            tell(f"line {number}: {problem}")
        if event:
            yield Line(number, event)


def time(given: object) -> datetime:
    """Raises WrongValue: no time, or one without a zone."""
    wanted = "give a time with its zone, such as 2026-03-01T12:00:00Z"
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise WrongValue(f"is {given!r}; {wanted}")
    return found


def _event(text: str) -> tuple[Event | None, list[str]]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        return None, [f"is no JSON: {error.msg} at character {error.pos + 1}"]
    except (ValueError, RecursionError) as error:  # a number of many digits, or endless brackets
        return None, [f"is no JSON that can be read: {error}"]
    if not isinstance(given, dict):
        return None, ["is no JSON object"]
    values, problems = _values(given)
    if problems:
        return None, problems
    try:
        event = Event(**values)
        wire.event(event)
    except ValueError as error:  # such as half of a surrogate pair, or a year past 9999
        return None, [str(error)]
    return event, []


def _values(given: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    problems = [f"{name}: is required" for name in REQUIRED if given.get(name) is None]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in FIELDS:
            problems.append(f"{name}: is no field; the fields are {', '.join(FIELDS)}")
        elif value is not None:
            try:
                values[name] = FIELDS[name](value)
            except WrongValue as error:
                problems.append(f"{name}: {error}")
    return values, problems


def _id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongValue(f"is {value!r}; give a text or a whole number")
    return str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValue(f"is {value!r}; give a text")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongValue(f"is {value!r}; give a number")
    try:
        return float(value)
    except OverflowError as error:
        raise WrongValue("has more digits than a number may have here") from error


def _slot(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 999:
        raise WrongValue(f"is {value!r}; give a whole number, 0 to 999")
    return value


FIELDS: Mapping[str, Callable[[object], Any]] = {
    "event_id": _id,
    "user_id": _id,
    "item_id": _id,
    "kind": _text,
    "event_time": time,
    "group_id": _id,
    "quantity": _number,
    "value": _number,
    "request_token": _text,
    "slot": _slot,
}
