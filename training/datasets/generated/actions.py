"""What people did: looked at what they were shown or searched for, took some of it, came back for more.

What is used up is needed again: its chain of due days has Erlang gaps around the thing's own interval,
and each due day is met on the nearest visit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.generated import exposure
from training.datasets.generated.domain import DAYS, EXAMINED
from training.datasets.generated.exposure import Draws, Visits
from training.datasets.generated.offers import PROMOTED, Promotions
from training.datasets.generated.world import Floats, Ints, World

SEARCHES = 0.25  # share of visits
ADOPTED = 0.35  # share of first takes of what is used up that become a habit
SHAPE = 6  # of the Erlang gaps
LAPSE_DAYS = 150.0  # mean life of a habit
NO_SLOT = -1
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Taken:
    """N takes."""

    visit: Ints
    item: Ints
    slot: Ints  # where it was shown, NO_SLOT for what was searched for or needed again
    chance: Floats  # that the slot showed it, NaN without a slot


@dataclass(frozen=True, slots=True)
class Habits:
    """H chains of due days; a habit ends when it lapses, a person leaves, or the world does."""

    user: Ints
    item: Ints
    start: Floats  # the day from which the first gap counts
    end: Floats
    habit: Ints  # (N,) the habit of each due day
    due: Floats  # (N,)


@dataclass(frozen=True, slots=True)
class Actions:
    """Everything that happened, by visit."""

    visits: Visits
    shown: Draws
    looked: Flags  # (N,) of what was shown
    wanted: Draws
    found: Flags  # (M,) of what was searched for
    taken: Taken
    habits: Habits


def act(world: World, promotions: Promotions) -> Actions:
    came = exposure.visits(world)
    shown = exposure.pages(world, came)
    wanted = exposure.wanted(world, came, SEARCHES)
    random = world.random(4)
    likes = world.look(came.user[shown.visit], shown.item)
    looked = random.random(len(likes)) < likes * np.array(EXAMINED)[shown.slot]
    found = random.random(len(wanted.visit)) < world.look(came.user[wanted.visit], wanted.item)
    seen, sought = shown.only(looked), wanted.only(found)
    considered = Taken(
        np.concatenate([seen.visit, sought.visit]),
        np.concatenate([seen.item, sought.item]),
        np.concatenate([seen.slot, np.full(len(sought.visit), NO_SLOT)]),
        np.concatenate([seen.propensity, np.full(len(sought.visit), np.nan)]),
    )
    day = came.day[considered.visit]
    lift = PROMOTED * promotions.running(considered.item, day)
    likes = world.take(came.user[considered.visit], considered.item, lift)
    first = _only(considered, random.random(len(likes)) < likes)
    if world.domain.staples == 0:
        first = _once(first, came)
    habits = _habits(world, came, first)
    taken = _joined(first, _met(came, habits))
    return Actions(came, shown, looked, wanted, found, taken, habits)


def _only(taken: Taken, kept: Flags) -> Taken:
    return Taken(taken.visit[kept], taken.item[kept], taken.slot[kept], taken.chance[kept])


def _once(taken: Taken, came: Visits) -> Taken:
    """The first take of each thing by each person."""
    order = np.lexsort((came.day[taken.visit], taken.item, came.user[taken.visit]))
    user, item = came.user[taken.visit][order], taken.item[order]
    again = np.zeros(len(order), dtype=np.bool_)
    again[order[1:]] = (user[1:] == user[:-1]) & (item[1:] == item[:-1])
    return _only(taken, ~again)


def _joined(first: Taken, again: Taken) -> Taken:
    """Each thing once a visit, in the order of the visits."""
    visit = np.concatenate([first.visit, again.visit])
    item = np.concatenate([first.item, again.item])
    slot = np.concatenate([first.slot, again.slot])
    chance = np.concatenate([first.chance, again.chance])
    kept = exposure.firsts(visit, item)
    return Taken(visit[kept], item[kept], slot[kept], chance[kept])


def _habits(world: World, came: Visits, first: Taken) -> Habits:
    """Some of the first takes of what is used up, and what people had bought all along."""
    random = world.random(5)
    user, item, start = _from_before(world, random)
    used_up = ~np.isnan(world.items.interval_days[first.item])
    adopted = used_up & (random.random(len(first.item)) < ADOPTED)
    user = np.concatenate([user, came.user[first.visit[adopted]]])
    item = np.concatenate([item, first.item[adopted]])
    start = np.concatenate([start, came.day[first.visit[adopted]]])
    user, item, start = _first_of_pair(user, item, start)
    lapsed = np.maximum(start, 0.0) + random.exponential(LAPSE_DAYS, len(start))
    end = np.minimum(lapsed, np.minimum(world.users.last_day[user], DAYS))
    mean = world.items.interval_days[item]
    longest = int(np.ceil(4 + 2.5 * DAYS / mean.min(initial=DAYS)))
    gaps = random.gamma(SHAPE, 1.0 / SHAPE, (len(start), longest)) * mean[:, None]
    due = start[:, None] + np.cumsum(gaps, axis=1)
    from_day = world.users.first_day[user]
    habit, place = np.nonzero((due < end[:, None]) & (due >= from_day[:, None]))
    return Habits(user, item, start, end, habit, due[habit, place])


def _from_before(world: World, random: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """What people bought regularly before their first day: begun somewhere within one interval."""
    users = world.users
    counts = random.poisson(world.domain.staples, len(users.first_day))
    visit = Visits(np.repeat(np.arange(len(counts)), counts), np.zeros(counts.sum()))
    drawn = exposure.wanted(world, visit, 1.0)
    user, item = visit.user[drawn.visit], drawn.item
    kept = ~np.isnan(world.items.interval_days[item])
    user, item = user[kept], item[kept]
    back = random.random(len(item)) * world.items.interval_days[item]
    return user, item, users.first_day[user] - back


def _first_of_pair(user: Ints, item: Ints, start: Floats) -> tuple[Ints, Ints, Floats]:
    order = np.lexsort((start, item, user))
    kept = order[exposure.firsts(user[order], item[order])]
    return user[kept], item[kept], start[kept]


def _met(came: Visits, habits: Habits) -> Taken:
    """Each due day on the person's visit that is nearest to it."""
    if not len(habits.due) or not len(came.day):
        nothing = np.zeros(0, dtype=np.int64)
        return Taken(nothing, nothing, nothing, np.zeros(0))
    user = habits.user[habits.habit]
    span = 10.0 * DAYS  # beyond any two days, so that people lie apart on one line
    line = came.user * span + came.day
    wanted = user * span + habits.due
    after = np.searchsorted(line, wanted).clip(max=len(line) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.where(np.abs(line[after] - wanted) < np.abs(line[before] - wanted), after, before)
    met = came.user[nearer] == user  # nobody who never came
    none = np.full(met.sum(), NO_SLOT)
    return Taken(nearer[met], habits.item[habits.habit[met]], none, np.full(met.sum(), np.nan))
