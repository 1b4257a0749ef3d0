"""The names that a PromQL expression asks for."""

import re
from collections.abc import Iterator

STRING = re.compile(r'"(?:\\.|[^"\\])*"')
RANGE = re.compile(r"\[[^\]]*\]")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(?!\s*\(|[\w:])")
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


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric, and the labels that it is chosen by."""
    text = GROUPING.sub(" ", RANGE.sub(" ", STRING.sub('""', expression)))
    for found in SELECTOR.finditer(text):
        if found[1] not in KEYWORDS:
            yield found[1], set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", found[2] or ""))


def groupings(expression: str) -> set[str]:
    """Every label that results are grouped or matched by."""
    text = STRING.sub('""', expression)
    return {label for found in GROUPING.findall(text) for label in re.findall(r"\w+", found)}
