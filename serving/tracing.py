"""What a call waited for, as spans of OpenTelemetry. Off, and nearly free, until a worker exports them.

Attributes follow the semantic conventions for RPC of 2026, with `recserve.*` beside them; so do names, but
for those of questions to models, which say the model. They hold codes and names of stages, models and
endpoints and never an error's text: nothing that a caller wrote but ids.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from types import TracebackType

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Metadata = Iterable[tuple[str, str | bytes]]

RPC = {"rpc.system.name": "grpc"}
OK = "OK"
BROKEN = "BROKEN"  # an outcome for which gRPC has no code
TRACEPARENT = "traceparent"
FAULTS = frozenset(  # codes that are the server's fault, as the conventions have it
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)

_tracer: Tracer | None = None
_propagator = TraceContextTextMapPropagator()  # https://www.w3.org/TR/trace-context/


def use(tracer: Tracer | None) -> None:
    """From now on spans are of `tracer`; None: there are none."""
    global _tracer  # noqa: PLW0603 - one a process, like the handlers of logging
    _tracer = tracer


@contextmanager
def answering(method: str, request_id: str, metadata: Metadata) -> Iterator[None]:
    """Around a call of ours; it belongs to its caller's trace where the metadata name one."""
    if _tracer is None:
        yield
        return
    said = RPC | {"rpc.method": method, "recserve.request_id": request_id}
    # Of `tracestate`, which is anybody's text, nothing is taken.
    parent = _propagator.extract({key: value for key, value in metadata if key == TRACEPARENT})
    with _span(_tracer, method, SpanKind.SERVER, said, parent):
        yield


def answered(code: str) -> None:
    """How the call of ours ended."""
    _ended(code, failed=code in FAULTS)


@contextmanager
def asking(method: str, model: str, target: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """Around a call to a model; yields the metadata by which its server joins the trace, if it is recorded.

    Triton records what it is told of, whether the caller does or not.
    """
    if _tracer is None:
        yield ()
        return
    host, _, port = target.rpartition(":")
    said: dict[str, str | int] = {**RPC, "rpc.method": method, "recserve.model": model}
    said["server.address"] = host
    if port.isdecimal():
        said["server.port"] = int(port)
    with _span(_tracer, f"ask {model}", SpanKind.CLIENT, said) as span:
        carrier: dict[str, str] = {}
        if span.is_recording():
            _propagator.inject(carrier)
        yield tuple(carrier.items())


def asked(code: str) -> None:
    """How the call to a model ended."""
    _ended(code, failed=code != OK)


def stage(name: str) -> AbstractContextManager[None]:
    """Around a stage of the call at hand."""
    if _tracer is None or not trace.get_current_span().is_recording():
        return nullcontext()
    return _stage(_tracer, name)


def happened(name: str, said: Mapping[str, str]) -> None:
    """An event of the stage or call at hand."""
    if _tracer is not None:
        trace.get_current_span().add_event(name, said)


def trace_id() -> str:
    """Of the call at hand, 32 hexadecimal digits; empty where it isn't recorded."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.trace_flags.sampled else ""


def _span(
    tracer: Tracer,
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    said: Mapping[str, str | int] | None = None,
    parent: Context | None = None,
) -> AbstractContextManager[Span]:
    """Current while it lasts; by itself it says nothing of an error, which would be its text."""
    return tracer.start_as_current_span(
        name, parent, kind, said, record_exception=False, set_status_on_exception=False
    )


@contextmanager
def _stage(tracer: Tracer, name: str) -> Iterator[None]:
    with _span(tracer, name) as span, ExitStack() as stack:
        stack.push(partial(_left, span))
        yield


def _left(
    span: Span,
    kind: type[BaseException] | None,
    error: BaseException | None,
    where: TracebackType | None,
) -> None:
    """A stage was left, by an error of this kind or without one."""
    del error, where
    if kind is not None:
        _failed(span, kind.__name__)


def _ended(code: str, *, failed: bool) -> None:
    if _tracer is None:
        return
    span = trace.get_current_span()
    if code != BROKEN:
        span.set_attribute("rpc.response.status_code", code)
    if failed:
        _failed(span, code)


def _failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)
