import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.rehearsal.cluster import Cluster
from tests.rehearsal.controller import Controllers
from tests.rehearsal.expected import Expected
from tests.rehearsal.outcomes import Outcome, Outcomes
from tests.rehearsal.report import passed
from tests.rehearsal.stage import Stage
from tests.rehearsal.traffic import Traffic

if TYPE_CHECKING:
    from tests.rehearsal.overlay import Overlay


@pytest.fixture
def stage() -> Stage:
    """Of no pods: all settles at once."""
    cluster = Cluster([])
    return Stage(
        cast("Overlay", Path()), Controllers(cluster), Outcomes(), Traffic(cluster), lambda _: None, after_s=0
    )  # fmt: skip


async def call(outcomes: Outcomes, status: str = "OK") -> None:
    outcomes.all.append(Outcome(time.monotonic(), "recommend", status, 0.0))


async def test_a_call_between_two_events_is_one_of_the_second(stage: Stage):
    await stage.play("one", call(stage.outcomes))
    await call(stage.outcomes, "UNAVAILABLE")
    await stage.play("two", call(stage.outcomes))
    assert [report.requests for report in stage.reports] == [1, 2]
    assert [report.passed for report in stage.reports] == [True, False]
    assert stage.reports[1].failed == {"recommend: UNAVAILABLE": 1}


async def test_a_call_that_is_under_way_as_an_event_ends_is_one_of_it(stage: Stage):
    answered = asyncio.Event()

    async def slow(began: float) -> None:
        await answered.wait()
        stage.outcomes.all.append(Outcome(began, "recommend", "UNAVAILABLE", 1.0))

    async def one() -> None:
        stage.outcomes.call(asyncio.create_task(slow(time.monotonic())), "recommend")
        asyncio.get_running_loop().call_later(0.05, answered.set)

    await stage.play("one", one())
    assert stage.reports[0].failed == {"recommend: UNAVAILABLE": 1}


async def test_a_call_after_the_last_event_fails_the_whole(stage: Stage):
    await stage.play("one", call(stage.outcomes))
    assert passed(stage.reports, len(stage.outcomes.all))
    await call(stage.outcomes)
    assert not passed(stage.reports, len(stage.outcomes.all))


async def test_an_event_without_a_call_shows_nothing(stage: Stage):
    await stage.play("start", asyncio.sleep(0), Expected(called=False))
    await stage.play("one", asyncio.sleep(0))
    assert [report.problems for report in stage.reports] == [[], ["nobody called"]]


@pytest.mark.parametrize("fault", [ValueError("no such user"), asyncio.CancelledError()])
async def test_a_caller_that_dies_is_a_failed_call(stage: Stage, fault: BaseException):
    async def caller() -> None:
        raise fault

    task = asyncio.create_task(caller())
    stage.outcomes.watch(task, "caller")
    await asyncio.wait([task])
    await stage.play("one", call(stage.outcomes))
    assert stage.reports[0].failed == {f"caller: {type(fault).__name__}": 1}
    assert not stage.reports[0].passed


def test_outcomes_at_the_edge_of_two_windows_belong_to_one():
    outcomes = Outcomes([replace(Outcome(0.0, "rank", "OK", 0.1), began=at) for at in (1, 2, 3)])
    assert [o.began for o in outcomes.between(1, 2)] == [1]
    assert [o.began for o in outcomes.between(2, 4)] == [2, 3]
