"""The contract's tables of what was on offer."""

import numpy as np
import polars as pl

from training.datasets.generated.domain import DAYS, START
from training.datasets.generated.offers import MEMBERSHIPS, Ads, Promotions
from training.datasets.generated.tables import Columns, Names, chosen
from training.datasets.generated.world import Floats, World

OFFER_ROLES: Columns = {
    "offer_id": {"role": "id"},
    "surface": {"role": "surface"},
    "title": {"role": "title"},
    "start_time": {"role": "start"},
    "end_time": {"role": "end"},
    "weight": {"role": "weight"},
}
TARGET_ROLES: Columns = {"offer_id": {"role": "offer"}, "item_id": {"role": "item"}}
PLACEMENT_ROLES: Columns = {
    "item_id": {"role": "item"},
    "start_time": {"role": "start"},
    "end_time": {"role": "end"},
    "discount": {"role": "numeric"},
}
BENEFITS = 40  # things that a membership is for


def offer_tables(
    world: World, names: Names, promotions: Promotions, advertised: Ads
) -> tuple[tuple[pl.DataFrame, Columns], tuple[pl.DataFrame, Columns]]:
    """Ads for one thing each, memberships for the best of a department, a promotion a week and discount."""
    parts = [_ads(names, advertised), _memberships(world, names), _promotions(names, promotions)]
    every = pl.concat(parts)
    announced = every.select(
        "offer_id",
        "surface",
        "title",
        start_time=_time("start"),
        end_time=_time("end"),
        weight="weight",
    ).unique("offer_id", keep="first", maintain_order=True)
    return (announced, OFFER_ROLES), (every.select("offer_id", "item_id"), TARGET_ROLES)


def placements(world: World, names: Names, promotions: Promotions) -> tuple[pl.DataFrame, Columns]:
    del world
    frame = pl.DataFrame(
        {
            "item_id": chosen(names.items, promotions.item),
            "start": promotions.start,
            "end": promotions.end,
            "discount": promotions.discount,
        }
    )
    return (
        frame.select(
            "item_id", start_time=_time("start"), end_time=_time("end"), discount="discount"
        ),
        PLACEMENT_ROLES,
    )


def _ads(names: Names, advertised: Ads) -> pl.DataFrame:
    return _offers(
        "ad",
        [f"ad-{i:03d}" for i in range(len(advertised.item))],
        [f"Now: {names.titles[i]}" for i in advertised.item],
        advertised.start,
        advertised.end,
        advertised.bid,
        chosen(names.items, advertised.item),
    )


def _memberships(world: World, names: Names) -> pl.DataFrame:
    domain = world.domain
    parts = []
    for i, department in enumerate(list(domain.departments)[:MEMBERSHIPS]):
        within = np.array([domain.department_of[c] == department for c in world.items.category])
        popular = np.argsort(-world.items.share[0] * within, kind="stable")[:BENEFITS]
        popular = popular[within[popular]]
        count = len(popular)
        parts.append(
            _offers(
                "membership_offer",
                [f"membership-{i}"] * count,
                [f"{department} +"] * count,
                np.full(count, 0.0),
                np.full(count, 2.0 * DAYS),
                np.full(count, 1.0 + i),
                chosen(names.items, popular),
            )
        )
    return pl.concat(parts)


def _promotions(names: Names, promotions: Promotions) -> pl.DataFrame:
    percent = (100 * promotions.discount).round().astype(np.int64)
    weeks = promotions.start.astype(np.int64) // 7
    return _offers(
        "promotion",
        [f"promotion-{w:02d}-{p}" for w, p in zip(weeks, percent, strict=True)],
        [f"{p} % off" for p in percent],
        promotions.start,
        promotions.end,
        np.ones(len(percent)),
        chosen(names.items, promotions.item),
    )


def _offers(
    surface: str,
    ids: list[str],
    titles: list[str],
    start: Floats,
    end: Floats,
    weight: Floats,
    items: pl.Series,
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "offer_id": ids,
            "surface": pl.Series([surface]).new_from_index(0, len(ids)),
            "title": titles,
            "start": start,
            "end": end,
            "weight": weight,
            "item_id": items,
        }
    )


def _time(column: str) -> pl.Expr:
    """Whole days since the first, in UTC."""
    micros = (pl.col(column) * 86_400e6).round().cast(pl.Int64)
    return (micros + int(START.timestamp() * 1e6)).cast(pl.Datetime("us", "UTC"))
