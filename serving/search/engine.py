"""The search of one index, and what searches at the moment."""

import asyncio
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from serving.errors import TimedOut, Unavailable
from serving.search.categories import Categories
from serving.search.documents import Fields
from serving.search.index import OpenIndex, open_index
from serving.search.lexical import Found, Lexical
from serving.search.query import Counted, SearchQuery
from serving.search.reading import Read
from serving.search.semantic import Semantic
from serving.search.spelling import Spelling
from serving.search.suggest import Suggest

T = TypeVar("T")


class Engine:
    """Words, completions and counts of one index."""

    def __init__(self, index: OpenIndex) -> None:
        self._spelling = spelling = Spelling(index.vocabulary)
        self.version = index.version
        self._index = index
        self.lexical = _lexical(index, spelling)
        self._suggest = Suggest(index.phrases, index.analysis, spelling)

    def changed(self, index: OpenIndex) -> "Engine":
        """Over the same index with further changes; what is guessed and suggested is as before."""
        engine = copy(self)
        engine._index = index  # noqa: SLF001 - one of ours
        engine.lexical = _lexical(index, self._spelling)
        return engine

    async def find(self, query: SearchQuery, count: int, timeout_s: float) -> Found:
        """At most `count` items, found in a thread, so that other requests go on meanwhile.

        Raises:
            TimedOut: it takes longer than that.
            Unavailable: the index lacks what the query filters or sorts by.
            Failed: the engine can't search.
        """
        return await self._within(timeout_s, lambda: self._find(query, count))

    async def suggest(self, typed: str, count: int, timeout_s: float) -> list[str]:
        """At most `count` phrases that complete what is typed, found in a thread too.

        Raises:
            TimedOut: it takes longer than that.
        """
        return await self._within(timeout_s, lambda: self._suggest(typed, count))

    def counted(self, query: SearchQuery, found: Found) -> tuple[Counted, ...]:
        """The facets under the names that were asked for, with their texts."""
        texts = self._index.texts
        return tuple(
            Counted(
                field.name,
                tuple(
                    (texts[key], items)
                    for key, items in found.facets.get(field.column, ())
                    if key in texts
                ),
            )
            for field in query.facets
        )

    async def _within(self, timeout_s: float, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.to_thread(work)
        except TimeoutError as error:
            raise TimedOut(f"index {self.version} did not answer in {timeout_s:.3f} s") from error

    def _find(self, query: SearchQuery, count: int) -> Found:
        fields = self._index.fields
        if lacking := _lacking(query, fields):
            raise Unavailable(f"index {self.version} lacks {', '.join(lacking)}: build it anew")
        facets = [field.column for field in query.facets if field.column in fields.facets]
        return self.lexical(query.text, count, query.conditions, facets, query.order)


def _lacking(query: SearchQuery, fields: Fields) -> list[str]:
    """Columns without which items would be counted that are not wanted, or come in another order."""
    wanted = [
        (one.column, fields.facets if one.any_of else fields.numbers) for one in query.conditions
    ]
    if query.order is not None:
        wanted.append((query.order.column, fields.numbers))
    return list(dict.fromkeys(column for column, there in wanted if column not in there))


def _lexical(index: OpenIndex, spelling: Spelling) -> Lexical:
    return Lexical(index, Read(index.analysis, spelling, index.synonyms, index.changes))


def open_engine(folder: Path) -> Engine:
    """Raises ArtefactError: the index is incomplete, or of another version."""
    return Engine(open_index(folder))


@dataclass(frozen=True, slots=True)
class Versions:
    """What answers searches; None: nothing does, or nothing that can be used."""

    index: str | None
    vectors: str | None


@dataclass(slots=True)
class LiveSearch:
    """What search has at the moment; what is deployed may still be None: its files can't be used yet."""

    engine: Engine | None = None
    categories: Categories | None = None
    semantic: Semantic | None = None
    has_index: bool = False  # by the deployment's settings
    has_encoder: bool = False

    @property
    def versions(self) -> Versions:
        return Versions(
            self.engine.version if self.engine else None,
            self.semantic.version if self.semantic else None,
        )
