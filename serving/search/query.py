"""What a search is asked, and what comes of it."""

from dataclasses import dataclass
from enum import StrEnum

from serving.features.filter_fields import FilterField
from serving.types import Answered, Condition, Context, Keys, Mask, Person


class Match(StrEnum):
    """How items fit a query: recserve.v1.QueryMatch without its prefix."""

    ALL = "ALL"
    SOME = "SOME"
    NONE = "NONE"
    MEANING = "MEANING"


@dataclass(frozen=True, slots=True)
class Order:
    """By a number instead of by relevance."""

    column: str  # `<view>.<column>` of the read plan
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """What the pages so far have left, best first."""

    keys: Keys
    held: Mask  # of them, those that hold words of the query
    match: Match


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A valid SearchRequest."""

    person: Person
    text: str
    page_size: int
    conditions: tuple[Condition, ...] = ()
    facets: tuple[FilterField, ...] = ()
    order: Order | None = None
    rest: Rest | None = None  # None: the first page
    context: Context | None = None
    surface: str = "SURFACE_SEARCH"


@dataclass(frozen=True, slots=True)
class Counted:
    """A facet: its field as asked for, and the items of each value, most first."""

    field: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """A page of items, how the query was understood, and what is left for further pages."""

    answered: Answered
    rest: Rest
    total: int = 0
    corrected: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    facets: tuple[Counted, ...] = ()
