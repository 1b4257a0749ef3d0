"""What others took right before or after the newest items: a Markov chain that forgives the exact order.

Rendle et al., "Factorizing personalized Markov chains for next-basket recommendation" (WWW 2010) factorise
such a chain; where the items are few it can be counted. A pair of items counts by how near they stand in a
history, and the person's items by how new they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from training.leaderboard.next_item import Histories

LEAST = 1e-6  # likelihood


@dataclass(frozen=True, slots=True)
class Nearby:
    reach: int = 20  # places to either side
    nearer: float = 0.9  # what a place further away counts
    newer: float = 0.8  # what an older item counts
    usual: float = 20.0  # pairs that popularity stands for


def nearby(of: Histories, by: Nearby) -> NDArray[np.float64]:
    """(U, I) the logarithm of how likely each item is near the newest of each history."""
    beside = pairs(of, by)
    often = np.bincount(of.items, minlength=of.catalogue)
    likely = beside + by.usual * often / often.sum()
    likely /= beside.sum(axis=1, keepdims=True) + by.usual
    late = _late(of, by)
    total = np.asarray(late.sum(axis=1)).reshape(-1, 1)
    found: NDArray[np.float64] = np.log(late @ likely / total + LEAST)
    return found


def pairs(of: Histories, by: Nearby) -> NDArray[np.float64]:
    """(I, I) how often two items stand near each other."""
    owner = np.repeat(np.arange(of.users), np.diff(of.offsets))
    found = np.zeros((of.catalogue, of.catalogue))
    for distance in range(1, min(by.reach, len(owner) - 1) + 1):
        same = owner[distance:] == owner[:-distance]
        one, other = of.items[:-distance][same], of.items[distance:][same]
        np.add.at(found, (one, other), by.nearer ** (distance - 1))
    return found + found.T


def _late(of: Histories, by: Nearby) -> csr_array:
    """(U, I) what each person took, by how new it is."""
    place = np.repeat(of.offsets[1:], np.diff(of.offsets)) - 1 - np.arange(len(of.items))
    shape = (of.users, of.catalogue)
    return csr_array((by.newer**place, of.items, of.offsets), shape=shape)
