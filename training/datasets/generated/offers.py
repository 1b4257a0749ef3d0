"""What is advertised: ads with bids, memberships, and promotions, which really make things sell better."""

from dataclasses import dataclass

import numpy as np

from training.datasets.generated.domain import DAYS
from training.datasets.generated.world import Floats, Ints, World

PROMOTED = 0.9  # added to the logit of taking while a promotion runs
WEEK = 7.0
ADS, MEMBERSHIPS = 24, 3


@dataclass(frozen=True, slots=True)
class Promotions:
    """P promoted things, each for whole weeks."""

    item: Ints
    start: Floats
    end: Floats
    discount: Floats  # share of the price

    def running(self, item: Ints, day: Floats) -> Floats:
        """1 where the thing is promoted on that day, otherwise 0."""
        return (self._found(item, day) >= 0).astype(np.float64)

    def discounts(self, item: Ints, day: Floats) -> Floats:
        found = self._found(item, day)
        return np.where(found >= 0, self.discount[found.clip(min=0)], 0.0)

    def share(self, items: int, start: float, end: float) -> Floats:
        """(items,) share of [start, end) in which each thing is promoted."""
        covered = np.minimum(self.end, end) - np.maximum(self.start, start)
        return np.bincount(self.item, weights=covered.clip(min=0.0), minlength=items) / (
            end - start
        )

    def _found(self, item: Ints, day: Floats) -> Ints:
        """Place of the promotion that runs, -1 for none; they begin with weeks, one a thing."""
        codes = self.item * 1000 + (self.start // WEEK).astype(np.int64)
        order = np.argsort(codes)
        asked = item * 1000 + (day // WEEK).astype(np.int64)
        place = np.searchsorted(codes[order], asked).clip(max=len(codes) - 1)
        found: Ints = np.where(codes[order][place] == asked, order[place], -1)
        return found


@dataclass(frozen=True, slots=True)
class Ads:
    """A ads, each for one thing."""

    item: Ints
    start: Floats
    end: Floats
    bid: Floats


def promotions(world: World) -> Promotions:
    """Every week one thing in fifty of those that are there, for that week."""
    random = world.random(6)
    weeks = np.arange(0, DAYS, WEEK)
    there = [np.flatnonzero(world.items.first_season * 30 <= week) for week in weeks]
    chosen = [random.choice(ids, max(1, len(ids) // 50), replace=False) for ids in there]
    item = np.concatenate(chosen)
    start = np.repeat(weeks, [len(c) for c in chosen])
    discount = random.choice([0.1, 0.2, 0.3, 0.5], len(item), p=[0.4, 0.3, 0.2, 0.1])
    return Promotions(item, start, start + WEEK, discount)


def ads(world: World) -> Ads:
    """For well-known things as for others; at any time about a third of them run."""
    random = world.random(7)
    item = random.choice(np.flatnonzero(world.items.first_season == 0), ADS, replace=False)
    start = random.uniform(-40, DAYS, ADS).round()
    length = random.integers(20, 120, ADS)
    return Ads(item, start, start + length, np.exp(0.6 * random.normal(size=ADS)).round(2))


def exposures(running: Ads, days: Floats, random: np.random.Generator) -> tuple[Ints, Floats]:
    """Which ad each visit shows, -1 if none runs, and the chance of that: by bid among those running."""
    weights = running.bid * ((running.start <= days[:, None]) & (days[:, None] < running.end))
    totals = weights.sum(axis=1, keepdims=True)
    chances = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    drawn = (np.cumsum(chances, axis=1) < random.random((len(days), 1))).sum(axis=1)
    drawn = np.where(totals[:, 0] > 0, drawn.clip(max=len(running.item) - 1), -1)
    return drawn, chances[np.arange(len(days)), drawn.clip(min=0)]
