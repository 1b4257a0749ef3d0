"""A search, from a valid query to a page, top to bottom."""

import asyncio
from dataclasses import replace
from typing import NoReturn

import numpy as np

from serving.errors import SurfaceNotServed, Unavailable
from serving.pipeline import Pipeline, age_s
from serving.policy import Budget
from serving.search.engine import Engine, LiveSearch, Versions
from serving.search.lexical import Found
from serving.search.query import Match, Rest, Searched, SearchQuery
from serving.search.semantic import Near, Tested
from serving.search.sought import INSTEAD, LEXICAL, MOST_NEAR, SEMANTIC, Sought, by_number, ordered
from serving.stages.filter import counted
from serving.stages.merge import Merged, Proposal, merge
from serving.stages.narrow import narrowed
from serving.stages.order import slate
from serving.stages.retrieve import NONE
from serving.trail import Trail
from serving.types import Condition, Keys, Mask


class Search:
    """Answers searches from the pipeline, and the index and vectors of the moment."""

    def __init__(self, live: LiveSearch) -> None:
        self._live = live

    @property
    def is_served(self) -> bool:
        return self._live.has_index

    @property
    def engine(self) -> Engine:
        """Raises SurfaceNotServed without an index, Unavailable without one that can be used."""
        if not self._live.has_index:
            raise SurfaceNotServed("SURFACE_SEARCH", ())
        if self._live.engine is None:
            raise Unavailable("no search index can be used")
        return self._live.engine

    @property
    def versions(self) -> Versions:
        return self._live.versions

    async def __call__(self, pipeline: Pipeline, query: SearchQuery, budget: Budget) -> Searched:
        """Raises SurfaceNotServed; what takes too long degrades the answer instead."""
        if query.rest is not None:
            return await self._next(pipeline, query, query.rest, budget)
        if not self.is_served:
            raise SurfaceNotServed("SURFACE_SEARCH", ())
        engine, stages = self._live.engine, pipeline.stages
        trail, now_us = pipeline.trail(), pipeline.now_us()
        most = pipeline.bundle.policy.max_candidates

        with trail.stage("filter"):
            allowed = stages.conditions(query.conditions, now_us)
        (user, _), found, near = await asyncio.gather(
            stages.known(query.person, (), now_us, budget, trail),
            self._found(engine, query, most, budget, trail),
            _nothing() if query.order else self._near(pipeline, query, allowed, budget, trail),
        )
        if query.order is not None and (found is None or not len(found.keys)):
            near = await self._near(pipeline, query, allowed, budget, trail)
        with trail.stage("merge"):
            sought = Sought(found, near)
            proposals = sought.proposals(most)
            filtered = stages.filter(proposals, frozenset(), NONE, allowed)
            match, removed = sought.match_of(filtered.kept), filtered.removed
            if match is Match.NONE:
                keys = self._popular(pipeline, query, allowed, now_us)
                proposals = [*proposals, Proposal(INSTEAD, len(keys), keys)]
                filtered = stages.filter(proposals[-1:], frozenset(), NONE, allowed)
            tested_us = pipeline.tested(query.conditions, filtered.kept, now_us, trail)
            whole = merge(filtered.kept, max(most, *(len(one.keys) for one in proposals)))
            candidates, cut = narrowed(whole, budget.share("rank"), most)
        scores = await stages.score(user, candidates.keys, now_us, budget, trail)
        with trail.stage("order"):
            keys = candidates.keys
            positions = np.arange(len(keys), dtype=np.int64)
            if query.order is None or (match is not Match.ALL and match is not Match.SOME):
                positions = ordered(keys, scores.probability, sought.relevance(keys))
                if query.order is not None:  # the index, which sorts, has found nothing
                    numbers = stages.conditions.numbers(query.order.column, keys, now_us)
                    positions = by_number(positions, numbers, query.order)
            page, rest = positions[: query.page_size], positions[query.page_size :]
            items = slate(candidates, page, scores.probability, pipeline.names)
            held = np.array([LEXICAL in names for names in candidates.sources], dtype=np.bool_)

        return Searched(
            replace(
                pipeline.answered(items, trail, user),
                oldest_age_s=age_s(now_us, scores.oldest_us, tested_us),
                proposed=tuple((one.source, len(one.keys)) for one in proposals),
                removed=counted(removed, cut),
            ),
            Rest(keys[rest], held[rest], match),
            found.total if found else 0,
            found.reading.corrected if found else (),
            found.reading.unknown if found else (),
            engine.counted(query, found) if engine and found else (),
        )

    async def _next(
        self, pipeline: Pipeline, query: SearchQuery, rest: Rest, budget: Budget
    ) -> Searched:
        """What the page before has left and still passes, in its order; scores are those of now."""
        trail, now_us, stages = pipeline.trail(), pipeline.now_us(), pipeline.stages
        user, _ = await stages.known(query.person, (), now_us, budget, trail)
        with trail.stage("filter"):
            allowed = stages.conditions(query.conditions, now_us)
            left = Proposal(LEXICAL, len(rest.keys), rest.keys)
            filtered = stages.filter([left], frozenset(), NONE, allowed)
            keys = filtered.kept[0].keys
            held = rest.held[np.isin(rest.keys, keys)]
            tested_us = pipeline.tested(query.conditions, filtered.kept, now_us, trail)
            other = INSTEAD if rest.match is Match.NONE else SEMANTIC
            sources = [LEXICAL if one else other for one in held.tolist()]
            shown = slice(query.page_size)
            page = Merged(keys[shown], tuple((source,) for source in sources[shown]))
        scores = await stages.score(user, page.keys, now_us, budget, trail)
        with trail.stage("order"):
            positions = np.arange(len(page.keys), dtype=np.int64)
            items = slate(page, positions, scores.probability, pipeline.names)
        return Searched(
            replace(
                pipeline.answered(items, trail, user),
                oldest_age_s=age_s(now_us, scores.oldest_us, tested_us),
                proposed=tuple((name, sources.count(name)) for name in dict.fromkeys(sources)),
                removed=filtered.removed,
            ),
            Rest(keys[query.page_size :], held[query.page_size :], rest.match),
        )

    async def _found(
        self, engine: Engine | None, query: SearchQuery, count: int, budget: Budget, trail: Trail
    ) -> Found | None:
        with trail.stage(LEXICAL):
            seconds = budget.share("search")
            work = engine.find(query, count, seconds) if engine else _no_files("search index")
            return await trail.attempt("search", work, None, LEXICAL)

    async def _near(
        self,
        pipeline: Pipeline,
        query: SearchQuery,
        allowed: Mask | None,
        budget: Budget,
        trail: Trail,
    ) -> Near | None:
        """None without an encoder, too. A list sorted by a number holds what has the words, if any does."""
        semantic, text = self._live.semantic, query.text
        if not self._live.has_encoder or not text.strip():
            return None
        with trail.stage(SEMANTIC):
            tested = Tested(pipeline.snapshot, allowed)
            seconds = budget.share("search")
            work = (
                semantic.near(text, MOST_NEAR, seconds, tested)
                if semantic
                else _no_files("vectors of texts")
            )
            return await trail.attempt("search", work, None, SEMANTIC)

    def _popular(
        self, pipeline: Pipeline, query: SearchQuery, allowed: Mask | None, now_us: int
    ) -> Keys:
        """Under the filters, and in the category that the query names, if anything is there."""
        conditions, popular = pipeline.stages.conditions, pipeline.stages.popular
        categories = self._live.categories
        named = categories(query.text) if categories else ()
        columns = categories.columns if categories and named else ()
        tests = [
            (*query.conditions, Condition(name, named))
            for name in columns
            if name in conditions.columns
        ]
        masks = [mask for test in tests if (mask := conditions(test, now_us)) is not None]
        inside = popular.best(np.logical_or.reduce(masks)) if masks else NONE
        return inside if len(inside) else popular.best(allowed)


async def _nothing() -> None: ...


async def _no_files(what: str) -> NoReturn:
    raise Unavailable(f"no {what} can be used")
