"""Queries with what is relevant to them, made of purchases that nobody who answers has seen.

Somebody who bought an item in the horizon is taken to have asked for it by one or two words of its category
or type, never by the whole of that label, mistyped or half typed in the variants. Relevant is what *this
household bought in that horizon* and whose category and type hold the words, as they were before any typo.

Why that isn't circular. Were every item relevant whose label holds the words, an engine would be judged by
the very match that made the query, and matching words would be perfect by construction. Here a query
matches many items, each by its label equally well, and the household took one or two of them: that the words
match says nothing of which. `by_chance` gives what a random order of all that matches reaches; what is above
it comes from elsewhere, and a purchase of the horizon is in no index and in no history.

What stays. A bought item is relevant only if it holds the words, so that lexical engines can't miss any by
synonyms: those, and words in no label, are for the hand-written judgements. What a household buys again is
found by its history alone: what it had never bought before is therefore judged apart.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.held_out import held_out, histories, read_purchases
from training.final import require_permit
from training.prepare.contract import DataSet, open_data_set
from training.ragged import Ragged
from training.search.asked import Asked
from training.search.variants import VARIANTS, Variant, partial, with_typo
from training.search.words import words

PER_HOUSEHOLD = 5  # queries: an engine behind a network answers all of them, three variants each
SEED = 7
MOST_WORDS = 2


@dataclass(frozen=True, slots=True)
class Queries:
    """Of one variant."""

    asked: tuple[Asked, ...]  # (Q,)
    household: NDArray[np.int64]  # (Q,) positions in the set's user_ids
    relevant: Ragged  # (Q,) item keys ascending, 1 or more
    new: Ragged  # (Q,) those never bought before by the household, may be none
    matching: NDArray[np.int64]  # (Q,) items of the catalogue that hold the words


@dataclass(frozen=True, slots=True)
class QuerySet:
    dataset: str
    cutoff: datetime
    history: (
        pl.DataFrame
    )  # user_id, item_key, group, time: all that an engine may know of purchases
    user_ids: pl.Series  # (U,) ascending: everybody who bought in the horizon
    bought: Ragged  # (U,) item keys that each had bought before
    purchases: int  # distinct pairs of household and item in the horizon
    nameless: int  # of them, those with no label of two words or more
    variants: Mapping[Variant, Queries]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A query before its variants."""

    household: int
    words: tuple[str, ...]
    relevant: tuple[int, ...]
    new: tuple[int, ...]


def query_set(
    state: Path,
    cutoff: datetime | None = None,
    per_household: int = PER_HOUSEHOLD,
    seed: int = SEED,
) -> QuerySet:
    """Queries of the horizon after the cut-off, the data set's own now unless given.

    Raises:
        ScoreRefused: the horizon ends after the data set's own, which is kept for `make final`.
        PreparedError, DataSetError: the state folder is incomplete, or nothing was bought.
    """
    data = open_data_set(state / "dataset")
    at = data.default_now if cutoff is None else cutoff
    require_permit(state, at, data.default_now)
    # What comes later is dropped here, before anything else is done with it.
    purchases = read_purchases(state).filter(pl.col("time") < at + data.horizon)
    catalogue = pl.read_parquet(state / "prepared" / "catalogue.parquet")
    return make_queries(purchases, catalogue, data, at, per_household, seed)


def make_queries(
    purchases: pl.DataFrame,
    catalogue: pl.DataFrame,
    data: DataSet,
    cutoff: datetime,
    per_household: int,
    seed: int,
) -> QuerySet:
    labels = item_labels(catalogue, data)
    targets = held_out(purchases, cutoff, data.horizon)["any"]
    history = histories(purchases, cutoff)
    bought = _bought(history, targets.user_ids)
    random = np.random.default_rng(seed)
    taken = [row.tolist() for row in np.split(targets.items.values, targets.items.offsets[1:-1])]
    drawn = [
        one
        for household, items in enumerate(taken)
        for one in _of_household(household, items, bought[household], labels, per_household, random)
    ]
    return QuerySet(
        data.name,
        cutoff,
        history,
        targets.user_ids,
        _ragged(sorted(items) for items in bought),
        sum(map(len, taken)),
        sum(not _choices(labels[item]) for items in taken for item in items),
        _variants(drawn, targets.user_ids, labels, random),
    )


