"""What others took right before or after the newest items: a Markov chain that forgives the exact order.

Rendle et al., "Factorizing personalized Markov chains for next-basket recommendation" (WWW 2010) factorise
such a chain; where the items are few it can be counted. A pair of items counts by how near they stand in a
history, and the person's items by how new they are.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from training.leaderboard.next_item import Histories

REACH, NEARER = 20, 0.9  # places to either side; what a place further away counts
NEWER, USUAL = 0.8, 20.0  # what an older item counts; pairs that popularity stands for
LEAST = 1e-6  # likelihood


def nearby(of: Histories) -> NDArray[np.float64]:
    """(U, I) the logarithm of how likely each item is near the newest of each history."""
    beside = pairs(of)
    often = np.bincount(of.items, minlength=of.catalogue)
    likely = beside + USUAL * often / often.sum()
    likely /= beside.sum(axis=1, keepdims=True) + USUAL
    late = _late(of)
    total = np.asarray(late.sum(axis=1)).reshape(-1, 1)
    found: NDArray[np.float64] = np.log(late @ likely / total + LEAST)
    return found


def pairs(of: Histories) -> NDArray[np.float64]:
    """(I, I) how often two items stand near each other."""
    owner = np.repeat(np.arange(of.users), np.diff(of.offsets))
    found = np.zeros((of.catalogue, of.catalogue))
    for distance in range(1, min(REACH, len(owner) - 1) + 1):
        same = owner[distance:] == owner[:-distance]
        one, other = of.items[:-distance][same], of.items[distance:][same]
        np.add.at(found, (one, other), NEARER ** (distance - 1))
    return found + found.T


def _late(of: Histories) -> csr_array:
    """(U, I) what each person took, by how new it is."""
    place = np.repeat(of.offsets[1:], np.diff(of.offsets)) - 1 - np.arange(len(of.items))
    shape = (of.users, of.catalogue)
    return csr_array((NEWER**place, of.items, of.offsets), shape=shape)
