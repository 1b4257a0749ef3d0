"""The items that a query's words find, by BM25 over titles and texts: Robertson and Zaragoza (2009)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tantivy import FieldType, Occur, Query
from tantivy import Order as Direction

from serving.errors import Failed
from serving.search.documents import TEXT, TITLE, as_held
from serving.search.index import OpenIndex
from serving.search.query import Match, Order
from serving.search.reading import Clause, Read, Reading
from serving.search.spelling import Meaning
from serving.stages.retrieve import NONE
from serving.types import Condition, Keys

TITLE_BOOST = 2.0
KEPT = 10_000  # queries of single words
MOST_FACET_VALUES = 100
COUNTED_VALUES = 65_000  # of a facet in each segment; the engine's own limit


@dataclass(frozen=True, slots=True)
class Found:
    """Items, best first, how many there are in all, and how many have each of a facet's values."""

    keys: Keys  # (n,)
    scores: NDArray[np.float32]  # (n,) BM25, or the number sorted by
    total: int
    match: Match
    reading: Reading
    facets: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)


class Lexical:
    """Searches one index."""

    def __init__(self, index: OpenIndex, read: Read) -> None:
        self._index, self._read = index, read
        self._schema = index.index.schema
        self._word = lru_cache(KEPT)(self._query_of)

    def __call__(
        self,
        text: str,
        count: int,
        conditions: Sequence[Condition] = (),
        facets: Sequence[str] = (),
        order: Order | None = None,
    ) -> Found:
        """At most `count` items; a blank text finds all, signs without a word find none.

        Items that fit alike come in the index's order. Conditions, facets and the order name fields of the
        index; items without the order's number come last.

        Where no item has every clause of the query, half of them do, and where none has half, one.

        Raises:
            Failed: the engine can't search.
        """
        reading, all_are_wanted = self._read(text), not text.strip()
        with self._engine():
            for match, wanted in self._attempts(reading, all_are_wanted=all_are_wanted):
                query = self._filtered(wanted, conditions)
                found = self._top(query, count, order)
                if found.total:
                    counted = {name: self._counted(query, name) for name in facets}
                    return Found(found.keys, found.scores, found.total, match, reading, counted)
        return Found(NONE, np.empty(0, dtype=np.float32), 0, Match.NONE, reading)

    @contextmanager
    def _engine(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, RuntimeError, OSError) as error:
            raise Failed(f"search index {self._index.version} can't search: {error}") from error

    def _attempts(self, reading: Reading, *, all_are_wanted: bool) -> Iterator[tuple[Match, Query]]:
        """What is asked in turn until something is found."""
        clauses = [self._clause(clause) for clause in reading.clauses]
        if not clauses:
            if all_are_wanted:
                yield Match.ALL, Query.all_query()
            return
        whole = Match.SOME if reading.unknown else Match.ALL
        yield whole, Query.boolean_query([(Occur.Must, clause) for clause in clauses])
        if len(clauses) > 1:
            some = [(Occur.Should, clause) for clause in clauses]
            for least in sorted({-(-len(clauses) // 2), 1}, reverse=True):
                yield Match.SOME, Query.boolean_query(some, least)

    def _clause(self, clause: Clause) -> Query:
        return _any([self._meaning(meaning) for meaning in clause.meanings])

    def _meaning(self, meaning: Meaning) -> Query:
        words = [self._word(term) for term in meaning.terms]
        query = words[0] if len(words) == 1 else _all(words)
        return query if meaning.weight == 1 else Query.boost_query(query, meaning.weight)

    def _query_of(self, term: str) -> Query:
        title = Query.term_query(self._schema, TITLE, term, "freq")
        text = Query.term_query(self._schema, TEXT, term, "freq")
        return _any([Query.boost_query(title, TITLE_BOOST), text])

    def _filtered(self, query: Query, conditions: Sequence[Condition]) -> Query:
        if not conditions:
            return query
        tests = [
            (Occur.MustNot if one.exclude else Occur.Must, self._test(one)) for one in conditions
        ]
        return Query.boolean_query([(Occur.Must, query), *tests])

    def _test(self, one: Condition) -> Query:
        fields = self._index.fields
        if one.any_of:
            test = Query.term_set_query(self._schema, fields.facet(one.column), list(one.any_of))
        else:
            test = Query.range_query(
                self._schema,
                fields.number(one.column),
                FieldType.Float,
                None if one.minimum is None else as_held(one.minimum),
                None if one.maximum is None else as_held(one.maximum),
            )
        return Query.const_score_query(test, 0.0)

    def _top(self, query: Query, count: int, order: Order | None) -> "_Top":
        searcher = self._index.searcher
        if order is None:
            result = searcher.search(query, count)
        else:
            way = Direction.Desc if order.descending else Direction.Asc
            by = self._index.fields.number(order.column)
            result = searcher.search(query, count, order_by_field=by, order=way)
        scores = np.array([score for score, _ in result.hits], dtype=np.float32)
        keys = self._index.keys_of([a for _, a in result.hits])
        if self._index.ties is not None:
            places = self._index.ties(keys, scores)
            keys, scores = keys[places], scores[places]
        return _Top(keys, scores, int(result.count))  # type: ignore[attr-defined]

    def _counted(self, query: Query, name: str) -> tuple[tuple[int, int], ...]:
        """(key, items) of a facet's values, those of most items first."""
        of = {
            "field": self._index.fields.facet(name),
            "size": MOST_FACET_VALUES,
            "segment_size": COUNTED_VALUES,
        }
        answer = self._index.searcher.aggregate(query, {"values": {"terms": of}})
        found = [(int(one["key"]), int(one["doc_count"])) for one in answer["values"]["buckets"]]
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True)
class _Top:
    keys: Keys
    scores: NDArray[np.float32]
    total: int


def _any(queries: Sequence[Query]) -> Query:
    return queries[0] if len(queries) == 1 else Query.disjunction_max_query(queries)


def _all(queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, query) for query in queries])
