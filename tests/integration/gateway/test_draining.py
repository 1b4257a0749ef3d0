"""Full workers, stopping gateways and taken ports."""

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.integration.gateway.running import (
    ANONYMOUS,
    PERSONAL,
    Gateway,
    RedisClient,
    connected,
    eventually,
    launched,
)

Settings = dict[str, str]
CLOSED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
Health = health_pb2.HealthCheckResponse


@contextmanager
def paused(client: RedisClient) -> Iterator[None]:
    """Redis answers nobody, so that a personal call stays in flight until its time is up."""
    redis_process = client.info("server")["process_id"]
    os.kill(redis_process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(redis_process, signal.SIGCONT)


def test_calls_under_way_are_finished_and_health_says_not_serving(
    settings: Settings, tmp_path: Path, redis_client: RedisClient
) -> None:
    with launched(settings | {"WORKERS": "1"}, tmp_path) as gateway, connected(gateway) as channel:
        gateway.wait_serving(1)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == Health.SERVING
        with paused(redis_client):
            call = stubs.RecommendationServiceStub(channel).Recommend.future(PERSONAL, timeout=20)
            eventually(lambda: gateway.in_flight() == 1, "the call is under way")
            gateway.process.send_signal(signal.SIGTERM)
            assert next(watch).status == Health.NOT_SERVING
            assert gateway.get("/readyz") == (503, "draining\n")
            assert gateway.get("/livez")[0] == 200
            assert not call.done()
            assert gateway.process.poll() is None
        assert len(call.result().items) == 5
        assert gateway.process.wait(30) == 0


class Callers:
    """Threads that ask without a pause until they are told to end; what became of each call."""

    def __init__(self, gateway: Gateway, count: int) -> None:
        self._gateway = gateway
        self._over = threading.Event()
        self.codes: Counter[grpc.StatusCode] = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def answered(self) -> int:
        return self.codes[grpc.StatusCode.OK]

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with connected(self._gateway) as channel:
            stub = stubs.RecommendationServiceStub(channel)
            while not self._over.is_set():
                try:
                    stub.Recommend(ANONYMOUS, timeout=10)
                except grpc.RpcError as error:
                    self.codes[error.code()] += 1
                else:
                    self.codes[grpc.StatusCode.OK] += 1


def test_stops_amid_requests_fail_none_but_by_closed_connections(
    settings: Settings, tmp_path: Path
) -> None:
    with launched(settings, tmp_path) as gateway:
        gateway.wait_serving(2)
        callers = Callers(gateway, 4)
        try:
            eventually(lambda: callers.answered() >= 50, "requests flow")
            worker = gateway.workers()[0]
            os.kill(worker, signal.SIGTERM)
            eventually(lambda: f"worker {worker} ended with status 0" in gateway.said(), "drained")
            before = callers.answered()
            eventually(lambda: callers.answered() >= before + 50, "requests flow on")
            assert gateway.stop() == 0
        finally:
            callers.end()
    assert set(callers.codes) <= CLOSED | {grpc.StatusCode.OK}, callers.codes


def test_a_connection_ends_after_its_age_and_the_next_call_opens_another(
    settings: Settings, tmp_path: Path
) -> None:
    aging = settings | {"WORKERS": "1", "MAX_CONNECTION_AGE_S": "1"}
    states: list[grpc.ChannelConnectivity] = []
    with launched(aging, tmp_path) as gateway, connected(gateway) as channel:
        gateway.wait_serving(1)
        channel.subscribe(states.append)
        stub = stubs.RecommendationServiceStub(channel)
        assert len(stub.Recommend(ANONYMOUS, timeout=20).items) == 5
        eventually(lambda: grpc.ChannelConnectivity.READY in states, "it is connected")
        eventually(lambda: states[-1] is grpc.ChannelConnectivity.IDLE, "the connection ends")
        assert len(stub.Recommend(ANONYMOUS, timeout=20).items) == 5


def test_a_full_worker_turns_calls_away_but_answers_health(
    settings: Settings, tmp_path: Path, redis_client: RedisClient
) -> None:
    one = settings | {"WORKERS": "1", "MAX_CONCURRENT": "1"}
    with launched(one, tmp_path) as gateway, connected(gateway) as channel:
        gateway.wait_serving(1)
        stub = stubs.RecommendationServiceStub(channel)
        with paused(redis_client):
            call = stub.Recommend.future(PERSONAL, timeout=20)
            eventually(lambda: gateway.in_flight() == 1, "the call is under way")
            with pytest.raises(grpc.RpcError) as raised:
                stub.Recommend(ANONYMOUS, timeout=20)
            check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert len(call.result().items) == 5
        refused = gateway.figure("recserve_requests_total", code="RESOURCE_EXHAUSTED")
    assert check.status == Health.SERVING
    assert refused == 1
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    details = rpc_status.from_call(raised.value).details
    assert details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() > 0
    assert details[1].Unpack(request)
    assert request.request_id


@pytest.mark.parametrize("variable", ["PORT", "HTTP_PORT"])
@pytest.mark.parametrize("reuse", [0, 1])  # 1: by one who would share it
def test_a_taken_port_is_one_clear_sentence(
    settings: Settings, tmp_path: Path, variable: str, reuse: int
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with launched(settings | {variable: str(port)}, tmp_path) as gateway:
            assert gateway.process.wait(60) == 1
    assert gateway.said() == (
        f"gateway: RECSERVE_GATEWAY_{variable}: can't listen on 127.0.0.1:{port} "
        "(Address already in use); stop what uses it or choose another port\n"
    )


def test_wrong_settings_are_told_at_once(settings: Settings, tmp_path: Path) -> None:
    with launched(settings | {"WORKERS": "0", "COLOUR": "red"}, tmp_path) as gateway:
        assert gateway.process.wait(60) == 1
    (line,) = gateway.said().splitlines()
    assert "RECSERVE_GATEWAY_WORKERS: Input should be greater than or equal to 1, got '0'" in line
    assert "RECSERVE_GATEWAY_COLOUR is no setting" in line
