"""The door to the models: Triton over gRPC, with raw tensor bytes.

The generated stubs are used rather than tritonclient's own client, which copies and converts more
than the hot path can afford.
"""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType

import grpc
import numpy as np
from grpc import aio
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from serving import tracing
from serving.clients.endpoints import Endpoint, Endpoints
from serving.errors import Failed, OutsideError, TimedOut, Unavailable
from serving.types import Recorder, Tensors, Ticks

Code = grpc.StatusCode
DATATYPES: Mapping[str, str] = {"int64": "INT64", "float32": "FP32", "bool": "BOOL"}
DTYPES: Mapping[str, np.dtype[np.generic]] = {
    "INT64": np.dtype("<i8"),
    "FP32": np.dtype("<f4"),
    "BOOL": np.dtype(np.bool_),
}
INFER = "inference.GRPCInferenceService/ModelInfer"
LARGEST_MESSAGE = 64 * 1024 * 1024
OPTIONS = (
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    # A name may stand for several pods: spread over them, and look again when connections end.
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),  # after which one that came back is used again
)

STATUSES: Mapping[grpc.StatusCode, type[OutsideError]] = {
    Code.CANCELLED: Unavailable,  # by the server: it is stopping
    Code.UNKNOWN: Failed,
    Code.INVALID_ARGUMENT: Failed,
    Code.DEADLINE_EXCEEDED: TimedOut,
    Code.NOT_FOUND: Unavailable,  # it serves another bundle
    Code.ALREADY_EXISTS: Failed,
    Code.PERMISSION_DENIED: Failed,
    Code.UNAUTHENTICATED: Failed,
    Code.RESOURCE_EXHAUSTED: Unavailable,
    Code.FAILED_PRECONDITION: Failed,
    Code.ABORTED: Failed,
    Code.OUT_OF_RANGE: Failed,
    Code.UNIMPLEMENTED: Failed,
    Code.INTERNAL: Failed,
    Code.UNAVAILABLE: Unavailable,
    Code.DATA_LOSS: Failed,
}
TRIES: Mapping[
    grpc.StatusCode, int
] = {  # all in all, of a call that ends so; any other ends at once
    Code.UNAVAILABLE: 2,
    Code.CANCELLED: 2,
    # In a roll-out half of a name's pods may serve another bundle, which each says without any work.
    Code.NOT_FOUND: 4,
}
# The request's fault rather than the endpoint's.
BLAMELESS = frozenset({Code.INVALID_ARGUMENT, Code.OUT_OF_RANGE, Code.FAILED_PRECONDITION})
# What grpc.aio raises beside AioRpcError, when a channel is closed or breaks.
BROKEN = (aio.UsageError, aio.InternalError)
BREAK = tracing.BROKEN  # the outcome of such a call; those of others are the names of statuses


