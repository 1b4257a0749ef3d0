"""Asks all candidate sources at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.features.rows import UserRows
from serving.stages.merge import Proposal
from serving.stages.sources import Propose
from serving.trail import Trail
from serving.types import Keys

NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Source:
    """A source's place in the candidate list."""

    name: str
    quota: int
    propose: Propose


class Retrieve:
    """A source that fails proposes nothing, where policy forgives it."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    async def __call__(
        self, user: UserRows, now_us: int, timeout_s: float, trail: Trail
    ) -> tuple[Proposal, ...]:
        """In the order in which the sources fill the candidate list."""

        async def ask(source: Source) -> Keys:
            return await trail.attempt(source.name, source.propose(user, now_us, timeout_s), NONE)

        found = await asyncio.gather(*map(ask, self._sources))
        return tuple(
            Proposal(source.name, source.quota, keys)
            for source, keys in zip(self._sources, found, strict=True)
        )
