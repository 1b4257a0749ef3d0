"""Features at a cut-off must not change when everything after it is taken away."""

from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from training.prepare import engagement, items, users

Feature = Callable[[pl.LazyFrame, datetime], pl.LazyFrame]

FEATURES: dict[str, Feature] = {
    "user_activity": users.activity,
    "user_history": users.history,
    "user_affinity": lambda events, at: users.affinity(events, at, ["shelf"]),
    "item_activity": items.activity,
    "item_engagement": lambda events, at: engagement.counts(
        events.with_columns(kind=pl.lit("click")), at, "item_id", ["click"]
    ),
}


def sees_the_future(feature: Feature, events: pl.LazyFrame, cutoff: datetime) -> bool:
    """True if the feature's rows depend on events at or after the cut-off."""
    whole = feature(events, cutoff).collect()
    past = feature(events.filter(pl.col("time") < cutoff), cutoff).collect()
    key = whole.columns[0]
    try:
        assert_frame_equal(whole.sort(key), past.sort(key))
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("weeks_back", [0, 4, 12])
def test_a_feature_ignores_what_comes_after_its_cutoff(
    name: str, weeks_back: int, events: pl.LazyFrame, now: datetime
) -> None:
    assert not sees_the_future(FEATURES[name], events, now - timedelta(weeks=weeks_back))


@pytest.mark.parametrize("name", FEATURES)
def test_the_check_goes_red_on_a_planted_leak(
    name: str, events: pl.LazyFrame, now: datetime
) -> None:
    def leaking(frame: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
        return FEATURES[name](frame, cutoff + timedelta(days=7))

    assert sees_the_future(leaking, events, now)


def test_an_event_at_the_cutoff_itself_belongs_to_the_target(
    events: pl.LazyFrame, now: datetime
) -> None:
    at_now = events.head(1).with_columns(time=pl.lit(now), user_id=pl.lit(99))
    found = users.activity(pl.concat([events, at_now], how="vertical_relaxed"), now).collect()
    assert 99 not in found["user_id"]
