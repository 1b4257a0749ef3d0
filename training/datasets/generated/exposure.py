"""When people came, and what they were shown: the logging policy, whose chances are known exactly.

Every slot of a page draws a category by the person's wishes and a thing by its share of it, each slot by
itself. A thing drawn before on the same page is not shown again. So the chance that slot k (from 0) shows a
thing is q (1 - q)^k, where q is that of one draw: the `propensity` of the data set.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.generated.domain import DAYS, SEASONS, SLOTS
from training.datasets.generated.world import Floats, Ints, World, season_of

HOURS = np.array(
    [1, 0, 0, 0, 0, 1, 3, 6, 7, 7, 8, 8, 9, 7, 6, 6, 8, 11, 13, 14, 13, 10, 6, 3], dtype=np.float64
)


@dataclass(frozen=True, slots=True)
class Visits:
    """V visits, by person and time."""

    user: Ints
    day: Floats  # since the first; with its fraction

    @property
    def season(self) -> Ints:
        return season_of(self.day)


@dataclass(frozen=True, slots=True)
class Draws:
    """N draws of a thing for a visit."""

    visit: Ints
    slot: Ints
    item: Ints
    chance: Floats  # of this draw

    @property
    def propensity(self) -> Floats:
        return self.chance * (1.0 - self.chance) ** self.slot

    def only(self, kept: NDArray[np.bool_]) -> "Draws":
        return Draws(self.visit[kept], self.slot[kept], self.item[kept], self.chance[kept])


def visits(world: World) -> Visits:
    """A Poisson process a person, over the days on which they are there, by the hours of a day."""
    random, users = world.random(1), world.users
    span = np.minimum(users.last_day, DAYS) - users.first_day
    counts = random.poisson(users.visits_a_day * span)
    user = np.repeat(np.arange(len(counts)), counts)
    days = users.first_day[user] + random.random(len(user)) * span[user]
    hours = random.choice(24, size=len(user), p=HOURS / HOURS.sum()) + random.random(len(user))
    day = np.floor(days) + hours / 24
    order = np.lexsort((day, user))
    return Visits(user[order], day[order])


def pages(world: World, of: Visits) -> Draws:
    """What was shown."""
    return _each_once(_draws(world, of, SLOTS, world.random(2)))


def wanted(world: World, of: Visits, share: float) -> Draws:
    """One thing that each of a share of the visits came to look for."""
    random = world.random(3)
    drawn = _draws(world, of, 1, random)
    return drawn.only(random.random(len(drawn.visit)) < share)


def _draws(world: World, of: Visits, slots: int, random: np.random.Generator) -> Draws:
    parts = [_of_season(world, of, season, slots, random) for season in range(SEASONS)]
    visit, slot, item, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((slot, visit))
    drawn = Draws(visit[order], slot[order], item[order], chance[order])
    return drawn.only(drawn.chance > 0)  # rounding can reach a thing that has not arrived yet


def _of_season(
    world: World, of: Visits, season: int, slots: int, random: np.random.Generator
) -> tuple[Ints, Ints, Ints, Floats]:
    visit = np.flatnonzero(of.season == season)
    wish = world.users.wish[season][of.user[visit]]  # (v, C)
    edges = np.cumsum(wish, axis=1)
    categories = len(world.domain.categories)
    drawn = random.random((len(visit), slots))
    category = np.stack([(edges < d[:, None]).sum(axis=1) for d in drawn.T], axis=1).reshape(-1)
    category = category.clip(max=categories - 1)  # the last edge is 1 but for rounding
    # One ladder over all categories: category c's rungs lie between c and c + 1.
    order = np.argsort(world.items.category, kind="stable")
    share = world.items.share[season][order]
    totals = np.cumsum(share)
    begins = np.searchsorted(world.items.category[order], np.arange(categories))
    before = np.concatenate([[0.0], totals])[begins][world.items.category[order]]
    ladder = world.items.category[order] + (totals - before).clip(max=1.0)
    place = np.searchsorted(ladder, category + random.random(len(category)), side="right")
    last = np.append(begins[1:], len(order)) - 1
    item = order[np.minimum(place, last[category])]
    chance = wish.repeat(slots, axis=0)[np.arange(len(item)), category]
    chance = chance * world.items.share[season][item]
    slot = np.tile(np.arange(slots), len(visit))
    return visit.repeat(slots), slot, item, chance


def _each_once(drawn: Draws) -> Draws:
    """Each thing in the first slot that drew it."""
    kept = np.zeros(len(drawn.visit), dtype=np.bool_)
    kept[firsts(drawn.visit, drawn.item)] = True
    return drawn.only(kept)


def firsts(*columns: Ints) -> Ints:
    """Positions of the first of each distinct row, by row."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        code = code * (int(column.max(initial=0)) + 1) + column
    found: Ints = np.unique(code, return_index=True)[1]
    return found
