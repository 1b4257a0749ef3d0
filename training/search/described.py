"""What a text encoder is told of an item: its title and categories, and then what else is written of it.

Sizes are left out: a vector says little of them, search by words all, and without them a catalogue has
a third of the different texts.
"""

from collections.abc import Iterable

import polars as pl

from serving.search.sizes import without_sizes
from training.data import Prepared
from training.prepare.contract import DataSet

BETWEEN = ", "
EDGES = " ,;/-"


def described(data: DataSet, prepared: Prepared) -> list[str]:
    """(I,) in the order of the catalogue; categories from the narrowest, the broadest only if it is alone."""
    categories = (data.categories[1:] or data.categories)[::-1]
    named = [name for name in (data.title, *categories, *data.texts) if name is not None]
    frame = (
        pl.LazyFrame({"item_id": prepared.item_ids})
        .join(data.items, on="item_id", how="left", maintain_order="left")
        .select(pl.col(name).cast(pl.String).fill_null("") for name in named)
        .collect()
    )
    return [text_of(parts) for parts in frame.iter_rows()] if named else [""] * len(frame)


def text_of(parts: Iterable[str]) -> str:
    """The parts without sizes and without what earlier ones said in full, in small letters."""
    told: list[str] = []
    words: set[str] = set()
    for part in parts:
        text = without_sizes(part).strip(EDGES)
        new = set(text.split()) - words
        if new:
            told.append(text)
            words |= new
    return BETWEEN.join(told)
