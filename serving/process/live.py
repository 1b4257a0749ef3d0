"""The pipeline that answers now, and the watch that replaces it when there is a new item snapshot."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from serving.bundle import Bundle
from serving.errors import ArtefactError
from serving.pipeline import Pipeline
from serving.policy import Budget
from serving.types import Answered, ItemSnapshot, Query, RankQuery, SimilarQuery

POLL_S = 1.0

log = logging.getLogger(__name__)


class LivePipeline:
    """Hands each query to the pipeline of the moment; a query stays with the one it began with."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    @property
    def bundle(self) -> Bundle:
        return self._pipeline.bundle

    @property
    def snapshot(self) -> ItemSnapshot:
        return self._pipeline.snapshot

    def replace(self, newer: Pipeline) -> None:
        self._pipeline = newer

    async def recommend(self, query: Query, budget: Budget) -> Answered:
        return await self._pipeline.recommend(query, budget)

    async def rank(self, query: RankQuery, budget: Budget) -> Answered:
        return await self._pipeline.rank(query, budget)

    async def similar(self, query: SimilarQuery, budget: Budget) -> Answered:
        return await self._pipeline.similar(query, budget)


async def follow_snapshot(
    link: Path, opened: Path, make: Callable[[Path], Pipeline], replace: Callable[[Pipeline], None]
) -> None:
    """For ever: when `link` points elsewhere than at `opened`, makes the new pipeline in a thread.

    A snapshot that can't be used is said in the log, and the one before serves on.
    """
    while True:
        await asyncio.sleep(POLL_S)
        target = await asyncio.to_thread(link.resolve)
        if target == opened:
            continue
        opened = target
        try:
            newer = await asyncio.to_thread(make, target)
        except (ArtefactError, OSError) as error:
            log.error("the new snapshot can't be used, the one before serves on: %s", error)  # noqa: TRY400
        else:
            replace(newer)
            log.info("snapshot %s serves", newer.snapshot.version)
