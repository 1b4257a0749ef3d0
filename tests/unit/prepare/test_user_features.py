"""Each feature against a reference that loops over plain Python rows."""

from collections import defaultdict
from datetime import datetime, timedelta
from math import isnan

import polars as pl
import pytest

from training.prepare import users


def known(events: pl.LazyFrame, now: datetime) -> list[dict]:
    return [row for row in events.collect().to_dicts() if row["time"] < now]


def days(now: datetime, row: dict) -> float:
    return (now - row["time"]).total_seconds() / 86400


def test_owned_items_are_decayed_counts_best_first(events: pl.LazyFrame, now: datetime) -> None:
    scores: dict[tuple[int, int], float] = defaultdict(float)
    for row in known(events, now):
        scores[row["user_id"], row["item_key"]] += 0.5 ** (days(now, row) / 91)
    for row in users.history(events, now).collect().to_dicts():
        mine = {item: score for (user, item), score in scores.items() if user == row["user_id"]}
        assert row["owned_item"] == sorted(mine, key=lambda item: -mine[item])
        assert row["owned_score"] == pytest.approx([mine[item] for item in row["owned_item"]])


@pytest.mark.parametrize(("column", "half_life"), users.FURTHER_HALF_LIFE_DAYS.items())
def test_scores_of_further_half_lives_line_up_with_the_owned_items(
    events: pl.LazyFrame, now: datetime, column: str, half_life: float
) -> None:
    scores: dict[tuple[int, int], float] = defaultdict(float)
    for row in known(events, now):
        scores[row["user_id"], row["item_key"]] += 0.5 ** (days(now, row) / half_life)
    for row in users.history(events, now).collect().to_dicts():
        expected = [scores[row["user_id"], item] for item in row["owned_item"]]
        assert row[column] == pytest.approx(expected)


def test_recency_count_and_rhythm_line_up_with_the_owned_items(
    events: pl.LazyFrame, now: datetime
) -> None:
    times: dict[tuple[int, int], list[datetime]] = defaultdict(list)
    for row in known(events, now):
        times[row["user_id"], row["item_key"]].append(row["time"])
    for row in users.history(events, now).collect().to_dicts():
        for n, item in enumerate(row["owned_item"]):
            when = times[row["user_id"], item]
            assert row["owned_count"][n] == len(when)
            assert row["owned_last_s"][n] == int(max(when).timestamp())
            if len(when) > 1:
                gap = (max(when) - min(when)).total_seconds() / 86400 / (len(when) - 1)
                assert row["owned_interval_days"][n] == pytest.approx(gap)


def test_an_item_bought_once_has_no_interval(events: pl.LazyFrame, now: datetime) -> None:
    once = events.unique(["user_id", "item_id"], keep="first")
    frame = users.history(once, now).collect()
    assert frame["owned_interval_days"].explode().is_nan().all()


def test_recent_items_are_newest_first(events: pl.LazyFrame, now: datetime) -> None:
    for row in users.history(events, now).collect().to_dicts():
        mine = sorted(
            (r for r in known(events, now) if r["user_id"] == row["user_id"]),
            key=lambda r: (-r["time"].timestamp(), r["item_key"]),
        )[: users.RECENT_LENGTH]
        assert row["recent_item"] == [r["item_key"] for r in mine]


def test_windows_count_baskets_items_and_value(events: pl.LazyFrame, now: datetime) -> None:
    found = {row["user_id"]: row for row in users.activity(events, now).collect().to_dicts()}
    for user, row in found.items():
        mine = [r for r in known(events, now) if r["user_id"] == user]
        for window in users.WINDOWS_DAYS:
            inside = [r for r in mine if days(now, r) <= window]
            assert row[f"baskets_{window}d"] == len({r["group"] for r in inside})
            assert row[f"items_{window}d"] == len(inside)
            assert row[f"value_{window}d"] == pytest.approx(sum(r["value"] for r in inside))


def test_repeats_are_purchases_of_an_item_bought_before(
    events: pl.LazyFrame, now: datetime
) -> None:
    for row in users.activity(events, now).collect().to_dicts():
        seen: set[int] = set()
        flags = []
        mine = [r for r in known(events, now) if r["user_id"] == row["user_id"]]
        for event in sorted(mine, key=lambda r: r["time"]):
            if days(now, event) <= 91:
                flags.append(event["item_key"] in seen)
            seen.add(event["item_key"])
        assert row["repeat_share_91d"] == pytest.approx(sum(flags) / len(flags))


def test_affinity_shares_add_up_to_one_and_lead_with_the_largest(
    events: pl.LazyFrame, now: datetime
) -> None:
    frame = users.affinity(events, now, ["shelf"]).collect()
    for row in frame.to_dicts():
        assert sum(row["shelf_share"]) == pytest.approx(1)
        assert row["shelf_share"] == sorted(row["shelf_share"], reverse=True)


def test_affinities_know_the_last_purchase_and_the_mean_days_between_baskets(
    events: pl.LazyFrame, now: datetime
) -> None:
    baskets: dict[tuple[int, int], dict[int, list[datetime]]] = defaultdict(dict)
    for row in known(events, now):
        of_shelf = baskets[row["user_id"], row["shelf"]]
        of_shelf.setdefault(row["group"], []).append(row["time"])
    for row in users.affinity(events, now, ["shelf"]).collect().to_dicts():
        for n, shelf in enumerate(row["shelf_key"]):
            mine = baskets[row["user_id"], shelf]
            times = [time for of_basket in mine.values() for time in of_basket]
            assert row["shelf_last_s"][n] == int(max(times).timestamp())
            gap = (max(times) - min(times)).total_seconds() / 86400 / (len(mine) - 1)
            assert row["shelf_interval_days"][n] == pytest.approx(gap)


def test_two_items_of_a_category_in_one_basket_are_one_purchase_of_it(now: datetime) -> None:
    """Shelf 1: two baskets, ten days apart, the second with two items a minute apart; shelf 2: one basket."""
    bought = pl.DataFrame(
        {
            "user_id": 1,
            "item_key": [5, 5, 6, 7, 8],
            "group": [1, 2, 2, 2, 2],
            "shelf": [1, 1, 1, 2, 2],
            "time": [
                now - timedelta(days=ago, minutes=-minutes)
                for ago, minutes in ((13, 0), (3, 0), (3, 1), (3, 0), (3, 0))
            ],
        }
    )
    (row,) = users.affinity(bought.lazy(), now, ["shelf"]).collect().to_dicts()
    assert row["shelf_key"] == [1, 2]
    last = int((now - timedelta(days=3)).timestamp())
    assert row["shelf_last_s"] == [last + 60, last]
    assert row["shelf_interval_days"][0] == pytest.approx(10 + 1 / 1440)
    assert isnan(row["shelf_interval_days"][1])


def test_a_null_category_takes_part_in_the_total_but_is_not_listed(
    events: pl.LazyFrame, now: datetime
) -> None:
    nulled = events.with_columns(shelf=pl.when(pl.col("shelf") == 0).then(-1).otherwise("shelf"))
    frame = users.affinity(nulled, now, ["shelf"]).collect()
    assert -1 not in frame["shelf_key"].explode().to_list()
    assert (frame["shelf_share"].list.sum() < 1).all()
