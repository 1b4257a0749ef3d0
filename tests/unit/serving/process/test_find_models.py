import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from serving.bundle import Bundle
from serving.errors import Unavailable
from serving.process.find_models import find_models
from tests.fakes.policies import blended
from tests.fakes.shop import shop_bundle

MEMBERS = ("mlp", "trees")
FOR_EVER = 10**6


class Triton:
    """Lacks each model so many times as it is asked for it."""

    def __init__(self, lacking: Mapping[str, int]) -> None:
        self.lacking, self.asked = dict(lacking), 0

    async def lacks(self, model: str, timeout_s: float) -> bool:
        del timeout_s
        self.asked += 1
        self.lacking[model] -= 1
        return self.lacking[model] >= 0


def bundle(version: str) -> Bundle:
    found = shop_bundle(fusion=blended(*MEMBERS))
    models = {n: replace(m, triton_version=version) for n, m in found.plan.models.items()}
    return replace(found, plan=replace(found.plan, models=models))


async def test_a_triton_with_one_of_the_members_will_do() -> None:
    triton = Triton({"mlp": FOR_EVER, "trees": 0})
    await find_models(triton, bundle("7"), asyncio.Event())
    assert triton.asked == len(MEMBERS)


async def test_one_of_another_bundle_is_waited_for_until_it_has_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    triton = Triton(dict.fromkeys(MEMBERS, 2))
    await find_models(triton, bundle("7"), asyncio.Event())
    assert triton.asked == 2 * len(MEMBERS) + 1
    assert caplog.text.count("has none of mlp, trees of bundle 0123456789abcdef yet") == 1


async def test_where_it_never_has_them_the_gateway_does_not_start() -> None:
    triton = Triton(dict.fromkeys(MEMBERS, FOR_EVER))
    with pytest.raises(Unavailable, match="Triton serves another bundle than 0123456789abcdef"):
        await find_models(triton, bundle("7"), asyncio.Event(), patience_s=0)


async def test_a_gateway_that_is_to_stop_waits_no_longer() -> None:
    stop = asyncio.Event()
    stop.set()
    triton = Triton(dict.fromkeys(MEMBERS, FOR_EVER))
    await asyncio.wait_for(find_models(triton, bundle("7"), stop), 30)
    assert triton.asked == len(MEMBERS)


async def test_a_bundle_without_versions_takes_any_triton() -> None:
    triton = Triton(dict.fromkeys(MEMBERS, FOR_EVER))
    await find_models(triton, bundle(""), asyncio.Event())
    assert triton.asked == 0
