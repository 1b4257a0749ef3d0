"""The names and values that a PromQL expression asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

STRING = re.compile(r'"(?:\\.|[^"\\])*"')
RANGE = re.compile(r"\[[^\]]*\]")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\(|[\w:])")
MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*#(\d+)")
KEYWORDS = {
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "inf",
    "nan",
}


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric, and the values by which each label chooses from it: several of a pattern like `a|b`."""

    metric: str
    values: dict[str, list[str]] = field(default_factory=dict)


def selectors(expression: str) -> Iterator[Selector]:
    """Of an expression, or of one series."""
    texts: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        texts.append(found[0][1:-1])
        return f"#{len(texts) - 1}"

    text = GROUPING.sub(" ", RANGE.sub(" ", STRING.sub(put_aside, expression)))
    for found in SELECTOR.finditer(text):
        if found[1] not in KEYWORDS:
            values: dict[str, list[str]] = {}
            for label, way, number in MATCHER.findall(found[2] or ""):
                value = texts[int(number)]
                values.setdefault(label, []).extend(value.split("|") if "~" in way else [value])
            yield Selector(found[1], values)


def groupings(expression: str) -> set[str]:
    """Every label that results are grouped or matched by."""
    text = STRING.sub('""', expression)
    return {label for found in GROUPING.findall(text) for label in re.findall(r"\w+", found)}
