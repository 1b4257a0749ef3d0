import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import numpy as np
import pytest

from serving.errors import TimedOut, Unavailable
from serving.features.rows import NOTHING
from serving.stages.retrieve import NONE, Retrieve, Source
from serving.stages.sources import Asked
from serving.trail import Trail
from serving.types import Action, Degraded, Keys, Reason
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeTicks

EVERYTHING = np.ones((1, 0), dtype=np.bool_)
ASKED = Asked(NOTHING, 0, NONE, EVERYTHING)


class Proposes:
    def __init__(self, *keys: int, error: Exception | None = None) -> None:
        self._keys, self._error = np.array(keys, dtype=np.int64), error

    async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
        if self._error:
            raise self._error
        return self._keys


def trail() -> Trail:
    return Trail(FakeTicks(), ListRecorder())


async def test_sources_answer_in_the_order_of_the_policy():
    retrieve = Retrieve([Source("repeat", 2, Proposes(1, 2)), Source("popular", 1, Proposes(3))])
    found = await retrieve(ASKED, 0.1, trail())
    assert [(p.source, p.quota, p.keys.tolist()) for p in found] == [
        ("repeat", 2, [1, 2]),
        ("popular", 1, [3]),
    ]


async def test_a_source_that_fails_is_left_out_and_said():
    failing = Proposes(error=TimedOut("two_tower is late"))
    retrieve = Retrieve(
        [Source("two_tower", 2, failing, "model"), Source("popular", 1, Proposes(3))]
    )
    marks = trail()
    found = await retrieve(ASKED, 0.1, marks)
    assert [p.keys.tolist() for p in found] == [[], [3]]
    assert marks.degradations == (
        Degraded("two_tower", Reason.TIMEOUT, Action.DROPPED_SOURCE, "two_tower is late"),
    )


async def test_a_source_is_left_out_whose_view_is_to_be_dropped():
    user = replace(NOTHING, dropped=frozenset({"user_history"}))
    sources = [
        Source("repeat", 2, Proposes(1, 2), views=frozenset({"user_history"})),
        Source("two_tower", 1, Proposes(3), views=frozenset({"user_profile"})),
        Source("popular", 1, Proposes(4)),
    ]
    marks = trail()
    found = await Retrieve(sources)(replace(ASKED, user=user), 0.1, marks)
    assert [p.keys.tolist() for p in found] == [[], [3], [4]]
    assert marks.degradations == (
        Degraded("repeat", Reason.STALE, Action.DROPPED_SOURCE, "user_history"),
    )


async def test_each_source_with_a_model_may_fail_by_itself_under_its_own_name():
    sources = [
        Source("sasrec", 2, Proposes(error=Unavailable("away")), "model"),
        Source("item_to_item", 2, Proposes(7), "model"),
        Source("two_tower", 2, Proposes(error=TimedOut("late")), "model"),
    ]
    marks = trail()
    found = await Retrieve(sources)(ASKED, 0.1, marks)
    assert [p.keys.tolist() for p in found] == [[], [7], []]
    assert [(d.stage, d.reason, d.action) for d in marks.degradations] == [
        ("sasrec", Reason.UNAVAILABLE, Action.DROPPED_SOURCE),
        ("two_tower", Reason.TIMEOUT, Action.DROPPED_SOURCE),
    ]


async def test_a_bug_behind_a_source_is_not_taken_for_an_outside_failure():
    broken = Source("sasrec", 2, Proposes(error=ZeroDivisionError("a bug")), "model")
    with pytest.raises(ZeroDivisionError):
        await Retrieve([broken])(ASKED, 0.1, trail())


@pytest.mark.parametrize("error", [Unavailable("away"), ZeroDivisionError("a bug")])
async def test_what_policy_does_not_forgive_fails_the_request(error: Exception):
    retrieve = Retrieve([Source("popular", 1, Proposes(error=error))])
    with pytest.raises(type(error)):
        await retrieve(ASKED, 0.1, trail())


async def test_sources_are_asked_at_the_same_time():
    barrier = asyncio.Barrier(2)

    class Waits:
        async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
            await barrier.wait()
            return np.array([1])

    retrieve = Retrieve([Source("two_tower", 1, Waits()), Source("popular", 1, Waits())])
    found = await asyncio.wait_for(retrieve(ASKED, 0.1, trail()), 10)
    assert len(found) == 2


async def test_who_gives_up_before_the_sources_began_leaves_none_of_them_behind():
    begun: list[Awaitable[Keys]] = []

    def propose(asked: Asked, timeout_s: float) -> Awaitable[Keys]:
        begun.append(asyncio.sleep(0, result=np.array([3])))
        return begun[-1]

    retrieve = Retrieve([Source("popular", 1, propose)])
    given_up = asyncio.create_task(retrieve(ASKED, 0.1, trail()))
    await asyncio.sleep(0)  # it has begun, the sources have not
    given_up.cancel()
    await asyncio.wait([given_up])
    assert given_up.cancelled()
    assert begun == []


async def test_the_source_of_seeds_is_asked_only_where_there_are_seeds():
    sources = [Source("similar", 9, Proposes(8), kind="seeds"), Source("popular", 1, Proposes(3))]
    retrieve = Retrieve(sources)
    assert [p.source for p in await retrieve(ASKED, 0.1, trail())] == ["popular"]
    seeded = Asked(NOTHING, 0, np.array([7]), EVERYTHING)
    assert [p.source for p in await retrieve(seeded, 0.1, trail())] == ["similar", "popular"]


async def test_seeds_that_find_nothing_in_time_are_said():
    late = Source("similar", 9, Proposes(error=TimedOut("late")), kind="seeds")
    marks = trail()
    found = await Retrieve([late])(Asked(NOTHING, 0, np.array([7]), EVERYTHING), 0.1, marks)
    assert [p.keys.tolist() for p in found] == [[]]
    assert marks.degradations == (Degraded("seeds", Reason.TIMEOUT, Action.DROPPED_SOURCE, "late"),)
