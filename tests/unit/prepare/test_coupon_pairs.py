"""What is known of a mailing when its campaign starts, by hand; nothing later changes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from training.prepare.coupon_pairs import SMOOTHING, Mailings, pairs

FIRST = datetime(2017, 3, 1, 5, tzinfo=UTC)
SECOND = datetime(2017, 6, 1, 5, tzinfo=UTC)
UNTIL = datetime(2017, 6, 20, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=list(columns), orient="row")


def mailings() -> Mailings:
    """Household 1 redeemed of the first campaign and of the second, 2 of neither, 3 was sent the second."""
    late = SECOND - 10 * DAY
    return Mailings(
        campaigns=table(
            ("campaign_id", "kind", "start", "end"),
            [
                (8, "A", FIRST, FIRST + 30 * DAY),
                (9, "A", SECOND, SECOND + 30 * DAY),
                (10, "B", UNTIL, UNTIL + DAY),
            ],
        ),
        sent=table(("user_id", "campaign_id"), [(1, 8), (2, 8), (1, 9), (2, 9), (3, 9), (1, 10)]),
        offered=table(
            ("campaign_id", "coupon_id", "item_id"),
            [(8, 70, 100), (9, 71, 100), (9, 71, 101), (9, 72, 102)],
        ),
        redemptions=table(
            ("user_id", "campaign_id", "time"),
            [(1, 8, FIRST + 2 * DAY), (1, 8, FIRST + 4 * DAY), (1, 9, SECOND + 3 * DAY)],
        ),
        purchases=table(
            ("user_id", "basket_id", "item_id", "time", "value", "with_coupon"),
            [
                (1, 1, 100, FIRST - DAY, 2.0, False),  # more than 91 days before the second
                (1, 2, 101, late, 3.0, True),
                (1, 2, 200, late, 5.0, False),
                (2, 3, 103, late, 7.0, False),
            ],
        ),
        items=table(
            ("item_id", "category"),
            [(100, "milk"), (101, "milk"), (102, "tea"), (103, "tea"), (200, None)],
        ),
        users=table(("user_id", "age"), [(1, "65+")]),
    )


def row(of: pl.DataFrame, user: int, campaign: int) -> dict[str, Any]:
    return of.filter(pl.col("user_id") == user, pl.col("campaign_id") == campaign).row(
        0, named=True
    )


def test_a_row_says_what_was_known_at_the_start() -> None:
    found = pairs(mailings(), UNTIL)
    assert found.select("user_id", "campaign_id").rows() == [(1, 8), (2, 8), (1, 9), (2, 9), (3, 9)]
    of = row(found, 1, 9)
    expected = {
        "redeemed": True,
        "days_asked": 19.0,  # of 30
        "households": 3.0,
        "coupons": 2.0,
        "items": 3.0,
        "past_campaigns": 1.0,
        "past_redeemed": 1.0,
        "past_redemptions": 2.0,
        "past_alike": 1.0,
        "past_alike_redeemed": 1.0,
        "rate": (1 + SMOOTHING * 0.5) / (1 + SMOOTHING),
        "days_since_redemption": 88.0,
        "days_since_campaign": 92.0,
        "bought_baskets": 2.0,
        "bought_baskets_late": 1.0,
        "bought_value_late": 8.0,
        "bought_with_coupon": 1.0,
        "coupon_share": 1 / 3,
        "days_since_basket": 10.0,
        "known_lines": 2.0,
        "known_lines_late": 1.0,
        "known_items": 2.0,
        "known_value_late": 3.0,
        "known_with_coupon": 1.0,
        "known_near_late": 1.0,
        "exact_share": 2 / 3,
        "known_coupons": 1.0,
        "known_coupons_late": 1.0,
        "known_coupons_late_rank": (3 - 0.5) / 3,
        "age": "65+",
    }
    assert {name: of[name] for name in expected} == pytest.approx(expected)


def test_a_household_of_whom_nothing_is_known_has_counts_of_0_and_unknown_days() -> None:
    of = row(pairs(mailings(), UNTIL), 3, 9)
    assert not of["redeemed"]
    assert of["past_campaigns"] == of["bought_baskets"] == of["known_coupons"] == 0.0
    assert of["days_since_redemption"] is of["days_since_basket"] is of["age"] is None
    assert of["rate"] == 0.5  # that of the households that were sent something before
    assert row(pairs(mailings(), UNTIL), 1, 8)["rate"] == 0.0  # nobody was


def test_what_happens_after_the_start_changes_nothing_but_the_answer() -> None:
    plain = mailings()
    later = replace(
        plain,
        redemptions=plain.redemptions.vstack(
            table(("user_id", "campaign_id", "time"), [(2, 9, SECOND), (2, 8, SECOND)])
        ),
        purchases=plain.purchases.vstack(
            table(tuple(plain.purchases.columns), [(2, 9, 100, SECOND, 9.0, True)])
        ),
    )
    before, after = pairs(plain, UNTIL), pairs(later, UNTIL)
    assert_frame_equal(before.drop("redeemed"), after.drop("redeemed"))
    assert not row(before, 2, 9)["redeemed"]
    assert row(after, 2, 9)["redeemed"]


def test_what_happens_from_the_end_of_the_data_on_is_not_looked_at() -> None:
    plain = mailings()
    later = replace(
        plain,
        redemptions=plain.redemptions.vstack(
            table(("user_id", "campaign_id", "time"), [(2, 9, UNTIL), (3, 9, UNTIL + DAY)])
        ),
        purchases=plain.purchases.vstack(
            table(tuple(plain.purchases.columns), [(2, 9, 100, UNTIL, 9.0, True)])
        ),
    )
    assert_frame_equal(pairs(plain, UNTIL), pairs(later, UNTIL))


def test_what_is_known_earlier_does_not_change_with_the_end_of_the_data() -> None:
    whole = pairs(mailings(), UNTIL)
    asked = ("asked_until", "days_asked", "redeemed")
    shorter = pairs(mailings(), SECOND + DAY)
    assert_frame_equal(whole.drop(asked), shorter.drop(asked))
    assert not shorter.filter(pl.col("campaign_id") == 9)["redeemed"].any()
