import asyncio
import time
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from serving.clients.triton import TritonModels
from serving.errors import Failed, OutsideError, TimedOut, Unavailable
from serving.policy import MEMBERS
from serving.stages.fuse import alone
from serving.stages.gather import Gathered
from serving.stages.rank import OUTPUT, Rank
from serving.types import Action, Degraded, Reason, Tensors
from tests.fakes.doors import Arrays, FakeTriton
from tests.fakes.policies import blended
from tests.fakes.shop import shop_plan
from tests.fakes.sinks import ListRecorder
from tests.fakes.triton_server import TritonServer, listening

THREE = blended("mlp", "cnn", "rnn")
PLAN = shop_plan(members=("ranker", *THREE.members))
GIVEN = {"item_id": np.array([[7, 8, -1]])}
SCORES = {
    "ranker": np.array([0.5, 0.25], dtype=np.float32),
    "mlp": np.array([0.2, 0.7], dtype=np.float32),
    "cnn": np.array([0.3, 0.6], dtype=np.float32),
    "rnn": np.array([0.1, 0.9], dtype=np.float32),
}


def answering(**errors: OutsideError) -> FakeTriton:
    """Every member gives its scores, padded."""

    def model(name: str) -> Callable[[Tensors], Arrays]:
        padded = np.append(SCORES[name], np.float32(0))[None]
        return lambda _: {OUTPUT: padded}

    return FakeTriton({name: model(name) for name in SCORES}, dict(errors))


def gathered(count: int, tensors: Tensors = GIVEN) -> Gathered:
    return Gathered(tensors, count, None, ())


def saying(*probability: float) -> Rank:
    answer = {OUTPUT: np.array([probability], dtype=np.float32)}
    return Rank(FakeTriton({"ranker": lambda _: answer}), PLAN, alone("ranker"))


async def test_one_member_alone_gives_its_own_scores_without_the_padding():
    ranked = await Rank(answering(), PLAN, alone("ranker"))(gathered(2), 0.1)
    assert ranked.probability.tolist() == [0.5, 0.25]
    assert ranked.members == ("ranker",)
    assert ranked.degradations == ()


@pytest.mark.parametrize("answer", [(0.5,), (0.5, float("nan")), (0.5, float("inf"))])
async def test_an_answer_without_a_number_for_each_candidate_is_a_failure(
    answer: tuple[float, ...],
):
    with pytest.raises(Failed, match="2 candidates"):
        await saying(*answer)(gathered(2), 0.1)


async def test_a_padded_score_need_not_be_a_number():
    assert (await saying(0.5, float("nan"))(gathered(1), 0.1)).probability.tolist() == [0.5]


async def test_all_members_get_the_same_tensors_and_the_same_time():
    door = answering()
    ranked = await Rank(door, PLAN, THREE)(gathered(2), 0.25)
    assert [name for name, _ in door.calls] == list(THREE.members)
    assert all(inputs is GIVEN for _, inputs in door.calls)
    assert door.timeouts == [0.25] * 3
    assert ranked.members == THREE.members
    expected = THREE({name: SCORES[name] for name in THREE.members})
    assert ranked.probability.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("away"), Reason.UNAVAILABLE),
        (TimedOut("late"), Reason.TIMEOUT),
        (Failed("broken"), Reason.FAILED),
    ],
)
async def test_the_others_are_fused_without_a_member_that_fails_and_that_is_said(
    error: OutsideError, reason: Reason
):
    ranked = await Rank(answering(cnn=error), PLAN, THREE)(gathered(2), 0.1)
    assert ranked.members == ("mlp", "rnn")
    expected = THREE({name: SCORES[name] for name in ("mlp", "rnn")})
    assert ranked.probability.tolist() == expected.tolist()
    assert ranked.degradations == (Degraded("cnn", reason, Action.DROPPED_MEMBER, str(error)),)


async def test_each_member_that_fails_is_said():
    door = answering(mlp=TimedOut("late"), rnn=Failed("broken"))
    ranked = await Rank(door, PLAN, THREE)(gathered(2), 0.1)
    assert ranked.members == ("cnn",)
    assert [(d.stage, d.reason) for d in ranked.degradations] == [
        ("mlp", Reason.TIMEOUT),
        ("rnn", Reason.FAILED),
    ]


async def test_where_no_member_answers_the_first_ones_error_is_raised():
    door = answering(mlp=TimedOut("late"), cnn=Failed("broken"), rnn=Failed("broken"))
    with pytest.raises(TimedOut, match="late"):
        await Rank(door, PLAN, THREE)(gathered(2), 0.1)


async def test_a_bug_in_one_member_is_not_taken_for_an_outside_failure():
    door = answering()
    door.errors["rnn"] = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await Rank(door, PLAN, THREE)(gathered(2), 0.1)


@pytest.mark.parametrize(("limit", "count"), MEMBERS)
async def test_in_little_time_only_the_first_members_are_asked_and_that_is_said(
    limit: float, count: int
):
    door, seconds = answering(), limit - 0.001
    ranked = await Rank(door, PLAN, THREE)(gathered(2), seconds)
    assert [name for name, _ in door.calls] == list(THREE.members[:count])
    assert ranked.members == THREE.members[:count]
    left = f"{seconds * 1e3:.0f} ms were left to rank"
    assert ranked.degradations == tuple(
        Degraded(name, Reason.NO_TIME, Action.DROPPED_MEMBER, left)
        for name in THREE.members[count:]
    )


async def test_members_are_asked_at_the_same_time():
    barrier = asyncio.Barrier(3)

    class Waits:
        async def infer(self, model: str, *_: object) -> Arrays:
            await barrier.wait()
            return {OUTPUT: SCORES[model][None]}

    ranked = await asyncio.wait_for(Rank(Waits(), PLAN, THREE)(gathered(2), 0.1), 10)
    assert ranked.members == THREE.members


async def test_asked_again_the_same_members_answer_or_none():
    members, door = ("mlp", "rnn"), answering()
    rank = Rank(door, PLAN, THREE)
    again = await rank.again(gathered(2), members, 0.1)
    assert again.tolist() == THREE({name: SCORES[name] for name in members}).tolist()
    assert [name for name, _ in door.calls] == list(members)
    door.errors["rnn"] = TimedOut("late")
    with pytest.raises(TimedOut):
        await rank.again(gathered(2), members, 0.1)


async def test_a_member_that_hangs_is_ended_with_the_time_and_the_others_count():
    async with listening(TritonServer(hanging=frozenset({"cnn"}), output=OUTPUT)) as triton:
        door = TritonModels([triton.target], Random(7), time.monotonic, ListRecorder())
        echoed = {"scores": SCORES["mlp"][None]}
        ranked = await Rank(door, PLAN, THREE)(gathered(2, echoed), 0.5)
        await asyncio.wait_for(triton.cancelled.wait(), 10)
        await door.close()
    assert ranked.members == ("mlp", "rnn")
    expected = THREE({"mlp": SCORES["mlp"], "rnn": SCORES["mlp"]})
    assert ranked.probability.tolist() == expected.tolist()
    assert [(d.stage, d.reason) for d in ranked.degradations] == [("cnn", Reason.TIMEOUT)]