class TritonModels:
    """A ModelDoor over several endpoints. Made inside a running event loop.

    `versions` of models by their names in Triton: a Triton that has others under these names, as of another
    bundle, counts as one that is away. Of any other model all versions will do.
    """

    def __init__(
        self,
        targets: Sequence[str],
        random: Random,
        ticks: Ticks,
        recorder: Recorder,
        versions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._channels = {t: aio.insecure_channel(t, options=OPTIONS) for t in targets}
        self._endpoints = Endpoints(targets, self._stub, random, ticks)
        self._ticks = ticks
        self._recorder = recorder
        self._versions = versions

    def _stub(self, target: str) -> GRPCInferenceServiceStub:
        return GRPCInferenceServiceStub(self._channels[target])

    async def infer(
        self, model: str, inputs: Tensors, outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[np.generic]]:
        """The named outputs, read-only.

        A call that finds its endpoint gone is repeated once on another, in the time that is left; one
        that finds other models there, three times.

        Raises:
            OutsideError: no endpoint can be reached, answers in time or without an error.
        """
        deadline = self._ticks() + timeout_s
        request = request_of(model, inputs, outputs, self._versions.get(model, ""))
        tried: list[Endpoint[GRPCInferenceServiceStub]] = []
        while True:
            endpoint = self._endpoints.choose(tried)
            tried.append(endpoint)
            try:
                response = await self._call(endpoint, request, deadline - self._ticks())
            except aio.AioRpcError as error:
                if len(tried) >= TRIES.get(error.code(), 1):
                    raise translated(error, model, endpoint.target) from error
            else:
                return read(response, model, outputs)

    async def _call(
        self,
        endpoint: Endpoint[GRPCInferenceServiceStub],
        request: pb.ModelInferRequest,
        timeout_s: float,
    ) -> pb.ModelInferResponse:
        if timeout_s <= 0:
            raise TimedOut(f"{request.model_name}: no time was left to ask Triton")
        request.parameters["timeout"].int64_param = int(timeout_s * 1e6)
        model, target = request.model_name, endpoint.target
        began, outcome = self._ticks(), Code.CANCELLED.name
        with tracing.asking(INFER, model, target) as metadata:
            try:
                with endpoint.call() as stub:
                    response = await stub.ModelInfer(request, timeout=timeout_s, metadata=metadata)
                outcome = Code.OK.name
                endpoint.succeeded()
            except aio.AioRpcError as error:
                outcome = error.code().name
                if error.code() not in BLAMELESS:
                    endpoint.failed()
                raise
            except BROKEN as error:
                outcome = BREAK
                endpoint.failed()
                raise Unavailable(f"{model} at {target}: {error}") from error
            finally:
                tracing.asked(outcome)
                self._recorder.triton_call(target, model, outcome, self._ticks() - began)
        return response

    async def lacks(self, model: str, timeout_s: float) -> bool:
        """Whether a Triton says that it doesn't have the model; one that can't be asked says nothing."""
        request = pb.ModelReadyRequest(name=model, version=self._versions.get(model, ""))
        try:
            with self._endpoints.choose().call() as stub:
                answer = await stub.ModelReady(request, timeout=timeout_s)
        except (aio.AioRpcError, *BROKEN):
            return False
        return not answer.ready

    async def close(self) -> None:
        await asyncio.gather(*(channel.close(None) for channel in self._channels.values()))


def translated(error: aio.AioRpcError, model: str, target: str) -> OutsideError:
    """Ours for one of grpc's."""
    ours = STATUSES.get(error.code(), Failed)
    return ours(f"{model} at {target}: {error.code().name} {error.details()}")


def request_of(
    model: str, inputs: Tensors, outputs: Sequence[str], version: str = ""
) -> pb.ModelInferRequest:
    """Tensors in C order, little-endian; without a version for whichever there is."""
    return pb.ModelInferRequest(
        model_name=model,
        model_version=version,
        inputs=[
            pb.ModelInferRequest.InferInputTensor(
                name=name, datatype=DATATYPES[tensor.dtype.name], shape=tensor.shape
            )
            for name, tensor in inputs.items()
        ],
        outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs],
        raw_input_contents=[tensor.tobytes() for tensor in inputs.values()],
    )


def read(
    response: pb.ModelInferResponse, model: str, outputs: Sequence[str]
) -> dict[str, NDArray[np.generic]]:
    """The outputs by name.

    Raises:
        Failed: one is missing, of an unknown type, or its bytes don't fill its shape.
    """
    found = {
        tensor.name: _array(tensor, raw, model)
        for tensor, raw in zip(response.outputs, response.raw_output_contents, strict=False)
    }
    if missing := [name for name in outputs if name not in found]:
        raise Failed(f"{model} did not answer with {', '.join(missing)}")
    return found


def _array(
    tensor: pb.ModelInferResponse.InferOutputTensor, raw: bytes, model: str
) -> NDArray[np.generic]:
    dtype, shape = DTYPES.get(tensor.datatype), tuple(tensor.shape)
    if dtype is None:
        raise Failed(f"{model}: output {tensor.name} is {tensor.datatype}, which isn't read here")
    if len(raw) != dtype.itemsize * int(np.prod(shape)):
        raise Failed(f"{model}: output {tensor.name} of shape {shape} came as {len(raw)} bytes")
    array: NDArray[np.generic] = np.frombuffer(raw, dtype=dtype).reshape(shape)
    return array
