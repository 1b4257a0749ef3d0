"""A Triton of a few lines behind a real gRPC port: it answers, fails or hangs as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from grpc import aio
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as stubs


@dataclass
class TritonServer(stubs.GRPCInferenceServiceServicer):
    """Gives its first input back as its output; `codes` are the statuses of the next calls."""

    codes: list[grpc.StatusCode] = field(default_factory=list)
    hangs: bool = False
    hanging: frozenset[str] = frozenset()  # models that never answer, while others do
    output: str = "y"
    ready: bool | None = None  # of any model; None: it knows no such question
    requests: list[pb.ModelInferRequest] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    target: str = ""

    async def ModelInfer(  # noqa: N802
        self, request: pb.ModelInferRequest, context: aio.ServicerContext
    ) -> pb.ModelInferResponse:
        self.requests.append(request)
        self.asked.set()
        if self.codes:
            await context.abort(self.codes.pop(0), "as told")
        if self.hangs or request.model_name in self.hanging:
            await self._hang()
        given = request.inputs[0]
        output = pb.ModelInferResponse.InferOutputTensor(
            name=self.output, datatype=given.datatype, shape=given.shape
        )
        return pb.ModelInferResponse(
            outputs=[output], raw_output_contents=[request.raw_input_contents[0]]
        )

    async def ModelReady(  # noqa: N802
        self, request: pb.ModelReadyRequest, context: aio.ServicerContext
    ) -> pb.ModelReadyResponse:
        if self.ready is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "as told")
        return pb.ModelReadyResponse(ready=self.ready)

    async def _hang(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@asynccontextmanager
async def listening(triton: TritonServer) -> AsyncIterator[TritonServer]:
    """On a free loopback port."""
    server = aio.server()
    stubs.add_GRPCInferenceServiceServicer_to_server(triton, server)
    triton.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield triton
    finally:
        await server.stop(None)
