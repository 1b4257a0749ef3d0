"""A slow read is sent again, once, and never often enough to hurt."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from recserve.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    InvalidRequest,
    Surface,
    Unavailable,
    calls,
)
from recserve.client.hedging import HedgeBudget, Race, first_answer, first_answer_async
from recserve.client.sending import Sender
from recserve.client.service_config import HedgingPolicy, service_config
from recserve.v1 import status_service_pb2 as status_pb

from serving.rpc.statuses import status
from tests.fakes.scripted_gateway import ScriptedGateway, refuse, serving
from tests.unit.client.asking import KINDS, asked
from tests.unit.client.test_calls import EVENT

both = pytest.mark.parametrize("kind", KINDS)
POLICY = HedgingPolicy(2, 0.1, frozenset({grpc.StatusCode.UNAVAILABLE}))
UNAVAILABLE = refuse(status(code_pb2.UNAVAILABLE, "try again", "r-1"))
CANCELLED = refuse(status(code_pb2.CANCELLED, "", "r-1"))
INVALID = refuse(status(code_pb2.INVALID_ARGUMENT, "no", "r-1"))
SOON, LATE = 0.02, 50.0
QUICK = replace(POLICY, delay_s=SOON)


def _recommend(client: Any) -> Any:
    return client.recommend(Surface.PRODUCT)


@both
async def test_a_slow_call_is_sent_again_and_the_loser_cancelled(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(gateway.hang)
    found = await asked(kind, endpoint, _recommend, timeout_s=60, hedge_after_s=SOON)
    assert len(found.items) == 2
    assert len(gateway.asked) == 2
    assert gateway.abandoned.acquire(timeout=10)


async def test_the_loser_is_cancelled_while_its_client_lives(
    endpoint: str, gateway: ScriptedGateway
) -> None:
    """The attempts are held here: neither a closed channel nor the collector cancels them."""
    gateway.plan(gateway.hang, _well, gateway.hang)
    call, policy, budget = calls.recommend(Surface.PRODUCT), QUICK, HedgeBudget(10, 1)
    with grpc.insecure_channel(endpoint) as channel:
        sending = Sender(channel, service_config(SOON), 60).sending(call)
        held = _Held(sending.future)
        first_answer(held, policy, budget)
        assert [attempt.cancelled() for attempt in held.attempts] == [True, False]
    async with grpc.aio.insecure_channel(endpoint) as channel:
        sending = Sender(channel, service_config(SOON), 60).sending(call)
        held = _Held(sending.now)
        await first_answer_async(held, policy, budget)
        assert [attempt.cancelled() for attempt in held.attempts] == [True, False]


def test_the_second_attempt_goes_to_another_server() -> None:
    gateways = [ScriptedGateway(), ScriptedGateway()]
    with (
        serving(gateways[0]) as one,
        serving(gateways[1]) as other,
        Client(f"ipv4:{one},{other}", timeout_s=30, hedge_after_s=SOON) as client,
    ):
        _ask_until_both_are_connected(client, gateways)
        for gateway in gateways:
            gateway.asked.clear()
            gateway.plan(gateway.hang)
        with pytest.raises(DeadlineExceeded):
            client.recommend(Surface.PRODUCT, timeout_s=1.5)
    assert [len(gateway.asked) for gateway in gateways] == [1, 1]


@both
async def test_a_fast_call_is_sent_once(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    await asked(kind, endpoint, _recommend, timeout_s=60, hedge_after_s=LATE)
    assert len(gateway.asked) == 1


@both
@pytest.mark.parametrize("refusal", [UNAVAILABLE, CANCELLED], ids=["unavailable", "cancelled"])
async def test_what_a_server_leaves_unanswered_is_sent_again_at_once(
    kind: type[Any], refusal: Any, endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(refusal)
    await asked(kind, endpoint, _recommend, timeout_s=30, hedge_after_s=LATE)
    assert len(gateway.asked) == 2


async def test_a_client_that_is_closed_under_a_call_begins_no_other(
    endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(gateway.hang, gateway.hang)
    with Client(endpoint, timeout_s=30, hedge_after_s=LATE) as client:
        asking = asyncio.create_task(asyncio.to_thread(_recommend, client))
        assert await asyncio.to_thread(gateway.arrived.acquire, timeout=30)
        client.close()
        with pytest.raises(Unavailable):
            await asking
    async with AsyncClient(endpoint, timeout_s=30, hedge_after_s=LATE) as other:
        asking = asyncio.create_task(_recommend(other))
        assert await asyncio.to_thread(gateway.arrived.acquire, timeout=30)
        await other.close()
        with pytest.raises((Unavailable, asyncio.CancelledError)):
            await asking
    assert len(gateway.asked) == 2


@both
async def test_twice_unavailable_is_unavailable(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(*[UNAVAILABLE] * 5)
    with pytest.raises(Unavailable):
        await asked(kind, endpoint, _recommend, timeout_s=30, hedge_after_s=LATE)
    assert len(gateway.asked) == 2


@both
async def test_one_that_hangs_still_counts_when_the_other_is_unavailable(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(gateway.hang, UNAVAILABLE)
    with pytest.raises(DeadlineExceeded):
        await asked(kind, endpoint, _recommend, timeout_s=1.5, hedge_after_s=SOON)
    assert len(gateway.asked) == 2


@both
async def test_an_invalid_request_is_not_sent_again(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(INVALID)
    with pytest.raises(InvalidRequest):
        await asked(kind, endpoint, _recommend, timeout_s=30, hedge_after_s=LATE)
    assert len(gateway.asked) == 1


@both
async def test_events_are_retried_and_never_hedged(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(UNAVAILABLE, gateway.hang)
    with pytest.raises(DeadlineExceeded):
        await asked(kind, endpoint, lambda c: c.record([EVENT]), timeout_s=1.5, hedge_after_s=SOON)
    assert len(gateway.asked) == 2  # the retry; a hedge would have been a third


def test_servers_that_all_hang_get_a_tenth_more_and_not_twice_as_much(
    endpoint: str, gateway: ScriptedGateway
) -> None:
    count = 40
    gateway.plan(*[gateway.hang] * 2 * count)

    def give_up(client: Client) -> None:
        with pytest.raises(DeadlineExceeded):
            _recommend(client)

    client = Client(endpoint, timeout_s=0.1, hedge_after_s=0.001)
    with client, ThreadPoolExecutor(4) as threads:
        list(threads.map(give_up, [client] * count))
    config = service_config(0.001)
    assert len(gateway.asked) <= count + config.max_tokens + config.token_ratio * count


def test_grpc_itself_hedges_nothing_yet(endpoint: str, gateway: ScriptedGateway) -> None:
    """The day it does, the client's own hedging must go, or calls would be sent four times."""
    gateway.plan(gateway.hang)
    hedged = json.loads(service_config(SOON).text)
    hedged["methodConfig"] = hedged["methodConfig"][:1]
    hedged["methodConfig"][0]["name"] = [{"service": "recserve.v1.StatusService"}]
    config = json.dumps(hedged)
    with grpc.insecure_channel(endpoint, options=(("grpc.service_config", config),)) as channel:
        ask = channel.unary_unary(
            "/recserve.v1.StatusService/GetStatus",
            request_serializer=status_pb.GetStatusRequest.SerializeToString,
            response_deserializer=status_pb.GetStatusResponse.FromString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            ask(status_pb.GetStatusRequest(), timeout=1.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(gateway.asked) == 1


def test_a_budget_is_earned_by_calls_and_spent_on_hedges() -> None:
    budget = HedgeBudget(largest=2, ratio=0.5)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()


def test_a_budget_is_not_saved_for_ever() -> None:
    budget = HedgeBudget(largest=2, ratio=0.5)
    for _ in range(100):
        budget.earn()
    assert budget.left == 2


def test_a_race_without_budget_waits_for_what_runs() -> None:
    race = Race(POLICY, HedgeBudget(largest=0, ratio=0))
    assert race.patience_s() == 0.1
    assert not race.enter()
    assert race.patience_s() is None


def test_a_race_has_no_more_attempts_than_the_policy_says() -> None:
    race = Race(POLICY, HedgeBudget(largest=10, ratio=1))
    assert race.enter()
    assert not race.enter()
    assert (race.sent, race.running) == (2, 2)


def test_a_race_is_decided_by_an_answer_and_by_what_is_fatal() -> None:
    race = Race(POLICY, HedgeBudget(largest=10, ratio=1))
    assert race.enter()
    assert not race.decided(grpc.StatusCode.UNAVAILABLE)
    assert race.decided(grpc.StatusCode.NOT_FOUND)
    assert race.running == 0


class _Held:
    """Sends attempts and keeps them."""

    def __init__(self, send: Callable[[], Any]) -> None:
        self._send, self.attempts = send, list[Any]()

    def __call__(self) -> Any:
        self.attempts.append(self._send())
        return self.attempts[-1]


def _well(context: Any) -> None:
    """The step of a call that is answered at once."""


def _ask_until_both_are_connected(client: Client, gateways: list[ScriptedGateway]) -> None:
    for _ in range(1_000):
        client.status()
        if all(len(gateway.asked) > 1 for gateway in gateways):
            return
    raise AssertionError("one of two servers was never asked")
