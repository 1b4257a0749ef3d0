import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as pb

from serving.clients.endpoints import EJECT_AFTER
from serving.clients.triton import STATUSES, TRIES, TritonModels, read, request_of
from serving.errors import Failed, OutsideError, TimedOut, Unavailable
from serving.types import Ticks
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeTicks
from tests.fakes.triton_server import TritonServer, listening

Code = grpc.StatusCode
X = {"x": np.arange(6, dtype=np.float32).reshape(1, 2, 3)}
NOBODY = "127.0.0.1:1"


@asynccontextmanager
async def models(
    *targets: str, recorder: ListRecorder | None = None, ticks: Ticks = time.monotonic
) -> AsyncIterator[TritonModels]:
    made = TritonModels(targets, Random(7), ticks, recorder or ListRecorder())
    try:
        yield made
    finally:
        await made.close()


async def test_tensors_go_and_come_back_as_raw_bytes():
    async with listening(TritonServer()) as triton, models(triton.target) as door:
        answer = await door.infer("any", X, ["y"], 10)
    np.testing.assert_array_equal(answer["y"], X["x"])
    assert answer["y"].dtype == np.float32
    request = triton.requests[0]
    assert request.inputs[0].datatype == "FP32"
    assert list(request.inputs[0].shape) == [1, 2, 3]
    assert [o.name for o in request.outputs] == ["y"]


async def test_the_time_left_is_tritons_timeout_too():
    async with listening(TritonServer()) as triton, models(triton.target) as door:
        await door.infer("any", X, ["y"], 10)
    microseconds = triton.requests[0].parameters["timeout"].int64_param
    assert 9e6 < microseconds <= 10e6


@pytest.mark.parametrize("code", TRIES, ids=lambda c: c.name)
async def test_a_call_whose_endpoint_goes_away_is_repeated_on_another(code: grpc.StatusCode):
    recorder = ListRecorder()
    async with (
        listening(TritonServer([code] * 9)) as going,
        listening(TritonServer()) as staying,
        models(going.target, staying.target, recorder=recorder) as door,
    ):
        for _ in range(8):
            await door.infer("any", X, ["y"], 10)
    assert going.requests
    assert len(staying.requests) == 8
    outcomes = {target: outcome for target, _, outcome in recorder.triton_calls}
    assert outcomes == {going.target: code.name, staying.target: "OK"}


async def test_an_address_where_nobody_listens_costs_no_answer():
    async with listening(TritonServer()) as triton, models(NOBODY, triton.target) as door:
        for _ in range(8):
            assert "y" in await door.infer("any", X, ["y"], 10)
    assert len(triton.requests) == 8


async def test_an_endpoint_that_keeps_failing_is_left_alone():
    async with (
        listening(TritonServer([Code.INTERNAL] * 99)) as broken,
        listening(TritonServer()) as healthy,
        models(broken.target, healthy.target, ticks=FakeTicks()) as door,
    ):
        for _ in range(60):
            with suppress(Failed):
                await door.infer("any", X, ["y"], 10)
    assert len(broken.requests) == EJECT_AFTER
    assert len(healthy.requests) == 60 - EJECT_AFTER


async def test_a_request_that_is_itself_wrong_is_not_held_against_the_endpoint():
    wrong = [Code.INVALID_ARGUMENT] * (EJECT_AFTER + 1)
    async with (
        listening(TritonServer(wrong)) as one,
        listening(TritonServer(list(wrong))) as two,
        models(one.target, two.target) as door,
    ):
        while one.codes or two.codes:
            with suppress(Failed):
                await door.infer("any", X, ["y"], 10)
        # With either of them ejected, the other would have to answer all of these.
        before = len(one.requests), len(two.requests)
        for _ in range(40):
            await door.infer("any", X, ["y"], 10)
    assert len(one.requests) > before[0]
    assert len(two.requests) > before[1]


@pytest.mark.parametrize(("code", "times"), [(Code.UNAVAILABLE, 2), (Code.NOT_FOUND, 4)])
async def test_a_call_is_repeated_no_more_than_so_often(code: grpc.StatusCode, times: int):
    async with listening(TritonServer([code] * 9)) as triton:
        async with models(triton.target) as door:
            with pytest.raises(Unavailable):
                await door.infer("any", X, ["y"], 10)
        assert len(triton.requests) == times


