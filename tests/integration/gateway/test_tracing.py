"""Spans that a gateway sends to a real OTLP endpoint."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import event_service_pb2_grpc as event_stubs
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from serving.triton.ports import free_ports
from tests.fakes.collector import Collector, by_grpc, said
from tests.integration.gateway.conftest import settings_in
from tests.integration.gateway.running import (
    ANONYMOUS,
    Gateway,
    RedisClient,
    connected,
    launched,
    recommend,
)

RECOMMEND = "recserve.v1.RecommendationService/Recommend"
CALLER = "ab" * 8  # the caller's own span


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with by_grpc() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory, redis_client: RedisClient, collector: Collector
) -> Iterator[Gateway]:
    """Sends to the collector what callers sample, and nothing of its own."""
    folder = tmp_path_factory.mktemp("traced")
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        with launched(settings_in(folder, redis_client), folder) as running:
            running.wait_serving(2)
            yield running


def parent(trace: str, *, sampled: bool = True) -> tuple[tuple[str, str], ...]:
    """https://www.w3.org/TR/trace-context/#traceparent-header."""
    return (("traceparent", f"00-{trace}-{CALLER}-{'01' if sampled else '00'}"),)


def of(collector: Collector, trace: str, last: str = RECOMMEND) -> dict[str, Span]:
    """The spans of a trace by name, once the call's own is there, which ends last."""

    def mine(spans: list[Span]) -> dict[str, Span]:
        return {s.name: s for s in spans if s.trace_id.hex() == trace}

    return mine(collector.wait(lambda spans: last in mine(spans), f"{last} of {trace}"))


def test_a_call_belongs_to_its_callers_trace_with_stages_and_questions(
    traced: Gateway, collector: Collector
):
    trace = "1" * 32
    with connected(traced) as channel:
        answer, call = stubs.RecommendationServiceStub(channel).Recommend.with_call(
            ANONYMOUS, metadata=parent(trace)
        )
    assert call.code() == grpc.StatusCode.OK
    spans = of(collector, trace)
    whole = spans[RECOMMEND]
    assert whole.kind == Span.SPAN_KIND_SERVER
    assert whole.parent_span_id.hex() == CALLER
    assert said(whole.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": RECOMMEND,
        "recserve.request_id": answer.answer.request_id,
        "rpc.response.status_code": "OK",
    }
    stages = {t.stage for t in answer.answer.timings}
    assert {"retrieve", "rank", "order"} <= stages <= set(spans)
    assert spans["rank"].parent_span_id == whole.span_id
    for span in spans.values():
        assert whole.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= whole.end_time_unix_nano


def test_what_failed_is_an_error_and_what_was_done_without_it_an_event(
    traced: Gateway, collector: Collector
):
    trace = "2" * 32
    with connected(traced) as channel:
        stubs.RecommendationServiceStub(channel).Recommend(ANONYMOUS, metadata=parent(trace))
    spans = of(collector, trace)
    (asked, *_) = [s for name, s in spans.items() if name.startswith("ask ")]
    assert asked.kind == Span.SPAN_KIND_CLIENT
    assert asked.status.code == Status.STATUS_CODE_ERROR
    attributes = said(asked.attributes)
    assert attributes["error.type"] == attributes["rpc.response.status_code"] == "UNAVAILABLE"
    assert attributes["rpc.method"] == "inference.GRPCInferenceService/ModelInfer"
    assert attributes["server.address"] == "127.0.0.1"
    events = [e for s in spans.values() for e in s.events]
    assert {e.name for e in events} == {"degraded"}
    assert {"recserve.stage": "rank", "recserve.reason": "UNAVAILABLE"} in [
        said(e.attributes) for e in events
    ]
    assert spans[RECOMMEND].status.code == Status.STATUS_CODE_UNSET


def test_a_refusal_is_no_error_of_ours_and_none_of_its_words_is_told(
    traced: Gateway, collector: Collector
):
    trace, private = "3" * 32, "somebody@example.com"
    request = pb.RecommendRequest(surface=pb.SURFACE_PRODUCT, user_id=private, page_size=100_000)
    with connected(traced) as channel, pytest.raises(grpc.RpcError) as refused:
        stubs.RecommendationServiceStub(channel).Recommend(request, metadata=parent(trace))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    whole = of(collector, trace)[RECOMMEND]
    assert said(whole.attributes)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert whole.status.code == Status.STATUS_CODE_UNSET
    assert private not in str(collector.requests)


def test_each_batch_of_a_stream_has_a_span(traced: Gateway, collector: Collector):
    trace, batches = "4" * 32, [event_pb.StreamEventsRequest()] * 2
    with connected(traced) as channel:
        stream = event_stubs.EventServiceStub(channel).StreamEvents
        assert len(list(stream(iter(batches), metadata=parent(trace)))) == len(batches)
    name = "recserve.v1.EventService/StreamEvents"
    collector.wait(
        lambda spans: [s.name for s in spans if s.trace_id.hex() == trace].count(name) == 2,
        "a span a batch",
    )


def test_what_nobody_samples_is_not_sent(traced: Gateway, collector: Collector):
    with connected(traced) as channel:
        ask = stubs.RecommendationServiceStub(channel).Recommend
        ask(ANONYMOUS)
        ask(ANONYMOUS, metadata=parent("5" * 32, sampled=False))
        ask(ANONYMOUS, metadata=(("traceparent", "of another make"),))
        ask(ANONYMOUS, metadata=parent("6" * 32))
    of(collector, "6" * 32)
    known = {c * 32 for c in "12346"}
    assert {s.trace_id.hex() for s in collector.spans} <= known


def test_spans_say_whose_they_are(traced: Gateway, collector: Collector):
    trace = "7" * 32
    with connected(traced) as channel:
        stubs.RecommendationServiceStub(channel).Recommend(ANONYMOUS, metadata=parent(trace))
    of(collector, trace)
    told = said(collector.requests[0].resource_spans[0].resource.attributes)
    assert told["service.name"] == "recserve-gateway"
    assert told["telemetry.sdk.language"] == "python"


@pytest.mark.parametrize("hung", [False, True], ids=["away", "hung"])
def test_a_collector_that_takes_nothing_keeps_no_call_and_no_end(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, hung: bool
):
    with socket.socket() as listener:
        port = free_ports(1)[0]
        if hung:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with launched(settings | {"WORKERS": "1"}, tmp_path) as gateway:
            gateway.wait_serving(1)
            for _ in range(5):
                assert recommend(gateway).items
            gateway.process.send_signal(signal.SIGTERM)
            assert gateway.process.wait(60) == 0
            assert "killed" not in gateway.said()
