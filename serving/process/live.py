"""The pipeline that answers now, and the watch that replaces what it reads when there is something newer."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from serving.bundle import Bundle
from serving.errors import ArtefactError, OutsideError
from serving.items import ItemSnapshot
from serving.pipeline import Pipeline
from serving.policy import Budget
from serving.search.engine import Engine, Versions
from serving.search.pipeline import Search
from serving.search.query import Searched, SearchQuery
from serving.types import Answered, Query, RankQuery, SimilarQuery

POLL_S = 1.0
LOOKS_UNTIL_RETRY = 30

log = logging.getLogger(__name__)


class LivePipeline:
    """Hands each query to the pipeline of the moment; a query stays with the one it began with."""

    def __init__(self, pipeline: Pipeline, search: Search) -> None:
        self._pipeline, self._search = pipeline, search

    @property
    def bundle(self) -> Bundle:
        return self._pipeline.bundle

    @property
    def snapshot(self) -> ItemSnapshot:
        return self._pipeline.snapshot

    @property
    def surfaces(self) -> tuple[str, ...]:
        return self._pipeline.surfaces

    @property
    def searches(self) -> bool:
        """Whether there is an index."""
        return self._search.is_served

    @property
    def engine(self) -> Engine:
        """Raises SurfaceNotServed without an index."""
        return self._search.engine

    @property
    def search_versions(self) -> Versions:
        return self._search.versions

    def replace(self, newer: Pipeline) -> None:
        self._pipeline = newer

    async def recommend(self, query: Query, budget: Budget) -> Answered:
        return await self._pipeline.recommend(query, budget)

    async def rank(self, query: RankQuery, budget: Budget) -> Answered:
        return await self._pipeline.rank(query, budget)

    async def similar(self, query: SimilarQuery, budget: Budget) -> Answered:
        return await self._pipeline.similar(query, budget)

    async def search(self, query: SearchQuery, budget: Budget) -> Searched:
        return await self._search(self._pipeline, query, budget)


async def first(what: str, link: Path, take: Callable[[Path], Awaitable[None]]) -> Path | None:
    """What `link` points at, taken into service; None, and said in the log, if it can't be used."""
    target = Path(await asyncio.to_thread(os.path.realpath, link))
    try:
        await take(target)
    except (ArtefactError, OSError) as error:
        log.error("the %s can't be used, and there is none before it: %s", what, error)  # noqa: TRY400
        return None
    return target


async def follow_link(
    what: str,
    link: Path,
    opened: Path | None,
    take: Callable[[Path], Awaitable[None]],
    poll_s: float = POLL_S,
) -> None:
    """For ever: when `link` points elsewhere than at `opened`, has what is there taken into service.

    One that can't be used is said in the log by `what` it is, and the one before serves on. It is tried
    again now and then: its files may still be on their way, or the disk was away.
    """
    refused, looks = None, 0
    if opened is None:  # `first` has said why
        refused = Path(await asyncio.to_thread(os.path.realpath, link))
    while True:
        await asyncio.sleep(poll_s)
        target = Path(await asyncio.to_thread(os.path.realpath, link))
        looks = looks + 1 if target == refused else 0
        if target == opened or looks % LOOKS_UNTIL_RETRY:
            continue
        try:
            await take(target)
        except (ArtefactError, OutsideError, OSError) as error:
            if target != refused:
                log.error("the new %s can't be used, the one before serves on: %s", what, error)  # noqa: TRY400
            refused = target
        else:
            opened, refused = target, None
