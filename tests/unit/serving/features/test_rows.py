import numpy as np
import pytest

from serving.errors import Unavailable
from serving.features.redis_keys import row_key
from serving.features.rows import NOTHING, UserRowsReader
from serving.types import Action, Degraded, Reason
from tests.fakes.doors import FakeRows
from tests.fakes.shop import (
    DAY_S,
    EARLIER_US,
    NOW_US,
    PROJECT,
    packed,
    person_rows,
    shop_plan,
    shop_snapshot,
)
from tests.fakes.sinks import ListRecorder

VIEWS = ("user_profile", "user_activity", "user_history")


def key_of(view: str) -> bytes:
    return row_key(PROJECT, "user_id", 5, view)


def reader(door: FakeRows, stale_action: str = "serve_marked") -> UserRowsReader:
    return UserRowsReader(shop_plan(stale_action), door, shop_snapshot(), ListRecorder())


async def test_all_rows_of_a_person_are_read_in_one_round_trip():
    door = FakeRows(person_rows(shop_plan(), 5, owned=[100, 110]))
    user = await reader(door)(5, NOW_US, 0.1)
    assert door.reads == [[key_of(view) for view in VIEWS]]
    assert set(user.rows) == set(VIEWS)
    assert user.items("user_history.owned_item").tolist() == [100, 110]
    assert user.oldest_us == EARLIER_US
    assert user.degradations == ()
    assert [(v.view, v.event_time_us) for v in user.versions] == [(v, EARLIER_US) for v in VIEWS]


async def test_a_missing_row_is_null_and_no_degradation():
    rows = person_rows(shop_plan(), 5)
    del rows[key_of("user_activity")]
    user = await reader(FakeRows(rows))(5, NOW_US, 0.1)
    assert set(user.rows) == {"user_profile", "user_history"}
    assert user.degradations == ()
    assert user.versions[1].event_time_us is None


async def test_a_row_of_another_layout_is_taken_as_missing_and_said():
    rows = person_rows(shop_plan(), 5)
    rows[key_of("user_activity")] = b"short"
    wrong = bytearray(rows[key_of("user_profile")])
    wrong[0] ^= 1
    rows[key_of("user_profile")] = bytes(wrong)
    user = await reader(FakeRows(rows))(5, NOW_US, 0.1)
    assert set(user.rows) == {"user_history"}
    assert [(d.reason, d.action) for d in user.degradations] == [
        (Reason.LAYOUT, Action.DEFAULT_FEATURES)
    ] * 2
    assert "user_activity" in user.degradations[1].detail


@pytest.mark.parametrize(
    ("stale_action", "action"),
    [
        ("serve_marked", Action.SERVED_MARKED),
        ("default", Action.DEFAULT_FEATURES),
        ("drop", Action.DEFAULT_FEATURES),
    ],
)
async def test_a_row_past_its_age_is_never_used_unmarked(stale_action: str, action: Action):
    plan = shop_plan(stale_action)
    rows = person_rows(plan, 5)
    old = NOW_US - DAY_S * 1_000_000 - 1
    rows[key_of("user_activity")] = packed(plan, "user_activity", old, baskets_7d=2.0)
    user = await reader(FakeRows(rows), stale_action)(5, NOW_US, 0.1)
    used = action is Action.SERVED_MARKED
    assert ("user_activity" in user.rows) is used
    assert user.degradations == (Degraded("hydrate", Reason.STALE, action, "user_activity"),)
    assert user.oldest_us == (old if used else EARLIER_US)


async def test_a_row_of_exactly_its_maximum_age_is_fresh():
    limit = NOW_US - DAY_S * 1_000_000
    user = await reader(FakeRows(person_rows(shop_plan(), 5, event_time_us=limit)))(5, NOW_US, 0.1)
    assert len(user.rows) == 3
    assert user.degradations == ()


