"""A few queries before the first caller's: connections, code paths and pages of the snapshot."""

import logging
import time
from collections.abc import Awaitable

import numpy as np

from serving.errors import RecserveError
from serving.policy import Budget
from serving.process.live import LivePipeline
from serving.search.query import SearchQuery
from serving.types import Answered, Consent, Person, Query, RankQuery, Reason, SimilarQuery

ROUNDS = 3
BUDGET_S = 2.0
CANDIDATES = 64
QUERY = "something to eat"  # any words

log = logging.getLogger(__name__)


async def warm_up(pipeline: LivePipeline) -> None:
    """Never fails: what is missing now degrades answers later just as well, and is logged.

    It is not waited for again: where a system hangs, a second round would only keep callers waiting.
    """
    person = Person("0", 0, Consent(personalization=True))
    rows = pipeline.snapshot.popular[:CANDIDATES].astype(np.int64)
    keys = pipeline.snapshot.keys_at(rows)
    items = tuple(zip(pipeline.snapshot.names(keys), keys.tolist(), strict=True))
    problems: set[str] = set()
    for _ in range(ROUNDS):
        for surface in pipeline.surfaces:
            query = Query(person, surface, 10, exclude_purchased=False, excluded=frozenset())
            problems |= await _tried(pipeline.recommend(query, _budget()))
        for surface in pipeline.bundle.policy.surfaces:
            problems |= await _tried(pipeline.rank(RankQuery(person, surface, items), _budget()))
        similar = SimilarQuery(*items[0], page_size=10, excluded=frozenset())
        problems |= await _tried(pipeline.similar(similar, _budget()))
        if pipeline.searches:
            problems |= await _tried(_searched(pipeline, person, ""))
            problems |= await _tried(_searched(pipeline, person, QUERY))
        if problems:
            break
    for problem in sorted(problems):
        log.warning("warm-up: %s", problem)


async def _searched(pipeline: LivePipeline, person: Person, text: str) -> Answered:
    return (await pipeline.search(SearchQuery(person, text, 10), _budget())).answered


def _budget() -> Budget:
    return Budget.of(BUDGET_S, time.monotonic)


async def _tried(call: Awaitable[Answered]) -> set[str]:
    try:
        answered = await call
    except RecserveError as error:
        return {str(error)}
    return {
        f"{d.stage}: {d.reason}, {d.action} ({d.detail})"
        for d in answered.degradations
        if d.reason is not Reason.OUT_OF_VOCABULARY  # of the item at hand; the model answered
    }
