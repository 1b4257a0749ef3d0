"""Asks all candidate sources at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.stages.merge import Proposal
from serving.stages.sources import Asked, Propose
from serving.trail import Trail
from serving.types import Action, Degraded, Keys, Reason

NONE = np.empty(0, dtype=np.int64)
SEEDS = "seeds"  # what a failing source of seeds is called: SimilarItems fails, this one doesn't


@dataclass(frozen=True, slots=True)
class Source:
    """A source's place in the candidate list."""

    name: str
    quota: int
    propose: Propose
    seeded: bool = False  # asked only where the request has seeds
    views: frozenset[str] = frozenset()  # of the person, that it reads


class Retrieve:
    """A source that fails proposes nothing, where policy forgives it.

    Nor does one whose view is too old, where the plan says to drop what reads it.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._unseeded = tuple(source for source in sources if not source.seeded)

    async def __call__(self, asked: Asked, timeout_s: float, trail: Trail) -> tuple[Proposal, ...]:
        """In the order in which the sources fill the candidate list; seeds are asked for if given."""
        sources = self._sources if len(asked.seeds) else self._unseeded

        async def ask(source: Source) -> Keys:
            if gone := asked.user.dropped & source.views:
                trail.note([_dropped(source, gone)])
                return NONE
            stage = SEEDS if source.seeded else source.name
            return await trail.attempt(stage, source.propose(asked, timeout_s), NONE)

        found = await asyncio.gather(*map(ask, sources))
        return tuple(
            Proposal(source.name, source.quota, keys)
            for source, keys in zip(sources, found, strict=True)
        )


def _dropped(source: Source, views: frozenset[str]) -> Degraded:
    told = ", ".join(sorted(views))
    return Degraded(source.name, Reason.STALE, Action.DROPPED_SOURCE, told)
