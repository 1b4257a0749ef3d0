"""Each feature against a reference that loops over plain Python rows."""

from collections import defaultdict
from datetime import datetime

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


def test_a_null_category_takes_part_in_the_total_but_is_not_listed(
    events: pl.LazyFrame, now: datetime
) -> None:
    nulled = events.with_columns(shelf=pl.when(pl.col("shelf") == 0).then(-1).otherwise("shelf"))
    frame = users.affinity(nulled, now, ["shelf"]).collect()
    assert -1 not in frame["shelf_key"].explode().to_list()
    assert (frame["shelf_share"].list.sum() < 1).all()
