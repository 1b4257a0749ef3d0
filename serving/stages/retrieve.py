"""Asks all candidate sources at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from serving.stages.merge import Proposal
from serving.stages.sources import Asked, Propose
from serving.trail import Trail
from serving.types import Action, Degraded, Keys, Reason

NONE = np.empty(0, dtype=np.int64)
# `model`: a model is asked; `seeds`: likewise, but only where the request has seeds; `memory`: nobody is.
Kind = Literal["model", "seeds", "memory"]


@dataclass(frozen=True, slots=True)
class Source:
    """A source's place in the candidate list."""

    name: str
    quota: int
    propose: Propose
    kind: Kind = "memory"
    views: frozenset[str] = frozenset()  # of the person, that it reads


class Retrieve:
    """A source that fails proposes nothing, where policy forgives it.

    Nor does one whose view is too old, where the plan says to drop what reads it.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._unseeded = tuple(s for s in sources if s.kind != "seeds")

    async def __call__(self, asked: Asked, timeout_s: float, trail: Trail) -> tuple[Proposal, ...]:
        """In the order in which the sources fill the candidate list; seeds are asked for if given."""
        sources = self._sources if len(asked.seeds) else self._unseeded

        async def ask(source: Source) -> Keys:
            if gone := asked.user.dropped & source.views:
                trail.note([_dropped(source, gone)])
                return NONE
            work = source.propose(asked, timeout_s)
            match source.kind:
                case "model":
                    return await trail.attempt("source", work, NONE, source.name)
                case "seeds":
                    return await trail.attempt("seeds", work, NONE)
                case "memory":
                    return await work

        found = await asyncio.gather(*map(ask, sources))
        return tuple(
            Proposal(source.name, source.quota, keys)
            for source, keys in zip(sources, found, strict=True)
        )


def _dropped(source: Source, views: frozenset[str]) -> Degraded:
    told = ", ".join(sorted(views))
    return Degraded(source.name, Reason.STALE, Action.DROPPED_SOURCE, told)
