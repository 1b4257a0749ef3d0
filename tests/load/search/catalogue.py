"""A made-up, seeded catalogue of any size, and what is asked of it.

Words are drawn as words of shops are: few are in many titles, most in few (Zipf's law, exponent 1).
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from serving.search.documents import Fields, Item

FIELDS = Fields(("item_profile.department",), ("item_activity.price",))
SYLLABLES = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]
DEPARTMENTS, SIZES = 40, (6, 8, 12, 16, 22, 32, 64, 128)
TITLE, FURTHER = 4, 6  # words
SEED = 17


def words(items: int) -> list[str]:
    """As many different ones as catalogues of the size have: some 20 times the square root."""
    count = int(20 * items**0.5)
    letters = np.random.default_rng(SEED).integers(0, len(SYLLABLES), (count * 2, 4))
    made = dict.fromkeys("".join(SYLLABLES[at] for at in row) for row in letters.tolist())
    return list(made)[:count]


def items_of(items: int) -> Iterator[Item]:
    vocabulary = words(items)
    random = np.random.default_rng(SEED + 1)
    drawn = _zipf(random, len(vocabulary), (items, TITLE + FURTHER))
    sizes = random.choice(SIZES, items)
    prices = random.uniform(0.5, 50, items)
    for key in range(items):
        found = [vocabulary[at] for at in drawn[key]]
        department = f"Department {key % DEPARTMENTS}"
        yield Item(
            key,
            f"{' '.join(found[:TITLE])}, {sizes[key]} oz",
            (" ".join(found[TITLE:]), department),
            {"item_profile.department": department},
            {"item_activity.price": float(prices[key])},
        )


def queries_of(items: int, count: int) -> list[str]:
    """One to three words of some item's, so that every query finds something."""
    random = np.random.default_rng(SEED + 2)
    asked = dict(enumerate(sorted(random.integers(0, items, count).tolist())))
    wanted = set(asked.values())
    found = {item.key: item for item in items_of(items) if item.key in wanted}
    queries = []
    for key in asked.values():
        title, _, _ = found[key].title.partition(",")
        has = [*title.split(), *found[key].texts[0].split()]
        chosen = random.choice(len(has), int(random.integers(1, 4)), replace=False)
        queries.append(" ".join(has[at] for at in sorted(chosen.tolist())))
    return [queries[at] for at in random.permutation(count).tolist()]


def misspelt(queries: list[str]) -> list[str]:
    """Each with two letters of its first word swapped."""
    return [query[:1] + query[2:3] + query[1:2] + query[3:] for query in queries]


def _zipf(random: np.random.Generator, words: int, shape: tuple[int, int]) -> np.ndarray:
    weights = 1 / np.arange(1, words + 1)
    return random.choice(words, shape, p=weights / weights.sum())
