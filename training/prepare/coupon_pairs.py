"""Who of the households that a campaign was sent to redeems one of its coupons: pairs, and what was known.

Everything but `redeemed` is as known when the campaign starts; its households, coupons and last day are
known then too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

LATE = timedelta(days=91)
SMOOTHING = 3.0  # campaigns that a household's own rate is mixed with, at everybody's rate
KEYS = ("user_id", "campaign_id", "start", "asked_until", "redeemed")
TEXTS = (
    "kind",
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)


@dataclass(frozen=True, slots=True)
class Mailings:
    """Times are UTC; `end` is the instant at which a campaign's last day ends."""

    campaigns: pl.DataFrame  # campaign_id, kind, start, end
    sent: pl.DataFrame  # user_id, campaign_id
    offered: pl.DataFrame  # campaign_id, coupon_id, item_id
    redemptions: pl.DataFrame  # user_id, campaign_id, time
    purchases: pl.DataFrame  # user_id, basket_id, item_id, time, value, with_coupon
    items: pl.DataFrame  # item_id, category
    users: pl.DataFrame  # user_id and attributes, of the households that are described


def pairs(of: Mailings, until: datetime) -> pl.DataFrame:
    """A row a campaign that starts before `until` and household that it was sent to.

    Columns: KEYS, then features. What happened at `until` or later is not looked at: `redeemed` says what
    happened up to `asked_until`, the end of the campaign or `until`.
    """
    campaigns = of.campaigns.filter(pl.col("start") < until).sort("start", "campaign_id")
    redemptions = of.redemptions.filter(pl.col("time") < until)
    rows = [
        _of_campaign(of, campaigns, redemptions, campaign, until)
        for campaign in campaigns.iter_rows(named=True)
    ]
    return pl.concat(rows).sort("start", "campaign_id", "user_id")


def _of_campaign(
    of: Mailings,
    campaigns: pl.DataFrame,
    redemptions: pl.DataFrame,
    campaign: dict[str, Any],
    until: datetime,
) -> pl.DataFrame:
    key, start = campaign["campaign_id"], campaign["start"]
    mine = of.sent.filter(pl.col("campaign_id") == key).select("user_id").unique().sort("user_id")
    offered = of.offered.filter(pl.col("campaign_id") == key)
    asked_until = min(until, campaign["end"])
    redeemers = redemptions.filter(pl.col("campaign_id") == key)["user_id"]
    found = mine.with_columns(
        campaign_id=pl.lit(key, pl.Int64),
        start=pl.lit(start),
        asked_until=pl.lit(asked_until),
        redeemed=pl.col("user_id").is_in(redeemers.implode()),
        kind=pl.lit(campaign["kind"], pl.String),
        days_asked=pl.lit((asked_until - start).days, pl.Float64),
        households=pl.lit(mine.height, pl.Float64),
        coupons=pl.lit(offered["coupon_id"].n_unique(), pl.Float64),
        items=pl.lit(offered["item_id"].n_unique(), pl.Float64),
    )
    before = of.purchases.filter(pl.col("time") < start).join(mine, on="user_id", how="semi")
    for known in (
        _responses(of.sent, campaigns, redemptions, start, campaign["kind"]),
        _habits(before, start),
        _interest(before, offered, of.items, start),
        of.users,
    ):
        found = found.join(known, on="user_id", how="left", maintain_order="left")
    counts = [name for name in found.columns if name.startswith(("past_", "bought_", "known_"))]
    return _ranked(found.with_columns(pl.col(counts).fill_null(0.0)).with_columns(rate=_rate()))


def _rate() -> pl.Expr:
    """Of the campaigns that a household was sent before, mixed with the rate of all these households."""
    usual = (pl.col("past_redeemed").sum() / pl.col("past_campaigns").sum()).fill_nan(0.0)
    return (pl.col("past_redeemed") + SMOOTHING * usual) / (pl.col("past_campaigns") + SMOOTHING)


