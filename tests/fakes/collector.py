"""A collector of traces that keeps what it is sent, over OTLP by gRPC or HTTP."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as stubs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.e2e.patience import eventually

HOST = "127.0.0.1"
IDS = ("traceId", "spanId", "parentSpanId")


class Collector(stubs.TraceServiceServicer):
    """`address` is its `host:port`."""

    def __init__(self) -> None:
        self.requests: list[pb.ExportTraceServiceRequest] = []
        self.address = ""

    def Export(  # noqa: N802
        self, request: pb.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> pb.ExportTraceServiceResponse:
        del context
        self.requests.append(request)
        return pb.ExportTraceServiceResponse()

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in list(self.requests)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def wait(self, seen: Callable[[list[Span]], bool], what: str) -> list[Span]:
        """The spans, once `seen` says that they are there."""

        def look() -> list[Span] | None:
            spans = self.spans
            return spans if seen(spans) else None

        return eventually(look, what)


def said(attributes: Any) -> dict[str, object]:
    """Attributes of a span, an event or a resource by their names."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def by_grpc() -> Iterator[Collector]:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    stubs.add_TraceServiceServicer_to_server(collector, server)
    collector.address = f"{HOST}:{server.add_insecure_port(f'{HOST}:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _with_base64(told: Any) -> Any:
    """OTLP's JSON writes ids in hexadecimal digits, where protobuf's has base64."""
    if isinstance(told, list):
        return [_with_base64(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {
        name: b64encode(bytes.fromhex(value)).decode() if name in IDS else _with_base64(value)
        for name, value in told.items()
    }


@contextmanager
def by_http() -> Iterator[Collector]:
    collector = Collector()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = pb.ExportTraceServiceRequest()
            assert self.headers["Content-Type"] == "application/json", "as Triton sends it"
            json_format.ParseDict(_with_base64(json.loads(body)), request)
            collector.requests.append(request)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Taking) as server:
        collector.address = f"{HOST}:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
