"""Rows to which events were added one by one equal rows that are prepared later from all events."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from serving.features.fields import view_layout
from serving.features.fold import RECENT, Updates, with_events
from serving.features.frames import Source, pack_frame
from serving.features.keys import string_key
from serving.features.layout import LENGTH, Layout
from serving.features.overlay import RECORD
from training.prepare import engagement, users
from training.prepare.views import View, as_contract, field_dtype, max_length

KINDS = ["click", "view"]
LASTING = ("recent_item", "recent_s", "recent_group", "noticed_item", "noticed_kind", "noticed_s")
HISTORY = Updates("history", ("purchase",), users.HALF_LIFE_DAYS, users.FURTHER_HALF_LIFE_DAYS)
ENGAGEMENT = Updates(
    "engagement", tuple(KINDS), names=tuple(KINDS), windows_days=engagement.WINDOWS_DAYS
)


def prepared(
    frame: pl.LazyFrame, at: datetime, updates: Updates
) -> tuple[Layout, dict[int, np.void]]:
    """The packed rows of a view at a cut-off, by user."""
    view = View("view", "user", 1, lambda _: frame, updates)
    rows = as_contract(frame, at, at).collect()
    fields: list[dict[str, Any]] = [
        {"name": name, "dtype": field_dtype(dtype), "max_length": max_length(view, name)}
        for name, dtype in rows.schema.items()
        if name not in ("user_id", "event_timestamp", "created_timestamp")
    ]
    layout = view_layout("view", fields)
    packed = pack_frame("view", layout, Source("", "user_id", "event_timestamp", ""), rows)
    return layout, dict(zip(packed.keys.tolist(), packed.rows, strict=True))


def records(events: pl.DataFrame) -> np.ndarray[Any, Any]:
    made = np.zeros(events.height, dtype=RECORD)
    for name, column in (("item", "item_key"), ("group", "group_key"), ("kind", "kind_key")):
        made[name] = events[column].to_numpy()
    made["time_us"] = events["time"].dt.epoch("us").to_numpy()
    return made


def added(
    layout: Layout,
    row: np.void | None,
    updates: Updates,
    events: pl.DataFrame,
    start: datetime,
    end: datetime,
) -> np.void | None:
    """In five steps, each a few days later than the one before, with its events in no order."""
    step = (end - start) / 5
    for n in range(5):
        known = start + step * (n + 1) if n < 4 else end
        some = events.filter(pl.col("time") >= start + step * n, pl.col("time") < known).sample(
            fraction=1.0, shuffle=True, seed=n
        )
        now_us = round(known.timestamp() * 1e6)
        made = with_events(row, layout, updates, records(some), now_us)
        row = row if made is None else made[0]
    return row


def assert_same(found: np.void | None, expected: np.void, layout: Layout) -> None:
    """What depends on the moment is compared if anything was added at the last one."""
    assert found is not None
    current = found["event_time_us"] == expected["event_time_us"]
    for column in layout.columns:
        if not (current or column.name in LASTING):
            continue
        if column.length:
            assert found[column.name + LENGTH] == expected[column.name + LENGTH], column.name
        np.testing.assert_allclose(
            found[column.name], expected[column.name], rtol=2e-5, atol=1e-6, err_msg=column.name
        )


@pytest.mark.parametrize("days", [0.5, 40, 169])
def test_a_history_to_which_purchases_were_added_is_as_prepared(
    events: pl.LazyFrame, now: datetime, days: float
) -> None:
    start = now - timedelta(days=days)
    layout, before = prepared(users.history(events, start), start, HISTORY)
    _, after = prepared(users.history(events, now), now, HISTORY)
    purchases = events.with_columns(kind_key=string_key("purchase")).collect()
    assert len(after) == 4
    for user, expected in after.items():
        mine = purchases.filter(pl.col("user_id") == user, pl.col("time") < now)
        found = added(layout, before.get(user), HISTORY, mine, start, now)
        assert_same(found, expected, layout)


@pytest.mark.parametrize("order", ["oldest first", "newest first"])
def test_purchases_of_one_second_stand_as_prepared_in_whichever_order_they_came(
    now: datetime, order: str
) -> None:
    items = [5, 7, 6, 5]
    events = pl.DataFrame(
        {
            "user_id": 1,
            "item_key": items,
            "group_key": [1, 2, 3, 4],
            "kind_key": string_key("purchase"),
            "time": [now - timedelta(seconds=2, milliseconds=-n) for n in (100, 900, 500, 700)],
        }
    )
    layout, rows = prepared(users.history(events.lazy(), now), now, HISTORY)
    row: np.void | None = None
    for one in events.sort("time", descending=order == "newest first").iter_slices(1):
        made = with_events(row, layout, HISTORY, records(one), round(now.timestamp() * 1e6))
        row = row if made is None else made[0]
    assert row is not None
    for name in RECENT:
        assert row[name][:4].tolist() == rows[1][name][:4].tolist()


def noticed_events(now: datetime) -> pl.DataFrame:
    """Of two users over two hundred days, far more than a row holds, some after now."""
    draw = np.random.default_rng(3)
    n = 1_500
    items = draw.integers(1, 30, n)
    kinds = draw.choice(KINDS, n)
    seconds = draw.integers(-86_400, 200 * 86_400, n)
    return pl.DataFrame(
        {
            "user_id": draw.choice([1, 2], n, p=[0.9, 0.1]),
            "item_id": items,
            "item_key": items,
            "group_key": 0,
            "kind": kinds,
            "kind_key": [string_key(kind) for kind in kinds],
            "time": [now - timedelta(seconds=int(s)) for s in seconds],
        }
    ).sort("time")


@pytest.mark.parametrize("days", [1, 30, 199])
def test_an_engagement_to_which_notices_were_added_is_as_prepared(now: datetime, days: int) -> None:
    events, start = noticed_events(now), now - timedelta(days=days)
    layout, before = prepared(engagement.noticed(events.lazy(), start, KINDS), start, ENGAGEMENT)
    _, after = prepared(engagement.noticed(events.lazy(), now, KINDS), now, ENGAGEMENT)
    for user, expected in after.items():
        mine = events.filter(pl.col("user_id") == user, pl.col("time") < now)
        found = added(layout, before.get(user), ENGAGEMENT, mine, start, now)
        assert_same(found, expected, layout)
