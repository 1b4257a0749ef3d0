"""A search, from a valid query to a page, top to bottom."""

import asyncio
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from serving.errors import SurfaceNotServed
from serving.pipeline import Pipeline, age_s
from serving.policy import Budget
from serving.search.engine import Engine, LiveEngine
from serving.search.lexical import Found
from serving.search.query import Match, Rest, Searched, SearchQuery
from serving.stages.filter import counted
from serving.stages.fuse import log_odds
from serving.stages.merge import Merged, Proposal
from serving.stages.narrow import narrowed
from serving.stages.order import slate
from serving.stages.retrieve import NONE
from serving.trail import Trail
from serving.types import Keys, Removal

SOURCE, INSTEAD = "lexical", "popular"
TEXT_WEIGHT = 1.0  # log-odds between words that fit best and not at all; chosen on weeks 47-48


class Search:
    """Answers searches from the pipeline and the index of the moment."""

    def __init__(self, live: LiveEngine) -> None:
        self._live = live

    @property
    def is_served(self) -> bool:
        return self._live.engine is not None

    @property
    def engine(self) -> Engine:
        """Raises SurfaceNotServed without an index."""
        if self._live.engine is None:
            raise SurfaceNotServed("SURFACE_SEARCH", ())
        return self._live.engine

    async def __call__(self, pipeline: Pipeline, query: SearchQuery, budget: Budget) -> Searched:
        """Raises SurfaceNotServed; what takes too long degrades the answer instead."""
        if query.rest is not None:
            return await self._next(pipeline, query, query.rest, budget)
        engine, stages = self.engine, pipeline.stages
        trail, now_us = pipeline.trail(), pipeline.now_us()

        (user, _), found = await asyncio.gather(
            stages.known(query.person, (), now_us, budget, trail),
            self._found(engine, query, pipeline.bundle.policy.max_candidates, budget, trail),
        )
        with trail.stage("filter"):
            allowed = stages.conditions(query.conditions, now_us)
            fits = found is not None and len(found.keys) > 0
            keys = found.keys if found and fits else stages.popular.best(allowed)
            proposal = Proposal(SOURCE if fits else INSTEAD, len(keys), keys)
            filtered = stages.filter([proposal], frozenset(), NONE, allowed)
            tested_us = pipeline.tested(query.conditions, filtered.kept, now_us, trail)
        with trail.stage("merge"):
            kept = filtered.kept[0].keys
            whole = Merged(kept, ((proposal.source,),) * len(kept))
            most = pipeline.bundle.policy.max_candidates
            candidates, cut = narrowed(whole, budget.share("rank"), most)
        scores = await stages.score(user, candidates.keys, now_us, budget, trail)
        with trail.stage("order"):
            fit = fit_of(candidates.keys, found) if found and fits else None
            probability = None if query.order else scores.probability
            positions = ordered(candidates.keys, probability, fit)
            page = positions[: query.page_size]
            items = slate(candidates, page, scores.probability, pipeline.names)

        return Searched(
            replace(
                pipeline.answered(items, trail, user),
                oldest_age_s=age_s(now_us, scores.oldest_us, tested_us),
                proposed=((proposal.source, len(keys)),),
                removed=counted(filtered.removed, cut),
            ),
            found.match if found and fits else Match.NONE,
            candidates.keys[positions[query.page_size :]],
            found.total if found else 0,
            found.reading.corrected if found else (),
            found.reading.unknown if found else (),
            engine.counted(query, found) if found else (),
        )

    async def _next(
        self, pipeline: Pipeline, query: SearchQuery, rest: Rest, budget: Budget
    ) -> Searched:
        """What the page before has left, in its order; scores are those of now."""
        trail, now_us, stages = pipeline.trail(), pipeline.now_us(), pipeline.stages
        user, _ = await stages.known(query.person, (), now_us, budget, trail)
        with trail.stage("filter"):
            there = pipeline.snapshot.positions(rest.keys) >= 0
            keys, gone = rest.keys[there], int((~there).sum())
            source = INSTEAD if rest.match is Match.NONE else SOURCE
            page = Merged(keys[: query.page_size], ((source,),) * min(query.page_size, len(keys)))
        scores = await stages.score(user, page.keys, now_us, budget, trail)
        with trail.stage("order"):
            positions = np.arange(len(page.keys), dtype=np.int64)
            items = slate(page, positions, scores.probability, pipeline.names)
        return Searched(
            replace(
                pipeline.answered(items, trail, user),
                oldest_age_s=age_s(now_us, scores.oldest_us),
                proposed=((source, len(rest.keys)),),
                removed=((Removal.NOT_IN_SNAPSHOT, gone),) if gone else (),
            ),
            rest.match,
            keys[query.page_size :],
        )

    async def _found(
        self, engine: Engine, query: SearchQuery, count: int, budget: Budget, trail: Trail
    ) -> Found | None:
        with trail.stage("search"):
            work = engine.find(query, count, budget.share("search"))
            return await trail.attempt("search", work, None)


def ordered(
    keys: Keys, probability: NDArray[np.float32] | None, fit: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """Positions by what the person is likely to take and how well the words fit; ties by key.

    Without probabilities in the order in which they were found.
    """
    if probability is None:
        return np.arange(len(keys), dtype=np.int64)
    worth = log_odds(probability) + (0.0 if fit is None else TEXT_WEIGHT * fit)
    return np.lexsort((keys, -worth)).astype(np.int64, copy=False)


def fit_of(keys: Keys, found: Found) -> NDArray[np.float64]:
    """(n,) 0 to 1: how well the words of each candidate fit, beside those that fit best."""
    places = {key: at for at, key in enumerate(found.keys.tolist())}
    scores = found.scores[[places[key] for key in keys.tolist()]].astype(np.float64)
    best = scores.max(initial=0.0)
    return scores / best if best > 0 else np.zeros(len(scores))
