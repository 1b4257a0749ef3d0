"""What words and meaning found, as one list of candidates, and how relevant each of them is.

An item's worth is the log-odds that the person takes it, and above that, for what holds the words, HELD and
up to FIT by how well they fit, and MEANT times the cosine of its text with the query. These were chosen
on purchases of weeks 47-48 and on the queries judged by hand (docs/search.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.search.lexical import Found
from serving.search.query import Match, Order
from serving.search.semantic import Near
from serving.stages.fuse import log_odds
from serving.stages.merge import Proposal
from serving.stages.retrieve import NONE
from serving.types import Keys

LEXICAL, SEMANTIC, INSTEAD = "lexical", "semantic", "popular"  # sources
HELD, FIT, MEANT = 5.0, 1.0, 3.0
MEANT_ALONE = 20.0  # of the cosine, where nothing has the words: it alone tells what was asked for
MOST_NEAR = 100  # items that are found by meaning alone


@dataclass(frozen=True, slots=True)
class Sought:
    """None of what did not answer, or was not asked."""

    found: Found | None = None
    near: Near | None = None

    def match_of(self, kept: Sequence[Proposal]) -> Match:
        """How what is left of the proposals fits the query."""
        left = {proposal.source for proposal in kept if len(proposal.keys)}
        if self.found is not None and LEXICAL in left:
            return self.found.match
        return Match.MEANING if SEMANTIC in left else Match.NONE

    def proposals(self, limit: int) -> list[Proposal]:
        """Best first, what holds the words before what is near; together no more than `limit` items."""
        by_words = self.found.keys if self.found is not None else NONE
        near = self.near.keys if self.near is not None else NONE
        further = int((~np.isin(near, by_words)).sum())
        proposals = [Proposal(LEXICAL, limit - min(further, MOST_NEAR), by_words)]
        return [*proposals, Proposal(SEMANTIC, limit, near)] if len(near) else proposals

    def relevance(self, keys: Keys) -> NDArray[np.float64]:
        """(n,) what the query makes of each candidate, in log-odds."""
        found = np.zeros(len(keys))
        if self.found is not None and len(self.found.keys):
            scores = dict(zip(self.found.keys.tolist(), self.found.scores.tolist(), strict=True))
            best = max(0.0, float(self.found.scores.max()))
            for place, key in enumerate(keys.tolist()):
                if key in scores:
                    found[place] = HELD + (FIT * scores[key] / best if best else 0.0)
        if self.near is not None:
            by_words = self.found is not None and len(self.found.keys) > 0
            found += (MEANT if by_words else MEANT_ALONE) * self.near.of(keys)
        return found


def ordered(
    keys: Keys, probability: NDArray[np.float32] | None, relevance: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Positions, the worthiest first; ties by key. Without probabilities by relevance, ties as they come."""
    if probability is None:
        return np.argsort(-relevance, kind="stable").astype(np.int64, copy=False)
    worth = log_odds(probability) + relevance
    return np.lexsort((keys, -worth)).astype(np.int64, copy=False)


def by_number(
    positions: NDArray[np.int64], numbers: NDArray[np.float32], order: Order
) -> NDArray[np.int64]:
    """Positions by their numbers, those without one last; equal ones as they come."""
    of = numbers[positions]
    return positions[np.argsort(-of if order.descending else of, kind="stable")]
