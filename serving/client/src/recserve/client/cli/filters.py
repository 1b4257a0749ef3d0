"""Filters as one writes them: `department=GROCERY,DRUG`, `price_91d<=5`, `2<=price_91d<=5`."""

import csv
import re

import click
from recserve.client.requests import Filter

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
ONE_OF = re.compile(r"(?P<field>[^=<>]+)=(?P<values>.*)", re.DOTALL)
RANGE = re.compile(
    rf"(?:(?P<low>{NUMBER})<=)?(?P<field>[^=<>]+?)(?:(?P<sign><=|>=)(?P<bound>{NUMBER}))?"
)


def parsed(text: str, *, exclude: bool) -> Filter:
    """Raises click.BadParameter: it is no filter."""
    text = text.strip()
    if found := ONE_OF.fullmatch(text):
        return Filter(found["field"].strip(), _values(text, found["values"]), exclude=exclude)
    found = RANGE.fullmatch(re.sub(r"\s*([<>]=)\s*", r"\1", text))
    if found is None or not (found["low"] or found["sign"]):
        raise click.BadParameter(
            f"{text!r} is no filter; write FIELD=VALUE,VALUE or FIELD<=NUMBER, FIELD>=NUMBER,"
            " NUMBER<=FIELD<=NUMBER"
        )
    low, high = _bounds(found)
    return Filter(found["field"], minimum=low, maximum=high, exclude=exclude)


def _values(text: str, values: str) -> tuple[str, ...]:
    """Separated by commas; a value with a comma stands in double quotes."""
    try:
        found = next(csv.reader([values], strict=True, skipinitialspace=True), [])
    except csv.Error as error:
        raise click.BadParameter(f"{text!r}: {error}") from error
    if not all(found) or not found:
        raise click.BadParameter(f"{text!r} has an empty value; give values separated by commas")
    return tuple(found)


def _bounds(found: re.Match[str]) -> tuple[float | None, float | None]:
    low = float(found["low"]) if found["low"] else None
    bound = float(found["bound"]) if found["bound"] else None
    if found["sign"] == ">=":
        if low is not None:
            raise click.BadParameter(f"{found[0]!r} has two lower bounds")
        return bound, None
    return low, bound
