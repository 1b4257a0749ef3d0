"""The Python client's streams of events through real gateways into a real Redis."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from recserve.client import CandidateSource, Client, Consent, Event, InvalidRequest, Surface

from serving.features.redis_keys import events_stream, partition_of
from tests.integration.gateway import tiny
from tests.integration.gateway.conftest import settings_in
from tests.integration.gateway.running import Gateway, RedisClient, eventually, launched

ALL = Consent(personalization=True, logging=True)
LONG_S = 30.0


@pytest.fixture
def two(tmp_path: Path, redis_client: RedisClient) -> Iterator[tuple[Gateway, Gateway]]:
    """Gateways on one Redis, a worker each."""
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
    one, other = (settings_in(folder, redis_client) | {"WORKERS": "1"} for folder in folders)
    with launched(one, folders[0]) as first, launched(other, folders[1]) as second:
        for gateway in (first, second):
            gateway.wait_serving(1)
        yield first, second


def purchase(user: int, item: int) -> Event:
    return Event(
        user_id=str(user),
        item_id=str(item),
        kind="purchase",
        event_time=datetime(2020, 9, 13, tzinfo=UTC),
        event_id=f"{user}-{item}",
    )


def stored(client: RedisClient, user: int) -> int:
    return client.xlen(events_stream(tiny.PROJECT, partition_of(user)))


def test_a_gateway_that_stops_costs_no_event_and_brings_none_twice(
    two: tuple[Gateway, Gateway], redis_client: RedisClient
) -> None:
    count = 400
    events = (purchase(50, item) for item in range(count))
    stopped: list[Gateway] = []
    endpoint = f"ipv4:{two[0].address},{two[1].address}"
    with Client(endpoint, timeout_s=LONG_S) as client:
        told = []
        for outcome in client.record_stream(events, consent=ALL, batch_size=1):
            told.append(outcome)
            if len(told) == 50:
                stopped += [gateway for gateway in two if answers(gateway)]
                assert len(stopped) == 1
                stopped[0].process.send_signal(signal.SIGTERM)
        assert stopped[0].process.wait(LONG_S) == 0
    assert [one.number for one in told if one.recorded] == list(range(count))
    assert stored(redis_client, 50) == count
    assert all(answers(gateway) for gateway in two if gateway not in stopped)


def answers(gateway: Gateway) -> bool:
    return gateway.figure("recserve_requests_total", method="StreamEvents") > 0


def test_a_redis_that_is_away_for_a_while_is_waited_for(
    settings: dict[str, str], tmp_path: Path, redis_client: RedisClient
) -> None:
    """The gateway answers that a batch was late; a thread lets Redis go on once it has said so."""
    redis_process = redis_client.info("server")["process_id"]
    quick = settings | {"WORKERS": "1", "DEFAULT_DEADLINE_MS": "200"}
    with launched(quick, tmp_path) as gateway, ThreadPoolExecutor(1) as aside:
        gateway.wait_serving(1)

        def let_go() -> None:
            eventually(lambda: late(gateway) > 0, "a batch was late")
            os.kill(redis_process, signal.SIGCONT)

        told = []
        with Client(gateway.address, timeout_s=LONG_S) as client:
            events = (purchase(51, item) for item in range(40))
            for outcome in client.record_stream(events, consent=ALL, batch_size=2):
                told.append(outcome.number)
                if len(told) == 5:
                    os.kill(redis_process, signal.SIGSTOP)
                    going_on = aside.submit(let_go)
        going_on.result()
    assert sorted(told) == list(range(20))
    assert stored(redis_client, 51) == 40


def late(gateway: Gateway) -> float:
    return gateway.figure(
        "recserve_requests_total", method="StreamEvents", code="DEADLINE_EXCEEDED"
    )


def test_a_token_of_a_stream_makes_the_next_answer_know_it(gateway: Gateway) -> None:
    bad = Event(user_id="52", item_id="100", kind="", event_time=datetime(2020, 9, 13, tzinfo=UTC))
    with Client(gateway.address, timeout_s=LONG_S) as client:
        batches = [[purchase(52, 101)], [bad], [purchase(52, 102)]]
        first, refused, last = client.record_stream(batches, consent=ALL)
        assert isinstance(refused.error, InvalidRequest)
        assert [one.field for one in refused.error.violations] == ["events[0].kind"]
        assert first.recorded
        assert last.recorded
        slate = client.recommend(
            Surface.PRODUCT, user_id="52", consent=ALL, event_token=last.recorded.event_token
        )
    repeated = {i.item_id for i in slate.items if CandidateSource.REPEAT in i.sources}
    assert repeated == {"101", "102"}