async def test_each_view_is_counted_in_its_state():
    plan, recorder = shop_plan(), ListRecorder()
    rows = person_rows(plan, 5)
    rows[key_of("user_profile")] = b"short"
    rows[key_of("user_activity")] = packed(plan, "user_activity", 1)
    del rows[key_of("user_history")]
    await UserRowsReader(plan, FakeRows(rows), shop_snapshot(), recorder)(5, NOW_US, 0.1)
    assert recorder.features == [
        ("user_profile", "layout", 1),
        ("user_activity", "stale", 1),
        ("user_history", "missing", 1),
    ]


async def test_a_row_without_any_value_is_counted_as_null():
    plan, recorder = shop_plan(), ListRecorder()
    rows = person_rows(plan, 5)
    rows[key_of("user_activity")] = packed(plan, "user_activity")
    rows[key_of("user_history")] = packed(plan, "user_history", owned_item=[])
    user = await UserRowsReader(plan, FakeRows(rows), shop_snapshot(), recorder)(5, NOW_US, 0.1)
    assert [state for _, state, _ in recorder.features] == ["present", "null", "null"]
    assert set(user.rows) == set(VIEWS)


@pytest.mark.parametrize(("action", "dropped"), [("drop", {"user_history"}), ("default", set())])
async def test_a_view_to_drop_is_named_for_those_who_read_it(action: str, dropped: set[str]):
    plan = shop_plan(action)
    rows = person_rows(plan, 5)
    rows[key_of("user_history")] = packed(plan, "user_history", 1, owned_item=[100])
    user = await reader(FakeRows(rows), action)(5, NOW_US, 0.1)
    assert user.dropped == dropped
    assert "user_history" not in user.rows


async def test_a_store_that_fails_is_not_hidden_here():
    with pytest.raises(Unavailable):
        await reader(FakeRows(error=Unavailable("away")))(5, NOW_US, 0.1)


async def test_a_list_gives_each_key_once_without_padding():
    rows = person_rows(shop_plan(), 5, owned=[130, 100, 130])
    user = await reader(FakeRows(rows))(5, NOW_US, 0.1)
    assert user.items("user_history.owned_item").tolist() == [130, 100]


async def test_what_lies_behind_the_end_of_a_list_is_not_read():
    plan = shop_plan()
    view = plan.views["user_history"]
    row = np.frombuffer(
        bytearray(packed(plan, "user_history", owned_item=[130, -1, 100])), dtype=view.layout.dtype
    )
    row["owned_item__length"] = 2
    user = await reader(FakeRows({key_of("user_history"): row.tobytes()}))(5, NOW_US, 0.1)
    assert user.rows["user_history"].list_of("owned_item").tolist() == [130, -1]
    assert user.items("user_history.owned_item").tolist() == [130]  # a null is no item


def test_of_nobody_nothing_is_known():
    assert NOTHING.items("user_history.owned_item").dtype == np.int64
    assert not len(NOTHING.items("user_history.owned_item"))
    assert NOTHING.oldest_us is None


async def test_a_store_that_is_behind_is_looked_at_once_more():
    door = FakeRows(person_rows(shop_plan(), 5), applied=[b"7-0", b"8-1"])
    user = await reader(door)(5, NOW_US, 0.1, until=(8, 1))
    assert len(door.reads) == 2
    assert user.degradations == ()


async def test_a_store_that_stays_behind_is_told():
    door = FakeRows(person_rows(shop_plan(), 5), applied=[b"7-0"])
    user = await reader(door)(5, NOW_US, 0.1, until=(8, 1))
    assert [d.reason for d in user.degradations] == [Reason.BEHIND]
    assert set(user.rows) == set(VIEWS)


async def test_a_second_look_that_fails_leaves_the_first():
    rows = person_rows(shop_plan(), 5)
    door = FakeRows(rows, applied=[b"7-0"], error=Unavailable("gone"), good=1)
    user = await reader(door)(5, NOW_US, 0.1, until=(8, 1))
    assert len(door.reads) == 2
    assert [d.reason for d in user.degradations] == [Reason.BEHIND]
    assert set(user.rows) == set(VIEWS)
