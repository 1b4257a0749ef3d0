from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from training.prepare import items
from training.prepare.targets import other_actions, targets

FORTNIGHT = timedelta(days=14)


def test_popularity_halves_every_four_weeks(events: pl.LazyFrame, now: datetime) -> None:
    expected: dict[int, float] = {}
    for row in events.collect().to_dicts():
        if row["time"] < now:
            age = (now - row["time"]).total_seconds() / 86400
            expected[row["item_id"]] = expected.get(row["item_id"], 0) + 0.5 ** (age / 28)
    found = items.activity(events, now).collect()
    assert dict(zip(found["item_id"], found["popularity"], strict=True)) == pytest.approx(expected)


def test_price_is_value_by_quantity(now: datetime) -> None:
    rows = pl.LazyFrame(
        {
            "user_id": [1, 1, 2],
            "item_id": [5, 5, 5],
            "group": [1, 2, 3],
            "time": [now - timedelta(days=d) for d in (60, 40, 3)],
            "quantity": [1.0, 3.0, 2.0],
            "value": [2.0, 6.0, 2.0],
        }
    )
    row = items.activity(rows, now).collect().row(0, named=True)
    assert row["price_91d"] == pytest.approx(10 / 6)
    assert row["price_ratio"] == pytest.approx(1 / (10 / 6))
    assert row["repeat_buyer_share"] == 0.5
    assert row["repeat_interval_days"] == pytest.approx(20)


def test_a_placement_counts_by_the_share_of_the_window_that_it_covers() -> None:
    now = datetime(2024, 1, 8, tzinfo=UTC)
    week = timedelta(days=7)
    placements = pl.LazyFrame(
        {
            "item_id": [1, 1, 2],
            "start": [now, now - week, now + week],
            "end": [now + week, now, now + 2 * week],
            "display": [0.4, 1.0, 0.6],
        }
    )
    found = {
        r["item_id"]: r for r in items.placement(placements, now, FORTNIGHT).collect().to_dicts()
    }
    assert found[1]["display_coming_week"] == pytest.approx(0.4)
    assert found[1]["display_horizon"] == pytest.approx(0.2)
    assert found[1]["display_past_week"] == pytest.approx(1.0)
    assert found[2]["display_coming_week"] == 0
    assert found[2]["display_horizon"] == pytest.approx(0.3)


def test_targets_are_the_horizon_of_known_users_with_new_and_first_basket_told(
    events: pl.LazyFrame, now: datetime
) -> None:
    rows = events.collect().to_dicts()
    before = {(r["user_id"], r["item_key"]) for r in rows if r["time"] < now}
    inside = [r for r in rows if now <= r["time"] < now + FORTNIGHT]
    found = targets(events, now, FORTNIGHT).collect().to_dicts()
    assert {(r["user_id"], r["item_key"]) for r in found} == {
        (r["user_id"], r["item_key"]) for r in inside
    }
    for row in found:
        mine = [r for r in inside if r["user_id"] == row["user_id"]]
        first = min(mine, key=lambda r: (r["time"], r["group"]))["group"]
        basket = {r["item_key"] for r in mine if r["group"] == first}
        assert row["is_new"] == ((row["user_id"], row["item_key"]) not in before)
        assert row["in_first_basket"] == (row["item_key"] in basket)


def test_a_user_without_history_is_no_target(events: pl.LazyFrame, now: datetime) -> None:
    stranger = events.head(1).with_columns(
        user_id=pl.lit(99), time=pl.lit(now + timedelta(days=1)).dt.cast_time_unit("us")
    )
    frame = pl.concat([events, stranger], how="vertical_relaxed")
    assert 99 not in targets(frame, now, FORTNIGHT).collect()["user_id"]


def test_other_actions_are_those_of_the_horizon_of_known_users(
    events: pl.LazyFrame, now: datetime
) -> None:
    """At the cut-off counts, at the horizon's end no more; nobody is known by what they only looked at."""
    second = timedelta(seconds=1)
    rows = [
        (1, 3, "view", now - second),
        (1, 4, "view", now),
        (1, 4, "click", now + FORTNIGHT - second),
        (1, 5, "click", now + FORTNIGHT),
        (2, 4, "view", now + timedelta(days=3)),
        (2, 4, "view", now + timedelta(days=4)),
        (99, 4, "view", now + timedelta(days=3)),
        (99, 4, "view", now - timedelta(days=3)),
    ]
    drawn = np.random.default_rng(3)
    rows += [
        (int(user), int(item), kind, now + timedelta(minutes=int(minute)))
        for user, item, kind, minute in zip(
            drawn.integers(1, 8, 300),
            drawn.integers(1, 7, 300),
            drawn.choice(["view", "click", "cart"], 300),
            drawn.integers(-40_000, 40_000, 300),
            strict=True,
        )
    ]
    others = pl.LazyFrame(rows, ["user_id", "item_key", "kind", "time"], orient="row").with_columns(
        pl.col("time").dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    )
    known = {r["user_id"] for r in events.collect().to_dicts() if r["time"] < now}
    assert 99 not in known
    expected = sorted(
        {
            (user, item, kind)
            for user, item, kind, time in rows
            if user in known and now <= time < now + FORTNIGHT
        }
    )
    found = other_actions(others, events, now, FORTNIGHT).collect()
    assert found.columns == ["user_id", "cutoff", "item_key", "kind"]
    assert list(found.select("user_id", "item_key", "kind").iter_rows()) == expected
    assert {(1, 4, "view"), (1, 4, "click"), (2, 4, "view")} <= set(expected)
    assert found["cutoff"].unique().to_list() == [now]
