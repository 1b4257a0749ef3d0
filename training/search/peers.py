"""The engines that ours is measured against: the closed table of them, made for one cut-off.

`bm25s` is what the words alone reach. `category_popularity` is what somebody gets who knows the shelf and
not the household. `personal_bm25s` is a yardstick of what knowing the household is worth: whatever BM25
matches, what the household bought before first, by a count that halves every 13 weeks, then as BM25 has it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.peers.bm25s import Bm25s
from training.peers.category_popularity import CategoryPopularity
from training.peers.personal_decay import PersonalDecay, own_items
from training.prepare.contract import DataSet, open_data_set
from training.search.asked import Asked, Engine
from training.search.queries import QuerySet

BASELINE = "bm25s"
MATCHES = 1000  # of a query, that may be put into another order
SIZE = "size"


def search_peers(state: Path, queries: QuerySet) -> dict[str, Engine]:
    """The engines by name; they know the catalogue and the purchases before the cut-off.

    Raises:
        DataSetError: the data set is incomplete.
    """
    data = open_data_set(state / "dataset")
    catalogue = pl.read_parquet(state / "prepared" / "catalogue.parquet").sort("item_key")
    bm25s = Bm25s(catalogue["item_key"].to_numpy(), item_texts(catalogue, data))
    labels = data.categories[1:] or data.categories
    labelled = catalogue.select(
        "item_key", label=pl.concat_list(labels).list.unique(maintain_order=True)
    ).explode("label")
    popular = CategoryPopularity(labelled, queries.history, queries.cutoff)
    own = own_items(queries.history, queries.cutoff, PersonalDecay().half_life_days)

    def lexical(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        texts, which = np.unique([one.text for one in asked], return_inverse=True)
        return bm25s.search(texts.tolist(), count).item_keys[which]

    def by_category(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        return popular.search([one.text for one in asked], count)

    def personal(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        matches = lexical(asked, max(MATCHES, count))
        return own_first(matches, [own.get(one.user_id, []) for one in asked])[:, :count]

    return {BASELINE: lexical, "category_popularity": by_category, "personal_bm25s": personal}


def item_texts(catalogue: pl.DataFrame, data: DataSet) -> list[str]:
    """An item's title, categories, brands and, where there is one, size, in a line."""
    sizes = [SIZE] if SIZE in data.item_categoricals else []
    titles = [data.title] if data.title else []
    columns = [*titles, *data.categories, *data.brands, *sizes]
    text = pl.concat_str(columns, separator=" ", ignore_nulls=True)
    return catalogue.select(text.alias("text"))["text"].to_list()


def own_first(matches: NDArray[np.int64], own: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(Q, K) matches, those in each row's own list first and in its order, the rest as they stand."""
    found = np.empty_like(matches)
    for row, (page, mine) in enumerate(zip(matches, own, strict=True)):
        ranks = {key: rank for rank, key in enumerate(mine)}
        known = np.isin(page, mine)
        first = sorted(page[known].tolist(), key=ranks.__getitem__)
        found[row] = np.concatenate([np.array(first, dtype=np.int64), page[~known]])
    return found
