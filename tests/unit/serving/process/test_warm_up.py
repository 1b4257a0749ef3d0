from collections import Counter

import pytest

from serving.errors import TimedOut
from serving.process.live import LivePipeline
from serving.process.warm_up import ROUNDS, warm_up
from serving.search.engine import LiveSearch
from serving.search.pipeline import Search
from tests.fakes.shop_pipeline import Shop


def asked(shop: Shop) -> Counter[str]:
    return Counter(model for model, _ in shop.triton.calls)


async def test_every_model_is_asked_a_few_times_before_the_first_caller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Shop()
    await warm_up(LivePipeline(shop.pipeline, Search(LiveSearch())))
    assert asked(shop) == {"ranker": 2 * ROUNDS, "two_tower": ROUNDS, "similar": ROUNDS}
    assert caplog.text == ""


async def test_what_does_not_answer_is_said_and_not_waited_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Shop()
    shop.triton.errors["ranker"] = TimedOut("late")
    await warm_up(LivePipeline(shop.pipeline, Search(LiveSearch())))
    assert asked(shop) == {"ranker": 2, "two_tower": 1, "similar": 1}
    assert "warm-up: rank: TIMEOUT" in caplog.text
