"""The hand-written judgements: reads training/search/judgements.yaml, which says how they are written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl
import yaml

from training.errors import JudgementsError
from training.prepare.repeated_keys import repeated_keys

FILE = Path(__file__).with_suffix(".yaml")
Kind = Literal[
    "plain", "synonym", "size", "typo", "partial", "abbreviation", "two_intents", "nothing"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
GRADES = (3, 2, 1)
OF_FILE = ("version", "dataset", "queries")
OF_QUERY = ("query", "kind", "grades")

Condition = Mapping[str, list[str]]  # column: the values of which it holds one


@dataclass(frozen=True, slots=True)
class Judgement:
    query: str
    kind: Kind
    grades: Mapping[int, list[Condition]]  # empty: it should find nothing

    def graded(self, catalogue: pl.DataFrame) -> dict[int, int]:
        """Item key to grade, 1 to 3, of what is in the catalogue; every other item's is 0.

        Raises:
            JudgementsError: a condition names a column that the catalogue hasn't.
        """
        found: dict[int, int] = {}
        for grade in sorted(self.grades):
            met = reduce(or_, [_met(self.query, one, catalogue) for one in self.grades[grade]])
            found |= dict.fromkeys(catalogue.filter(met)["item_key"].to_list(), grade)
        return found


@dataclass(frozen=True, slots=True)
class Judgements:
    dataset: str
    queries: tuple[Judgement, ...]


def read_judgements(path: Path = FILE) -> Judgements:
    """Reads the file.

    Raises:
        JudgementsError: it is missing, no YAML, or not as it has to be; every problem is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
        read, problems = yaml.safe_load(text), list(repeated_keys(text))
    except (OSError, yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8
        raise JudgementsError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    problems += _problems(read)
    if problems:
        raise JudgementsError(f"{path}: {'; '.join(problems)}")
    return Judgements(
        read["dataset"],
        tuple(Judgement(q["query"], q["kind"], q.get("grades", {})) for q in read["queries"]),
    )


def unmatched(judgements: Judgements, catalogue: pl.DataFrame) -> list[str]:
    """A sentence for each condition, and each value in one, that no item of the catalogue meets.

    Raises:
        JudgementsError: a condition names a column that the catalogue hasn't.
    """
    return [
        f"{judgement.query}, grade {grade}: no item has {part}"
        for judgement in judgements.queries
        for grade, conditions in judgement.grades.items()
        for condition in conditions
        for part in _parts(condition)
        if catalogue.filter(_met(judgement.query, part, catalogue)).is_empty()
    ]


def _parts(condition: Condition) -> Iterator[Condition]:
    """Each value by itself with the other columns as they are, so that each must be good for something."""
    for column, values in condition.items():
        for value in values:
            yield {**condition, column: [value]}


def _met(query: str, condition: Condition, catalogue: pl.DataFrame) -> pl.Expr:
    unknown = sorted(set(condition) - set(catalogue.columns))
    if unknown:
        raise JudgementsError(f"{query}: the catalogue has no column {', '.join(unknown)}")
    return reduce(and_, [_holds_one(column, values) for column, values in condition.items()])


def _holds_one(column: str, values: list[str]) -> pl.Expr:
    patterns = (".*".join(re.escape(part) for part in value.split("*")) for value in values)
    return pl.col(column).str.contains(f"^(?:{'|'.join(patterns)})$").fill_null(value=False)


def _problems(read: Any) -> Iterator[str]:
    if not isinstance(read, dict) or sorted(read) != sorted(OF_FILE):
        yield f"it has to be a mapping of {', '.join(OF_FILE)}"
        return
    if read["version"] != 1:
        yield f"version is {read['version']!r}, not 1"
    if not isinstance(read["dataset"], str):
        yield f"dataset is {read['dataset']!r}, not a name"
    if not isinstance(read["queries"], list) or not read["queries"]:
        yield "queries is no list of queries"
        return
    seen: set[object] = set()
    for place, one in enumerate(read["queries"], 1):
        query = one.get("query") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(query, str) or not query.strip():
            yield f"query {place} has no text under `query`"
            continue
        if query in seen:
            yield f"{query} is there twice"
        seen.add(query)
        yield from (f"{query}: {problem}" for problem in _query_problems(one))


def _query_problems(one: Mapping[object, Any]) -> Iterator[str]:
    unknown = [str(key) for key in one if key not in OF_QUERY]
    if unknown:
        yield f"{', '.join(unknown)} is none of {', '.join(OF_QUERY)}"
    kind, grades = one.get("kind"), one.get("grades", {})
    if kind not in KINDS:
        yield f"kind is {kind!r}, none of {', '.join(KINDS)}"
    if not isinstance(grades, dict):
        yield "grades is no mapping of grades to conditions"
        return
    if bool(grades) == (kind == "nothing"):
        yield "it needs grades, unless its kind is nothing"
    for grade, conditions in grades.items():
        if isinstance(grade, bool) or grade not in GRADES:
            yield f"grade {grade!r} is none of 3, 2 and 1"
        if not isinstance(conditions, list) or not conditions:
            yield f"grade {grade} is no list of conditions"
        elif not all(_is_condition(condition) for condition in conditions):
            yield f"grade {grade} has a condition that is no mapping of columns to lists of labels"


def _is_condition(condition: object) -> bool:
    return (
        isinstance(condition, dict)
        and bool(condition)
        and all(
            isinstance(column, str)
            and isinstance(values, list)
            and bool(values)
            and all(isinstance(value, str) and value for value in values)
            for column, values in condition.items()
        )
    )
