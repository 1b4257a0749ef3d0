"""What a server that is away or stops leaves unanswered is sent again, by the package's service config."""

import json
from importlib.resources import files
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from recserve.client import (
    Consent,
    DeadlineExceeded,
    InvalidRequest,
    Overloaded,
    RecserveError,
    ServerFault,
    Surface,
    Unavailable,
    calls,
)
from recserve.client.service_config import service_config

from serving.rpc.statuses import status
from tests.fakes.scripted_gateway import ScriptedGateway, refuse
from tests.unit.client.asking import KINDS, asked
from tests.unit.client.test_calls import EVENT

both = pytest.mark.parametrize("kind", KINDS)
UNAVAILABLE = refuse(status(code_pb2.UNAVAILABLE, "try again", "r-1"))
CANCELLED = refuse(
    status(code_pb2.CANCELLED, "", "r-1")
)  # of a call that comes as the server stops
ASKS = {
    "recommend": lambda c: c.recommend(Surface.PRODUCT),
    "rank": lambda c: c.rank(Surface.PRODUCT, ["a"]),
    "similar": lambda c: c.similar("a"),
    "record": lambda c: c.record([EVENT], consent=Consent(logging=True)),
    "status": lambda c: c.status(),
}

READS = ("recserve.v1.RecommendationService", "recserve.v1.SearchService")


@both
@pytest.mark.parametrize("name", ASKS)
async def test_what_a_server_leaves_unanswered_is_asked_again(
    kind: type[Any], name: str, endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(UNAVAILABLE, CANCELLED)
    await asked(kind, endpoint, ASKS[name], timeout_s=30)
    assert len(gateway.asked) == 3


@both
@pytest.mark.parametrize("refusal", [UNAVAILABLE, CANCELLED], ids=["unavailable", "cancelled"])
async def test_after_three_attempts_it_is_unavailable(
    kind: type[Any], refusal: Any, endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(*[refusal] * 5)
    with pytest.raises(Unavailable):
        await asked(kind, endpoint, ASKS["recommend"], timeout_s=30)
    assert len(gateway.asked) == 3


@both
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (code_pb2.INVALID_ARGUMENT, InvalidRequest),
        (code_pb2.DEADLINE_EXCEEDED, DeadlineExceeded),
        (code_pb2.RESOURCE_EXHAUSTED, Overloaded),
        (code_pb2.INTERNAL, ServerFault),
    ],
)
async def test_no_other_status_is_asked_again(
    kind: type[Any],
    code: int,
    error: type[RecserveError],
    endpoint: str,
    gateway: ScriptedGateway,
) -> None:
    gateway.plan(refuse(status(code, "no", "r-1")))
    with pytest.raises(error):
        await asked(kind, endpoint, ASKS["recommend"], timeout_s=30)
    assert len(gateway.asked) == 1


@both
async def test_a_deadline_is_not_followed_by_another_attempt(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(gateway.hang)
    with pytest.raises(DeadlineExceeded):
        await asked(kind, endpoint, ASKS["recommend"], timeout_s=1)
    assert gateway.abandoned.acquire(timeout=10)
    assert len(gateway.asked) == 1


@pytest.mark.parametrize("name", ["service_config.json", "service_config_hedging.json"])
def test_a_config_governs_every_service_once(name: str) -> None:
    named = [n["service"] for n in _named(name) if "method" not in n]
    assert sorted(named) == sorted({m.containing_service.full_name for m in calls.METHODS.values()})


@pytest.mark.parametrize("name", ["service_config.json", "service_config_hedging.json"])
def test_a_stream_alone_is_left_to_the_client(name: str) -> None:
    """It begins again where the answers ended, which gRPC's retries don't know."""
    alone = {"service": "recserve.v1.EventService", "method": "StreamEvents"}
    assert [n for n in _named(name) if "method" in n] == [alone]
    (method,) = [m for m in _config(name)["methodConfig"] if alone in m["name"]]
    assert method == {"name": [alone]}
    assert alone["method"] in calls.METHODS


@pytest.mark.parametrize("name", ["service_config.json", "service_config_hedging.json"])
def test_nothing_else_is_repeated(name: str) -> None:
    for method in _config(name)["methodConfig"][:-1]:
        policies = {"retryPolicy", "hedgingPolicy"} & set(method)
        assert len(policies) == 1
        policy = method[policies.pop()]
        codes = policy.get("retryableStatusCodes", policy.get("nonFatalStatusCodes"))
        assert codes == ["UNAVAILABLE", "CANCELLED"]


def test_the_two_configs_differ_in_the_reads_alone() -> None:
    plain, hedged = _config("service_config.json"), _config("service_config_hedging.json")
    retried, stream = plain.pop("methodConfig")
    reads, others, stream_too = hedged.pop("methodConfig")
    assert (plain, stream) == (hedged, stream_too)
    assert [name["service"] for name in reads["name"]] == list(READS)
    assert others["retryPolicy"] == retried["retryPolicy"]


def test_hedging_takes_its_delay_from_the_caller_and_the_rest_from_the_config() -> None:
    config = service_config(0.0375)
    assert set(config.hedging) == set(READS)
    (policy,) = set(config.hedging.values())
    (checked_in,) = [
        m["hedgingPolicy"]
        for m in _config("service_config_hedging.json")["methodConfig"]
        if "hedgingPolicy" in m
    ]
    assert policy.delay_s == 0.0375
    assert policy.max_attempts == checked_in["maxAttempts"]
    assert policy.non_fatal == {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert json.loads(config.text)["methodConfig"][0]["hedgingPolicy"] == (
        checked_in | {"hedgingDelay": "0.037500000s"}
    )


def test_without_a_delay_nothing_is_hedged() -> None:
    assert service_config(None).hedging == {}


@pytest.mark.parametrize("delay", [0, -0.1, float("inf"), float("nan")])
def test_a_senseless_delay_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="hedge_after_s is"):
        service_config(delay)


def _named(name: str) -> list[dict[str, str]]:
    return [n for method in _config(name)["methodConfig"] for n in method["name"]]


def _config(name: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(files("recserve.client").joinpath(name).read_text())
    return config
