"""The search of one index, and what searches at the moment."""

import asyncio
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from serving.errors import TimedOut
from serving.search.categories import Categories
from serving.search.index import OpenIndex, open_index
from serving.search.lexical import Found, Lexical
from serving.search.query import Counted, SearchQuery
from serving.search.reading import Read
from serving.search.semantic import Semantic
from serving.search.spelling import Spelling
from serving.search.suggest import Suggest


class Engine:
    """Words, completions and counts of one index."""

    def __init__(self, index: OpenIndex) -> None:
        self._spelling = spelling = Spelling(index.vocabulary)
        self.version = index.version
        self._index = index
        self.lexical = _lexical(index, spelling)
        self.suggest = Suggest(index.phrases, index.analysis, spelling)

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
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.to_thread(self._find, query, count)
        except TimeoutError as error:
            raise TimedOut(f"index {self.version} did not answer in {timeout_s:.3f} s") from error

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

    def _find(self, query: SearchQuery, count: int) -> Found:
        fields = self._index.fields
        known = (*fields.facets, *fields.numbers)
        conditions = [one for one in query.conditions if one.column in known]
        facets = [field.column for field in query.facets if field.column in fields.facets]
        return self.lexical(query.text, count, conditions, facets, query.order)


def _lexical(index: OpenIndex, spelling: Spelling) -> Lexical:
    return Lexical(index, Read(index.analysis, spelling, index.synonyms, index.changes))


def open_engine(folder: Path) -> Engine:
    """Raises ArtefactError: the index is incomplete, or of another version."""
    return Engine(open_index(folder))


@dataclass(slots=True)
class LiveSearch:
    """What search has at the moment; what is deployed may still be None: its files can't be used yet."""

    engine: Engine | None = None
    categories: Categories | None = None
    semantic: Semantic | None = None
    has_index: bool = False  # by the deployment's settings
    has_encoder: bool = False
