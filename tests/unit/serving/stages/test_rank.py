import numpy as np
import pytest

from serving.errors import Failed
from serving.stages.gather import Gathered
from serving.stages.rank import Rank
from tests.fakes.doors import FakeTriton
from tests.fakes.shop import shop_plan

MODEL = shop_plan().models["ranker"]


def ranker(*probability: float) -> Rank:
    answer = {"probability": np.array([probability], dtype=np.float32)}
    return Rank(FakeTriton({"ranker": lambda _: answer}), MODEL)


def gathered(count: int) -> Gathered:
    return Gathered({}, count, None, ())


async def test_scores_of_the_padding_are_cut_off():
    assert (await ranker(0.5, 0.25, 0.0, 0.0)(gathered(2), 0.1)).tolist() == [0.5, 0.25]


@pytest.mark.parametrize("answer", [(0.5,), (0.5, float("nan")), (0.5, float("inf"))])
async def test_an_answer_without_a_number_for_each_candidate_is_a_failure(
    answer: tuple[float, ...],
):
    with pytest.raises(Failed, match="2 candidates"):
        await ranker(*answer)(gathered(2), 0.1)


async def test_a_padded_score_need_not_be_a_number():
    assert (await ranker(0.5, float("nan"))(gathered(1), 0.1)).tolist() == [0.5]
