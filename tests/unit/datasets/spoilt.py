"""Ways to spoil the tidy shop of shops.py that take more than a line."""

from collections.abc import Callable
from datetime import timedelta

import polars as pl

from tests.unit.datasets.shops import DESCRIPTION, END, Shop

ZONED = pl.Datetime("us", "UTC")


def none_of(shop: Shop, table: str) -> Shop:
    return shop.replacing(table, shop.tables[table].clear())


def moved(days: int) -> Callable[[Shop], Shop]:
    at, arrived = (pl.col(name).dt.offset_by(f"{days}d") for name in ("at", "arrived"))
    return lambda shop: shop.having("events", at=at, arrived=arrived)


def endless(column: str, dtype: type[pl.Date] | pl.Datetime = ZONED) -> pl.Expr:
    """Every third cell is the largest number that the type holds."""
    number = pl.Int32 if dtype == pl.Date else pl.Int64
    instants = pl.col(column).cast(dtype).to_physical()
    return (
        pl.when(pl.int_range(pl.len()) % 3 == 0)
        .then(number.max())
        .otherwise(instants)
        .cast(number)
        .cast(dtype)
    )


def nulls_everywhere(shop: Shop) -> Shop:
    """Nothing is left but what is needed."""
    needed = {"items": ["item"], "users": ["user"], "events": ["user", "item", "kind", "at"]}
    for table, kept in needed.items():
        emptied = {c: pl.lit(None) for c in shop.tables[table].columns if c not in kept}
        shop = shop.having(table, **emptied)
    return shop


def only_what_is_needed(shop: Shop) -> Shop:
    bare = shop.without("users").described("items", title=None, shelf=None, price=None)
    optional = ("event", "arrived", "basket", "count", "paid")
    return bare.described("events", **dict.fromkeys(optional))


def numbers_as_ids(shop: Shop) -> Shop:
    """As a spreadsheet gives them back: 12.0."""
    for table, ids in {"items": ["item"], "users": ["user"], "events": ["user", "item"]}.items():
        numbers = {name: pl.col(name).str.slice(1).cast(pl.Float64) for name in ids}
        shop = shop.having(table, **numbers)
    return shop.saying(id_kind="integer")


def with_offers(shop: Shop) -> Shop:
    offers = pl.DataFrame(
        {
            "offer": ["summer", "backwards", "for ever", "nowhere", "summer"],
            "where": ["ad", "promotion", "membership_offer", "shop window", "promotion"],
            "from": [END] * 5,
            "to": [END + timedelta(days=d) for d in (7, -1, 2_000_000, 7, 9)],
            "bid": [1.5, 1.0, None, 1.0, 1.0],
        }
    )
    targets = pl.DataFrame({"offer": ["summer", "backwards", "summer"], "item": ["i1", "i2", "x"]})
    roles = {"offer": "id", "where": "surface", "from": "start", "to": "end", "bid": "weight"}
    described = shop.described("offers", **{name: {"role": role} for name, role in roles.items()})
    both = described.described("offer_targets", offer={"role": "offer"}, item={"role": "item"})
    return both.replacing("offers", offers).replacing("offer_targets", targets)


def every_item_new(shop: Shop) -> Shop:
    """The catalogue was exchanged: no event is of an item that is listed."""
    return shop.having("items", item="new " + pl.col("item"))


def renamed(shop: Shop) -> Shop:
    odd = {"shelf": "product.type", "price": "time"}
    columns = DESCRIPTION["tables"]["items"]
    changed = shop.replacing("items", shop.tables["items"].rename(odd))
    return changed.described(
        "items", shelf=None, price=None, **{odd[old]: columns[old] for old in odd}
    )
