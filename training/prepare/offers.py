"""Ads, membership offers and promotions whose items are in the catalogue."""

from pathlib import Path

import polars as pl

from serving.features.offer_file import write_offers
from serving.features.snapshot_files import OFFERS
from training.prepare.contract import DataSet


def write(folder: Path, data: DataSet, known_items: pl.DataFrame) -> None:
    """The tables, and the file that the item snapshot takes over; nothing if there are no offers."""
    tables = {name: frame.collect() for name, frame in offer_tables(data, known_items).items()}
    if not tables:
        return
    for name, frame in tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    offers = tables["offers"]
    targets = tables["offer_targets"].join(
        offers.select("offer_id").with_row_index("place"), on="offer_id"
    )
    write_offers(
        folder / OFFERS,
        offers["offer_id"].to_list(),
        offers["surface"].to_list(),
        offers.select(pl.col("start", "end").dt.epoch("us")).to_numpy(),
        offers["weight"].to_numpy(),
        targets["place"].cast(pl.Int64).to_numpy(),
        targets["item_key"].to_numpy(),
    )


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
