"""The people and the things of a made-up world, with what is true of them and written nowhere.

Taste is a vector; how well a thing suits a person is its product with the thing's vector. Popularity is
Zipf's within a category, wanes or grows from season to season, and begins when a thing arrives.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.generated.domain import DAYS, SEASON_DAYS, SEASONS, Domain

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TASTES = 8
ZIPF = 0.9
SUIT = 1.1  # weight of taste in the wish to look, and of quality
QUALITY = 0.5
NEWCOMERS = 0.2  # share of things that arrive after the first day
LATE = 0.2  # share of people that first come later
LEAVE = 0.1  # share of people that stay away one day


@dataclass(frozen=True, slots=True)
class Items:
    """I things."""

    category: Ints  # (I,) position among the domain's categories
    noun: Ints
    adjective: Ints
    brand: Ints
    variant: Ints
    price: Floats
    quality: Floats
    vector: Floats  # (I, TASTES)
    interval_days: Floats  # mean between two purchases, NaN where there is no need of a second
    first_season: Ints
    share: Floats  # (SEASONS, I) chance within its category, by season; 0 before it arrives


@dataclass(frozen=True, slots=True)
class Users:
    """U people."""

    vector: Floats  # (U, TASTES)
    thrift: Floats  # how much a high price deters
    visits_a_day: Floats
    first_day: Floats
    last_day: Floats  # beyond the end for those that stay
    place: Ints
    age: Floats
    wish: Floats  # (SEASONS, U, C) chance that a slot shows the category


@dataclass(frozen=True, slots=True)
class World:
    domain: Domain
    seed: int
    items: Items
    users: Users

    def random(self, part: int) -> np.random.Generator:
        """Draws of their own for each part, so that a change in one leaves the others."""
        return np.random.default_rng([self.seed, len(self.domain.name), part])

    def look(self, users: Ints, items: Ints) -> Floats:
        """The chance that somebody who notices a thing looks at it: a click, once examined.

        Positions of any shapes that broadcast.
        """
        suits = self._suits(users, items)
        return sigmoid(-1.0 + SUIT * suits + QUALITY * self.items.quality[items])

    def take(self, users: Ints, items: Ints, lift: Floats | float = 0.0) -> Floats:
        """The chance that somebody who looked takes it; `lift` is what a promotion adds."""
        suits = self._suits(users, items)
        dear = np.log(self.items.price[items] / self.domain.price[0])
        logit = self.domain.take_logit + 0.8 * suits - self.users.thrift[users] * dear
        return sigmoid(logit + lift)

    def _suits(self, users: Ints, items: Ints) -> Floats:
        found: Floats = np.einsum(
            "...d,...d->...", self.users.vector[users], self.items.vector[items]
        )
        return found


def new_world(domain: Domain, users: int, seed: int) -> World:
    """Three things for every two people, and never fewer than 300."""
    random = np.random.default_rng([seed, len(domain.name), 0])
    centres = random.normal(size=(len(domain.categories), TASTES))
    items = _items(domain, max(300, users * 3 // 2), centres, random)
    return World(domain, seed, items, _users(domain, users, centres, random))


def sigmoid(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


def season_of(day: Floats) -> Ints:
    return np.clip(day // SEASON_DAYS, 0, SEASONS - 1).astype(np.int64)


def _items(domain: Domain, count: int, centres: Floats, random: np.random.Generator) -> Items:
    categories = domain.categories
    category = np.concatenate(
        [np.arange(len(categories)), random.integers(0, len(categories), count - len(categories))]
    )
    wanted = np.array([c.interval_days or np.nan for c in categories])
    vector = 0.75 * centres[category] + 0.65 * random.normal(size=(count, TASTES))
    first = np.where(
        random.random(count) < NEWCOMERS, random.integers(1, SEASONS, count), 0
    )  # the first of each category, which keep it from being empty, are there from the start
    first[: len(categories)] = 0
    return Items(
        category=category,
        noun=random.integers(0, 1 << 16, count),
        adjective=random.integers(0, len(domain.adjectives), count),
        brand=random.integers(0, len(domain.brands), count),
        variant=random.integers(0, len(domain.variants), count),
        price=np.round(domain.price[0] * np.exp(domain.price[1] * random.normal(size=count)), 2),
        quality=random.normal(size=count),
        vector=vector / np.sqrt(TASTES),
        interval_days=wanted[category] * np.exp(0.2 * random.normal(size=count)),
        first_season=first,
        share=_shares(category, first, random),
    )


def _shares(category: Ints, first: Ints, random: np.random.Generator) -> Floats:
    rank = np.argsort(np.argsort(random.random(len(category)))) + 1.0
    # Zipf's law holds within a category: ranks are spread evenly over the categories.
    weight = (rank / rank.max() * len(category) / (category.max() + 1) + 1.0) ** -ZIPF
    trend = 0.12 * random.normal(size=len(category))
    seasons = np.arange(SEASONS)[:, None]
    weights = weight * np.exp(trend * seasons) * (first <= seasons)
    totals = np.stack([np.bincount(category, weights=row) for row in weights])
    found: Floats = weights / totals[:, category]
    return found


def _users(domain: Domain, count: int, centres: Floats, random: np.random.Generator) -> Users:
    place = random.integers(0, len(domain.places), count)
    age = np.clip(np.round(random.normal(44, 15, count)), 18, 92)
    leanings = 0.5 * random.normal(size=(len(domain.places), TASTES))
    by_age = ((age - 44) / 15)[:, None] * 0.35 * random.normal(size=TASTES)
    vector = random.normal(size=(count, TASTES)) + leanings[place] + by_age
    late = random.random(count) < LATE
    first_day = np.where(late, random.uniform(0, DAYS, count), 0.0)
    leaves = random.random(count) < LEAVE
    last_day = np.where(leaves, random.uniform(first_day, DAYS), 2.0 * DAYS)
    return Users(
        vector=vector,
        thrift=0.5 + 0.3 * random.normal(size=count),
        visits_a_day=np.exp(0.5 * random.normal(size=count)) / domain.visit_gap_days,
        first_day=first_day,
        last_day=last_day,
        place=place,
        age=age,
        wish=_wishes(domain, vector @ centres.T / np.sqrt(TASTES), random),
    )


def _wishes(domain: Domain, suits: Floats, random: np.random.Generator) -> Floats:
    """(SEASONS, U, C), each row of categories adding up to 1."""
    summer = -np.cos(2 * np.pi * (np.arange(SEASONS) + 0.5) / 12.2)[:, None, None]
    seasonal = summer * np.array([c.season for c in domain.categories])
    weights = np.exp(0.9 * suits + 0.4 * random.normal(size=suits.shape[1]) + seasonal)
    found: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return found
