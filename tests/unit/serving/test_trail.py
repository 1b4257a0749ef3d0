import pytest

from serving.errors import Failed, Unavailable
from serving.trail import Trail
from serving.types import Action, Degraded, Reason, Timing
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeTicks


async def answer() -> str:
    return "answer"


async def fail(error: Exception) -> str:
    raise error


def test_stages_are_timed_in_the_order_in_which_they_began():
    ticks, recorder = FakeTicks(), ListRecorder()
    trail = Trail(ticks, recorder)
    with trail.stage("retrieve"):
        ticks.seconds += 1
        with trail.stage("filter"):
            ticks.seconds += 2
    assert trail.timings == (Timing("retrieve", 3), Timing("filter", 2))
    assert recorder.stages == ["filter", "retrieve"]


def test_a_stage_that_fails_is_timed_too():
    trail = Trail(FakeTicks(step=1), ListRecorder())
    with pytest.raises(Failed), trail.stage("rank"):
        raise Failed("broken")
    assert trail.timings == (Timing("rank", 1),)


async def test_a_forgiven_failure_is_noted_counted_and_replaced():
    recorder = ListRecorder()
    trail = Trail(FakeTicks(), recorder)
    assert await trail.attempt("rank", fail(Unavailable("away")), "instead") == "instead"
    assert trail.degradations == (Degraded("rank", Reason.UNAVAILABLE, Action.UNRANKED, "away"),)
    assert recorder.degradations == [("rank", "UNAVAILABLE")]


async def test_what_succeeds_is_given_through():
    trail = Trail(FakeTicks(), ListRecorder())
    assert await trail.attempt("rank", answer(), "instead") == "answer"
    assert trail.degradations == ()


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("another")])
async def test_a_programmers_error_is_never_forgiven(error: Exception):
    with pytest.raises(type(error)):
        await Trail(FakeTicks(), ListRecorder()).attempt("rank", fail(error), "instead")
