"""What could have been known: the chance that each person takes each thing within a horizon.

It is reckoned from what the world was drawn from, not from the events. What only chance decides (when
somebody comes, what a page happens to show) is unknown here too. Left out: habits that begin within the
horizon.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np
import polars as pl

from training.datasets.generated.actions import LAPSE_DAYS, SEARCHES, SHAPE, Actions, Habits
from training.datasets.generated.domain import EXAMINED, SEASONS
from training.datasets.generated.offers import PROMOTED, Promotions
from training.datasets.generated.world import Floats, Ints, World, season_of

LISTED = 300  # most probable things a person
PART = 100  # people at a time


@dataclass(frozen=True, slots=True)
class Pairs:
    """P people and things, with a chance each."""

    user: Ints
    item: Ints
    chance: Floats


def best(world: World, done: Actions, promotions: Promotions, day: float) -> pl.DataFrame:
    """`user`, `item` and `probability` of the things that each person most probably takes."""
    horizon = float(world.domain.horizon_days)
    again = due_again(world, done.habits, day, horizon)
    had = _had(done, day) if world.domain.staples == 0 else None
    parts = []
    for start in range(0, len(world.users.first_day), PART):
        users = np.arange(start, min(start + PART, len(world.users.first_day)))
        chance = discovered(world, promotions, users, day, horizon)
        rows, items, more = _of(again, start, users[-1])
        chance[rows, items] = 1 - (1 - chance[rows, items]) * (1 - more)
        if had is not None:
            rows, items, _ = _of(had, start, users[-1])
            chance[rows, items] = 0.0
        parts.append(_listed(users, chance))
    return pl.concat(parts).filter(pl.col("probability") > 0)


def discovered(
    world: World, promotions: Promotions, users: Ints, day: float, horizon: float
) -> Floats:
    """(u, I) chance of a take after a page or a search."""
    items = np.arange(len(world.items.price))
    share = promotions.share(len(items), day, day + horizon)
    taken = (1 - share) * world.take(users[:, None], items[None])
    taken += share * world.take(users[:, None], items[None], PROMOTED)
    per_visit = np.zeros_like(taken)
    weights = np.bincount(season_of(day + np.arange(horizon)), minlength=SEASONS) / horizon
    for season in np.flatnonzero(weights):
        wish = world.users.wish[season][users][:, world.items.category]
        chance = wish * world.items.share[season]
        noticed = sum(look * (1 - chance) ** slot for slot, look in enumerate(EXAMINED))
        per_visit += weights[season] * chance * (noticed + SEARCHES)
    there = np.minimum(world.users.last_day[users], day + horizon)
    days = (there - np.maximum(world.users.first_day[users], day)).clip(min=0.0)
    visits = world.users.visits_a_day[users] * days
    looks = world.look(users[:, None], items[None])
    found: Floats = -np.expm1(-visits[:, None] * per_visit * looks * taken)
    return found


def due_again(world: World, habits: Habits, day: float, horizon: float) -> Pairs:
    """Of each habit that is alive: the chance that its next due day comes within the horizon."""
    alive = np.flatnonzero((habits.start < day) & (habits.end > day))
    alive = alive[world.users.first_day[habits.user[alive]] < day]
    last = habits.start.copy()
    past = habits.due < day
    np.maximum.at(last, habits.habit[past], habits.due[past])
    waited = day - last[alive]
    scale = world.items.interval_days[habits.item[alive]] / SHAPE
    comes = 1 - _longer(waited + horizon, scale) / _longer(waited, scale).clip(min=1e-300)
    kept = np.exp(-horizon / 2 / LAPSE_DAYS)  # lapses are spread over the horizon
    return Pairs(habits.user[alive], habits.item[alive], comes * kept)


def _longer(days: Floats, scale: Floats) -> Floats:
    """The chance that an Erlang gap is longer."""
    x = days / scale
    found: Floats = np.exp(-x) * sum(x**k / factorial(k) for k in range(SHAPE))
    return found


def _had(done: Actions, day: float) -> Pairs:
    """What people took before, for a world in which nobody takes a thing twice."""
    past = done.visits.day[done.taken.visit] < day
    user = done.visits.user[done.taken.visit[past]]
    return Pairs(user, done.taken.item[past], np.ones(len(user)))


def _of(pairs: Pairs, first: int, last: int) -> tuple[Ints, Ints, Floats]:
    mine = (pairs.user >= first) & (pairs.user <= last)
    return pairs.user[mine] - first, pairs.item[mine], pairs.chance[mine]


def _listed(users: Ints, chance: Floats) -> pl.DataFrame:
    order = np.argsort(-chance, axis=1, kind="stable")[:, :LISTED]
    return pl.DataFrame(
        {
            "user": np.repeat(users, order.shape[1]),
            "item": order.reshape(-1),
            "probability": np.take_along_axis(chance, order, axis=1).reshape(-1),
        }
    )
