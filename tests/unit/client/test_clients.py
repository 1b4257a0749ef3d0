"""Both clients against a real server."""

import asyncio
import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from recserve.client import (
    AsyncClient,
    Client,
    Consent,
    DeadlineExceeded,
    Event,
    Recorded,
    Surface,
    calls,
)

from tests.fakes.scripted_gateway import ScriptedGateway
from tests.unit.client.asking import KINDS, asked

both = pytest.mark.parametrize("kind", KINDS)
METHODS = ("recommend", "rank", "similar", "record", "status")
LOGGED = Consent(logging=True)


@both
async def test_recommend_answers(kind: type[Any], endpoint: str) -> None:
    found = await asked(kind, endpoint, lambda c: c.recommend(Surface.PRODUCT, user_id="1"))
    assert [item.item_id for item in found.items] == ["item-1", "item-2"]
    assert found.answer.request_token == "token"


@both
async def test_rank_answers_and_names_what_is_unknown(kind: type[Any], endpoint: str) -> None:
    found = await asked(kind, endpoint, lambda c: c.rank(Surface.PRODUCT, ["a", "b", "c"]))
    assert [item.item_id for item in found.items] == ["a", "b"]
    assert found.unknown_item_ids == ("c",)


@both
async def test_similar_answers(kind: type[Any], endpoint: str, gateway: ScriptedGateway) -> None:
    await asked(kind, endpoint, lambda c: c.similar("7", page_size=3))
    assert (gateway.asked[0].item_id, gateway.asked[0].page_size) == ("7", 3)


@both
async def test_record_answers(kind: type[Any], endpoint: str) -> None:
    event = Event(user_id="u", item_id="i", kind="click", event_time=datetime.now(UTC))
    found = await asked(kind, endpoint, lambda c: c.record([event, event], consent=LOGGED))
    assert found == Recorded("r-1", 2, 0, 0, "known-1")


@both
async def test_events_that_are_sent_again_are_told_and_those_without_consent_give_no_token(
    kind: type[Any], endpoint: str
) -> None:
    event = Event(user_id="u", item_id="i", kind="click", event_time=datetime.now(UTC))
    for duplicates in (0, 1):
        found = await asked(kind, endpoint, lambda c: c.record([event], consent=LOGGED))
        assert found.duplicate_count == duplicates
    found = await asked(kind, endpoint, lambda c: c.record([event]))
    assert found == Recorded("r-1", 0, 1, 0, None)


@both
async def test_status_answers(kind: type[Any], endpoint: str) -> None:
    found = await asked(kind, endpoint, lambda c: c.status())
    assert (found.project, found.surfaces) == ("shop", (Surface.PRODUCT, Surface.PROMOTION))


@both
async def test_every_call_has_a_deadline(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    default = inspect.signature(kind).parameters["timeout_s"].default
    assert default == 1
    await asked(kind, endpoint, lambda c: c.status(), timeout_s=10 * default)
    assert 0 < gateway.left_s[0] < 12


@both
async def test_a_call_may_have_its_own_deadline(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    await asked(kind, endpoint, lambda c: c.status(timeout_s=50), timeout_s=20)
    await asked(kind, endpoint, lambda c: c.status(), timeout_s=20)
    assert 30 < gateway.left_s[0] < 60
    assert 2 < gateway.left_s[1] < 30


@both
async def test_a_deadline_ends_a_call_that_hangs(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(gateway.hang)
    with pytest.raises(DeadlineExceeded):
        await asked(kind, endpoint, lambda c: c.status(timeout_s=0.05))


@both
@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
async def test_a_deadline_can_not_be_left_out(kind: type[Any], timeout_s: float) -> None:
    with pytest.raises(ValueError, match=r"timeout_s is .*; give a number of seconds above 0"):
        kind("127.0.0.1:1", timeout_s=timeout_s)
    with pytest.raises(ValueError, match="timeout_s is"):
        await asked(kind, "127.0.0.1:1", lambda c: c.status(timeout_s=timeout_s))


@pytest.mark.parametrize("name", METHODS)
def test_both_clients_take_what_the_call_takes(name: str) -> None:
    wanted = list(inspect.signature(getattr(calls, name)).parameters)
    for kind in KINDS:
        method = getattr(kind, name)
        assert list(inspect.signature(method).parameters) == ["self", *wanted]
        assert (method.__name__, method.__doc__) == (name, getattr(calls, name).__doc__)


def test_both_clients_stream_alike() -> None:
    blocking, awaited = (inspect.signature(kind.record_stream).parameters for kind in KINDS)
    assert {name: p.default for name, p in blocking.items()} == {
        name: p.default for name, p in awaited.items()
    }


def test_a_client_serves_several_calls(endpoint: str, gateway: ScriptedGateway) -> None:
    with Client(endpoint) as client:
        for _ in range(3):
            client.status()
    assert len(gateway.asked) == 3


def test_a_closed_client_asks_no_more(endpoint: str) -> None:
    client = Client(endpoint)
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.status()


@pytest.mark.parametrize("hedge_after_s", [None, 0.01])
async def test_a_cancelled_caller_gives_its_calls_up(
    hedge_after_s: float | None, endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(gateway.hang, gateway.hang)
    attempts = 1 if hedge_after_s is None else 2
    async with AsyncClient(endpoint, timeout_s=60, hedge_after_s=hedge_after_s) as client:
        asking = asyncio.create_task(client.recommend(Surface.PRODUCT))
        for _ in range(attempts):
            assert await asyncio.to_thread(gateway.arrived.acquire, timeout=30)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        for _ in range(attempts):
            assert await asyncio.to_thread(gateway.abandoned.acquire, timeout=30)