Labels = Mapping[int, tuple[tuple[str, ...], ...]]  # item key: the words of each of its labels


def item_labels(catalogue: pl.DataFrame, data: DataSet) -> Labels:
    """Of every level of category but the broadest, if there are several: nobody types a department."""
    columns = data.categories[1:] or data.categories
    rows = catalogue.select("item_key", *(pl.col(c).fill_null("") for c in columns)).iter_rows()
    return {key: tuple(words(label) for label in labels) for key, *labels in rows}


def _of_household(
    household: int,
    items: list[int],
    bought: frozenset[int],
    labels: Labels,
    most: int,
    random: np.random.Generator,
) -> Iterator[Drawn]:
    """Up to `most` queries of different words, by purchases in a drawn order."""
    asked: set[frozenset[str]] = set()
    for item in random.permutation(items).tolist():
        choices = _choices(labels[item])
        if len(asked) == most or not choices:
            continue
        chosen = choices[random.integers(len(choices))]
        count = int(random.integers(1, min(MOST_WORDS, len(chosen) - 1) + 1))
        query = tuple(random.permutation(chosen)[:count].tolist())
        if frozenset(query) in asked:
            continue
        asked.add(frozenset(query))
        held = tuple(key for key in items if set(query) <= set(chain(*labels[key])))
        yield Drawn(household, query, held, tuple(key for key in held if key not in bought))


def _choices(labels: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    return [label for label in labels if len(label) > 1]


def _variants(
    drawn: list[Drawn], user_ids: pl.Series, labels: Labels, random: np.random.Generator
) -> dict[Variant, Queries]:
    known = frozenset(chain.from_iterable(chain.from_iterable(labels.values())))
    alphabet = sorted(set(chain.from_iterable(known)))
    holding = _matching({frozenset(one.words) for one in drawn}, labels)
    users = user_ids.to_list()
    texts: Mapping[Variant, list[tuple[str, ...] | None]] = {
        "plain": [one.words for one in drawn],
        "typo": [with_typo(one.words, alphabet, known, random) for one in drawn],
        "partial": [partial(one.words, random) for one in drawn],
    }
    return {variant: _queries(texts[variant], drawn, users, holding) for variant in VARIANTS}


def _queries(
    texts: list[tuple[str, ...] | None],
    drawn: list[Drawn],
    users: list[int | str],
    holding: Mapping[frozenset[str], int],
) -> Queries:
    kept = [(" ".join(text), one) for text, one in zip(texts, drawn, strict=True) if text]
    return Queries(
        tuple(Asked(users[one.household], text) for text, one in kept),
        np.array([one.household for _, one in kept], dtype=np.int64),
        _ragged(one.relevant for _, one in kept),
        _ragged(one.new for _, one in kept),
        np.array([holding[frozenset(one.words)] for _, one in kept], dtype=np.int64),
    )


def _matching(queries: Collection[frozenset[str]], labels: Labels) -> dict[frozenset[str], int]:
    """How many items of the catalogue hold all words of each query."""
    holders: dict[str, set[int]] = defaultdict(set)
    for key, of_item in labels.items():
        for word in chain.from_iterable(of_item):
            holders[word].add(key)
    return {query: len(set.intersection(*(holders[word] for word in query))) for query in queries}


def _bought(history: pl.DataFrame, user_ids: pl.Series) -> list[frozenset[int]]:
    """What each of the users has in the history, in their order."""
    grouped = history.group_by("user_id").agg("item_key").iter_rows()
    found = {user: frozenset(items) for user, items in grouped}
    return [found.get(user, frozenset()) for user in user_ids]


def _ragged(rows: Iterable[Iterable[int]]) -> Ragged:
    lists = [list(row) for row in rows]
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    return Ragged(np.array(list(chain.from_iterable(lists)), dtype=np.int64), offsets, -1)
