"""Ads, membership offers and promotions whose items are in the catalogue."""

import polars as pl

from training.prepare.contract import DataSet


def offer_tables(data: DataSet, known_items: pl.DataFrame) -> dict[str, pl.LazyFrame]:
    """`offers` and `offer_targets` as docs/contracts.md has them; nothing if the data set has none."""
    if data.offers is None or data.offer_targets is None:
        return {}
    keys = known_items.lazy().select("item_id", "item_key")
    targets = (
        data.offer_targets.join(keys, on="item_id")
        .select("offer_id", "item_key")
        .unique()
        .sort("offer_id", "item_key")
    )
    offers = (
        data.offers.join(targets, on="offer_id", how="semi")
        .select("offer_id", "surface", "start", "end", pl.col("weight").cast(pl.Float32), "title")
        .sort("offer_id")
    )
    return {
        "offers": offers,
        "offer_targets": targets.join(offers, on="offer_id", how="semi"),
    }
