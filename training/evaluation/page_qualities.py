"""What else a page is: how surprising, how varied, and how much it leans on what sells anyway.

Novelty is the mean self-information of the items (Zhou et al., 2010), diversity the mean distance of
their pairs (Ziegler et al., 2005), popularity bias how much more popular the page is than what the same
person then bought (after Abdollahpouri et al., 2019).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items as known at a cut-off, in the order of their keys."""

    item_keys: NDArray[np.int64]  # (I,) ascending
    information: NDArray[np.float64]  # (I,) bits
    popularity: NDArray[
        np.float64
    ]  # (I,) share of the catalogue that sold less, ties at their middle
    categories: NDArray[np.int64]  # (I, L) codes, broadest first, -1 unknown

    def places(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of item keys; -1 of -1 and of what is not in the catalogue."""
        found = np.searchsorted(self.item_keys, keys).clip(max=len(self.item_keys) - 1)
        return np.where(self.item_keys[found] == keys, found, -1)


def catalogue(
    item_keys: NDArray[np.int64], categories: NDArray[np.int64], history: pl.DataFrame
) -> Catalogue:
    """From the purchases before a cut-off: `user_id`, `item_key`.

    An item's probability is (buyers + 1) / (people + 1), so that one that nobody bought has a finite one.
    """
    listed = pl.DataFrame({"item_key": item_keys})
    counted = history.group_by("item_key").agg(events=pl.len(), buyers=pl.col("user_id").n_unique())
    found = listed.join(counted, on="item_key", how="left", maintain_order="left").fill_null(0)
    people = history["user_id"].n_unique()
    ranks = found["events"].rank("average").to_numpy() - 0.5
    information = -np.log2((found["buyers"].to_numpy() + 1) / (people + 1))
    return Catalogue(item_keys, information, ranks / len(item_keys), categories)


def novelty(of: Catalogue, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """(U, K) positions in the catalogue, -1 for none: (U,) bits, NaN of an empty page."""
    return _mean(of.information[places], places >= 0)


def popularity(of: Catalogue, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """(U, K) positions, -1 for none: (U,) from 0, the least sold, to 1; NaN of an empty page."""
    return _mean(of.popularity[places], places >= 0)


def diversity(of: Catalogue, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """(U, K) positions: (U,) mean over the pairs of a page of the share of category levels that differ.

    An unknown category differs from every other. NaN where a page has less than two items, or the items
    have no categories.
    """
    there = places >= 0
    levels = of.categories.shape[1]
    apart = np.zeros((*places.shape, places.shape[1]))  # (U, K, K)
    for level in range(levels):
        codes = of.categories[:, level][places]
        same = codes[:, :, None] == codes[:, None, :]
        apart += ~(same & (codes >= 0)[:, :, None])
    pairs = there[:, :, None] & there[:, None, :] & ~np.eye(places.shape[1], dtype=np.bool_)
    counts = pairs.sum(axis=(1, 2)) * levels
    found = np.full(len(places), np.nan)
    np.divide((apart * pairs).sum(axis=(1, 2)), counts, out=found, where=counts > 0)
    return found


def _mean(values: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    counts = there.sum(axis=1)
    found = np.full(len(values), np.nan)
    np.divide((values * there).sum(axis=1), counts, out=found, where=counts > 0)
    return found