async def test_a_version_is_asked_for_where_one_is_known():
    async with listening(TritonServer()) as triton:
        known = {"mlp": "7"}
        door = TritonModels([triton.target], Random(7), time.monotonic, ListRecorder(), known)
        for name in ("mlp", "text_encoder_1234"):
            await door.infer(name, X, ["y"], 10)
        await door.close()
    assert [r.model_version for r in triton.requests] == ["7", ""]


async def test_who_cannot_be_asked_lacks_nothing():
    async with listening(TritonServer()) as triton, models(triton.target) as door:
        assert not await door.lacks("any", 10)  # it knows no such question
    async with models(NOBODY) as door:
        assert not await door.lacks("any", 10)


@pytest.mark.parametrize("code", [c for c in STATUSES if c not in TRIES], ids=lambda c: c.name)
async def test_other_statuses_are_not_repeated(code: grpc.StatusCode):
    async with listening(TritonServer([code])) as triton, models(triton.target) as door:
        with pytest.raises(STATUSES[code], match=code.name):
            await door.infer("any", X, ["y"], 10)
    assert len(triton.requests) == 1


@pytest.mark.parametrize("code", [c for c in Code if c is not Code.OK], ids=lambda c: c.name)
def test_every_status_of_grpc_becomes_one_of_our_errors(code: grpc.StatusCode):
    assert STATUSES[code] in OutsideError.__subclasses__()


async def test_a_server_that_hangs_is_late():
    async with listening(TritonServer(hangs=True)) as triton, models(triton.target) as door:
        with pytest.raises(TimedOut):
            await door.infer("any", X, ["y"], 0.2)


async def test_a_call_given_up_is_cancelled_at_the_server():
    async with listening(TritonServer(hangs=True)) as triton, models(triton.target) as door:
        call = asyncio.create_task(door.infer("any", X, ["y"], 60))
        await triton.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(triton.cancelled.wait(), 30)


async def test_without_time_left_triton_is_not_asked():
    async with listening(TritonServer()) as triton, models(triton.target) as door:
        with pytest.raises(TimedOut, match="no time was left"):
            await door.infer("any", X, ["y"], 0)
    assert triton.requests == []


async def test_a_closed_channel_is_an_endpoint_that_is_away():
    async with listening(TritonServer()) as triton:
        async with models(triton.target) as door:
            await door.infer("any", X, ["y"], 10)
        with pytest.raises(Unavailable):
            await door.infer("any", X, ["y"], 10)


async def test_many_calls_at_once_share_the_endpoints():
    async with (
        listening(TritonServer()) as one,
        listening(TritonServer()) as two,
        models(one.target, two.target) as door,
    ):
        await asyncio.gather(*(door.infer("any", X, ["y"], 10) for _ in range(100)))
    assert min(len(one.requests), len(two.requests)) > 20


def response(datatype: str, shape: list[int], raw: bytes) -> pb.ModelInferResponse:
    output = pb.ModelInferResponse.InferOutputTensor(name="y", datatype=datatype, shape=shape)
    return pb.ModelInferResponse(outputs=[output], raw_output_contents=[raw])


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (pb.ModelInferResponse(), "did not answer with y"),
        (response("BYTES", [1], b"1234"), "BYTES"),
        (response("FP32", [1, 2], b""), "0 bytes"),
        (response("FP32", [1, 2], b"123456789"), "9 bytes"),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_failure(answer: pb.ModelInferResponse, complaint: str):
    with pytest.raises(Failed, match=complaint):
        read(answer, "any", ["y"])


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.bool_])
def test_every_type_of_the_contract_can_be_sent(dtype: type[np.generic]):
    tensor = np.ones((1, 2), dtype=dtype)
    request = request_of("any", {"x": tensor}, ["y"])
    answer = response(request.inputs[0].datatype, [1, 2], request.raw_input_contents[0])
    np.testing.assert_array_equal(read(answer, "any", ["y"])["y"], tensor)


def test_a_tensor_that_is_not_in_c_order_is_sent_in_c_order():
    tensor = np.arange(6, dtype=np.float32).reshape(2, 3).T
    raw = request_of("any", {"x": tensor}, ["y"]).raw_input_contents[0]
    np.testing.assert_array_equal(np.frombuffer(raw, dtype="<f4").reshape(3, 2), tensor)
