"""The contract's tables of people and things, with the gaps that real ones have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from training.datasets.generated.domain import Domain
from training.datasets.generated.world import Ints, World

UNKNOWN = 0.15  # share of values that people did not tell
UNLISTED = 0.08  # share of people that the table of users lacks
UNPRICED = 0.01
FIRST_USER, FIRST_ITEM = 1001, 20_001
Columns = dict[str, dict[str, Any]]


class Names:
    """Ids and words of a world's people and things."""

    def __init__(self, world: World) -> None:
        domain, items = world.domain, world.items
        self.categories = [c.name for c in domain.categories]
        nouns = [c.nouns for c in domain.categories]
        self.nouns = [
            nouns[c][n % len(nouns[c])] for c, n in zip(items.category, items.noun, strict=True)
        ]
        self.items = _item_ids(domain, self.nouns)
        self.users = _user_ids(domain, len(world.users.age))
        self.titles = [
            f"{domain.adjectives[a]} {noun}, {domain.variants[v]}"
            for a, noun, v in zip(items.adjective, self.nouns, items.variant, strict=True)
        ]


def _item_ids(domain: Domain, nouns: Sequence[str]) -> pl.Series:
    if domain.id_kind == "integer":
        return pl.Series(range(FIRST_ITEM, FIRST_ITEM + len(nouns)), dtype=pl.Int64)
    return pl.Series([f"{noun.replace(' ', '-')}-{i:04d}" for i, noun in enumerate(nouns)])


def _user_ids(domain: Domain, count: int) -> pl.Series:
    if domain.id_kind == "integer":
        return pl.Series(range(FIRST_USER, FIRST_USER + count), dtype=pl.Int64)
    return pl.Series([f"{domain.user_prefix}{i:05d}" for i in range(count)])


def items(world: World, names: Names) -> tuple[pl.DataFrame, Columns]:
    domain, of = world.domain, world.items
    random = world.random(8)
    broad, narrow = domain.category_columns
    departments = [domain.department_of[c] for c in of.category]
    brands = [domain.brands[b] for b in of.brand]
    frame = pl.DataFrame(
        {
            "item_id": names.items,
            "title": names.titles,
            broad: departments,
            narrow: [names.categories[c] for c in of.category],
            domain.brand_column: brands,
            domain.variant_column: [domain.variants[v] for v in of.variant],
            domain.price_column: of.price.clip(0.5).round(2),
            "description": [
                f"{title} · {department} · {brand}"
                for title, department, brand in zip(names.titles, departments, brands, strict=True)
            ],
        }
    ).with_columns(
        _gaps(random, len(brands), UNKNOWN, domain.brand_column),
        _gaps(random, len(brands), UNPRICED, domain.price_column),
    )
    roles: Columns = {
        "item_id": {"role": "id"},
        "title": {"role": "title"},
        broad: {"role": "category", "level": 1},
        narrow: {"role": "category", "level": 2},
        domain.brand_column: {"role": "brand"},
        domain.variant_column: {"role": "categorical"},
        domain.price_column: {"role": "numeric"},
        "description": {"role": "text"},
    }
    return frame, roles


def users(world: World, names: Names) -> tuple[pl.DataFrame, Columns]:
    """Some values are unknown, and some people are not in the table at all."""
    domain, of = world.domain, world.users
    random = world.random(9)
    places = list(domain.places)
    count = len(of.age)
    frame = pl.DataFrame(
        {
            "user_id": names.users,
            "age": of.age,
            domain.place_column: [places[p] for p in of.place],
            "device": random.choice(["phone", "tablet", "computer"], count, p=[0.6, 0.1, 0.3]),
        }
    ).with_columns(
        _gaps(random, count, UNKNOWN, "age"), _gaps(random, count, UNKNOWN, domain.place_column)
    )
    roles: Columns = {
        "user_id": {"role": "id"},
        "age": {"role": "numeric"},
        domain.place_column: {"role": "categorical"},
        "device": {"role": "categorical"},
    }
    return frame.filter(pl.Series(random.random(count) >= UNLISTED)), roles


def chosen(ids: pl.Series, positions: Ints) -> pl.Series:
    return ids.gather(pl.Series(positions))


def _gaps(random: np.random.Generator, count: int, share: float, column: str) -> pl.Expr:
    known = pl.Series(random.random(count) >= share)
    return pl.when(known).then(pl.col(column)).alias(column)