def _responses(
    sent: pl.DataFrame,
    campaigns: pl.DataFrame,
    redemptions: pl.DataFrame,
    start: datetime,
    kind: str,
) -> pl.DataFrame:
    """What each household did with the campaigns that began before."""
    earlier = campaigns.filter(pl.col("start") < start).select("campaign_id", "kind", "start")
    taken = (
        redemptions.filter(pl.col("time") < start)
        .group_by("user_id", "campaign_id")
        .agg(times=pl.len(), last=pl.col("time").max())
    )
    received = sent.join(earlier, on="campaign_id").join(
        taken, on=["user_id", "campaign_id"], how="left"
    )
    yes = pl.col("times").is_not_null()
    return received.group_by("user_id").agg(
        past_campaigns=pl.len().cast(pl.Float64),
        past_redeemed=yes.sum().cast(pl.Float64),
        past_redemptions=pl.col("times").sum().cast(pl.Float64),
        past_alike=(pl.col("kind") == kind).sum().cast(pl.Float64),
        past_alike_redeemed=(pl.col("kind") == kind).and_(yes).sum().cast(pl.Float64),
        days_since_redemption=_days_since("last", start),
        days_since_campaign=_days_since("start", start),
    )


def _habits(before: pl.DataFrame, start: datetime) -> pl.DataFrame:
    """How much and how lately each household buys, and how often with a coupon."""
    late = pl.col("time") >= start - LATE
    return before.group_by("user_id").agg(
        bought_baskets=pl.col("basket_id").n_unique().cast(pl.Float64),
        bought_baskets_late=pl.col("basket_id").filter(late).n_unique().cast(pl.Float64),
        bought_value_late=pl.col("value").filter(late).sum(),
        bought_with_coupon=pl.col("with_coupon").sum().cast(pl.Float64),
        bought_with_coupon_late=pl.col("with_coupon").filter(late).sum().cast(pl.Float64),
        coupon_share=pl.col("with_coupon").mean(),
        days_since_basket=_days_since("time", start),
    )


def _interest(
    before: pl.DataFrame, offered: pl.DataFrame, items: pl.DataFrame, start: datetime
) -> pl.DataFrame:
    """What each household had bought of what the coupons are for."""
    late = pl.col("time") >= start - LATE
    categories = items.join(offered, on="item_id", how="semi")["category"].drop_nulls().unique()
    exact = pl.col("item_id").is_in(offered["item_id"].unique().implode())
    near = pl.col("category").is_in(categories.implode()).fill_null(value=False)
    lines = before.join(items, on="item_id", how="left").with_columns(exact=exact, near=near)
    by_coupon = (
        lines.filter("exact")
        .select("user_id", "item_id", "time")
        .group_by("user_id", "item_id")
        .agg(pl.col("time").max())
        .join(offered.select("coupon_id", "item_id").unique(), on="item_id")
        .group_by("user_id")
        .agg(
            known_coupons=pl.col("coupon_id").n_unique().cast(pl.Float64),
            known_coupons_late=pl.col("coupon_id").filter(late).n_unique().cast(pl.Float64),
        )
    )
    return (
        lines.group_by("user_id")
        .agg(
            known_lines=pl.col("exact").sum().cast(pl.Float64),
            known_lines_late=(pl.col("exact") & late).sum().cast(pl.Float64),
            known_items=pl.col("item_id").filter("exact").n_unique().cast(pl.Float64),
            known_value_late=pl.col("value").filter(pl.col("exact") & late).sum(),
            known_with_coupon=(pl.col("exact") & pl.col("with_coupon")).sum().cast(pl.Float64),
            known_near_late=(pl.col("near") & late).sum().cast(pl.Float64),
            exact_share=pl.col("exact").mean(),
            near_share=pl.col("near").mean(),
        )
        .join(by_coupon, on="user_id", how="left")
    )


def _ranked(found: pl.DataFrame) -> pl.DataFrame:
    """Beside some counts, the share of the campaign's households that have less."""
    of = (
        "rate",
        "known_coupons_late",
        "known_lines_late",
        "bought_with_coupon",
        "bought_value_late",
    )
    size = max(1, found.height)
    return found.with_columns(
        ((pl.col(name).fill_null(0.0).rank("average") - 0.5) / size).alias(f"{name}_rank")
        for name in of
    )


def _days_since(column: str, start: datetime) -> pl.Expr:
    return (pl.lit(start) - pl.col(column).max()).dt.total_seconds() / 86_400
