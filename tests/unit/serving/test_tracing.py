"""What spans hold, and what they never do."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from serving import tracing
from serving.errors import Failed
from serving.trail import Trail
from serving.types import Action, Degraded, Reason
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeTicks

TRACE = "7" * 32
PARENT = ("traceparent", f"00-{TRACE}-{'a' * 16}-01")
PRIVATE = "somebody@example.com"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider.get_tracer("test"))
    yield exporter
    tracing.use(None)


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def trail() -> Trail:
    return Trail(FakeTicks(), ListRecorder())


@pytest.mark.parametrize(
    ("error", "kind"),
    [(Failed(PRIVATE), "Failed"), (asyncio.CancelledError(PRIVATE), "CancelledError")],
)
def test_a_stage_that_is_left_by_an_error_says_its_kind_and_none_of_its_words(
    exporter: InMemorySpanExporter, error: BaseException, kind: str
):
    with (
        tracing.answering("Recommend", "r-1", [PARENT]),
        pytest.raises(type(error)),
        trail().stage("rank"),
    ):
        raise error
    found = spans(exporter)["rank"]
    assert found.status.status_code is StatusCode.ERROR
    assert found.attributes == {"error.type": kind}
    assert PRIVATE not in found.to_json()


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ("OK", False),
        ("INVALID_ARGUMENT", False),
        ("CANCELLED", False),
        ("DEADLINE_EXCEEDED", True),
        ("INTERNAL", True),
    ],
)
def test_an_answer_is_an_error_where_the_server_is_at_fault(
    exporter: InMemorySpanExporter, code: str, *, failed: bool
):
    with tracing.answering("Recommend", "r-1", []):
        tracing.answered(code)
    found = spans(exporter)["Recommend"]
    assert (found.status.status_code is StatusCode.ERROR) is failed
    assert found.attributes is not None
    assert found.attributes["rpc.response.status_code"] == code


def test_a_question_that_broke_has_no_code_of_grpc(exporter: InMemorySpanExporter):
    with tracing.answering("Recommend", "r-1", []), tracing.asking("Infer", "mlp", "triton:8001"):
        tracing.asked("BROKEN")
    attributes = spans(exporter)["ask mlp"].attributes
    assert attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "Infer",
        "recserve.model": "mlp",
        "server.address": "triton",
        "server.port": 8001,
        "error.type": "BROKEN",
    }


@pytest.mark.parametrize(
    "metadata",
    [
        [("traceparent", "of another make")],
        [("traceparent", "00-" + "0" * 32 + "-" + "a" * 16 + "-01")],
        [("traceparent", ""), ("key-bin", b"\x00\xff")],
        [("tracestate", f"vendor={PRIVATE}")],
    ],
)
def test_metadata_that_name_no_trace_begin_one(
    exporter: InMemorySpanExporter, metadata: tracing.Metadata
):
    with tracing.answering("Recommend", "r-1", metadata):
        assert tracing.trace_id() not in ("", TRACE)
    assert spans(exporter)["Recommend"].parent is None


@pytest.mark.parametrize("said", [f"vendor={PRIVATE}", f"{PRIVATE}'s words = , none"])
def test_nothing_of_a_tracestate_goes_on(
    exporter: InMemorySpanExporter, said: str, caplog: pytest.LogCaptureFixture
):
    with (
        tracing.answering("Recommend", "r-1", [PARENT, ("tracestate", said)]),
        tracing.asking("Infer", "mlp", "triton:8001") as metadata,
    ):
        assert tracing.trace_id() == TRACE
    assert dict(metadata).keys() == {"traceparent"}
    assert PRIVATE not in "".join(span.to_json() for span in exporter.get_finished_spans())
    assert PRIVATE not in caplog.text


def test_what_is_degraded_is_an_event_of_its_stage(exporter: InMemorySpanExporter):
    one = trail()
    with tracing.answering("Recommend", "r-1", []), one.stage("rank"):
        one.note([Degraded("rank", Reason.TIMEOUT, Action.UNRANKED, PRIVATE)])
    (event,) = spans(exporter)["rank"].events
    assert (event.name, dict(event.attributes or {})) == (
        "degraded",
        {"recserve.stage": "rank", "recserve.reason": "TIMEOUT"},
    )


def test_a_call_that_is_not_sampled_has_no_spans_and_no_id():
    tracing.use(TracerProvider(ALWAYS_OFF).get_tracer("test"))
    try:
        with tracing.answering("Recommend", "r-1", []), trail().stage("rank"):
            assert tracing.trace_id() == ""
            with tracing.asking("Infer", "mlp", "triton:8001") as metadata:
                assert metadata == ()
    finally:
        tracing.use(None)


def test_spans_of_calls_side_by_side_keep_to_their_own(exporter: InMemorySpanExporter):
    async def call(name: str, turn: asyncio.Barrier) -> None:
        with tracing.answering(name, name, []):
            await turn.wait()
            with trail().stage(f"stage of {name}"):
                await turn.wait()

    async def both() -> None:
        turn = asyncio.Barrier(2)
        await asyncio.gather(call("a", turn), call("b", turn))

    asyncio.run(both())
    found = spans(exporter)
    for name in ("a", "b"):
        parent = found[f"stage of {name}"].parent
        assert parent is not None
        assert parent.span_id == found[name].context.span_id
