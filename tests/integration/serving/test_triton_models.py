"""The door to the models, against real Tritons."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from subprocess import Popen

import numpy as np
import pytest

from serving.clients.triton import TritonModels
from serving.errors import Failed, Unavailable
from serving.triton.launcher import launch, running, stop, wait_ready
from serving.triton.ports import free_ports
from tests.fakes.sinks import ListRecorder
from tests.integration.triton.tiny_models import add_sums

CALLS = 300
OTHER = str(2**60 - 1)  # the greatest version that an export gives


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    add_sums(folder, extra="")
    # Calls should not wait to be joined with others here.
    config = folder / "sums/config.pbtxt"
    config.write_text(config.read_text().replace("300000", "100"))
    return folder


@pytest.fixture(scope="module")
def triton(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(repository, tmp_path_factory.mktemp("triton")) as endpoint:
        yield endpoint


@pytest.fixture
async def door(triton: str) -> AsyncIterator[TritonModels]:
    made = TritonModels([triton], Random(7), time.monotonic, ListRecorder())
    yield made
    await made.close()


async def summed(door: TritonModels, a: float) -> float:
    inputs = {name: np.full((1, 3), a, dtype=np.float32) for name in ("a", "b")}
    answer = await door.infer("sums", inputs, ["total"], 30)
    assert answer["total"].shape == (1, 3)
    return float(answer["total"][0, 2])


async def test_each_of_many_calls_at_once_gets_its_own_answer(door: TritonModels):
    answers = await asyncio.gather(*(summed(door, i) for i in range(CALLS)))
    assert answers == [2.0 * i for i in range(CALLS)]


async def test_a_model_that_triton_does_not_have_is_away(door: TritonModels):
    with pytest.raises(Unavailable, match="no_such_model"):
        await door.infer("no_such_model", {"a": np.zeros((1, 3), np.float32)}, ["total"], 30)


async def test_a_tensor_of_another_shape_is_a_failure(door: TritonModels):
    wrong = {name: np.zeros((1, 4), dtype=np.float32) for name in ("a", "b")}
    with pytest.raises(Failed, match="INVALID_ARGUMENT"):
        await door.infer("sums", wrong, ["total"], 30)


@contextmanager
def another(repository: Path, folder: Path) -> Iterator[tuple[str, Popen[bytes]]]:
    """A second server, which the test may kill."""
    grpc_port, http_port, metrics_port = free_ports(3)
    log = folder / "triton.log"
    process = launch(repository, grpc_port, http_port, metrics_port, log)
    try:
        wait_ready(process, grpc_port, 120, log)
        yield f"127.0.0.1:{grpc_port}", process
    finally:
        stop(process)


async def test_an_endpoint_killed_under_load_costs_no_answer(
    triton: str, repository: Path, tmp_path: Path
):
    recorder = ListRecorder()
    with another(repository, tmp_path) as (target, process):
        door = TritonModels([triton, target], Random(7), time.monotonic, recorder)

        async def client(number: int) -> None:
            while ("UNAVAILABLE", target) not in seen():
                assert await summed(door, number) == 2.0 * number
                if seen().count(("OK", target)) == CALLS // 10:
                    process.kill()

        def seen() -> list[tuple[str, str]]:
            return [(outcome, called) for called, _, outcome in recorder.triton_calls]

        await asyncio.gather(*(client(number) for number in range(8)))
        await door.close()
    assert ("OK", target) in seen()


@pytest.fixture(scope="module")
def other_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """It has a model of the same name and shape, as the bundle after or before."""
    folder = tmp_path_factory.mktemp("others")
    add_sums(folder, extra="")
    (folder / "sums/1").rename(folder / f"sums/{OTHER}")
    with running(folder, tmp_path_factory.mktemp("other-triton")) as endpoint:
        yield endpoint


@asynccontextmanager
async def asking(*targets: str) -> AsyncIterator[tuple[TritonModels, ListRecorder]]:
    recorder = ListRecorder()
    door = TritonModels(targets, Random(7), time.monotonic, recorder, {"sums": OTHER})
    yield door, recorder
    await door.close()


async def test_a_triton_of_another_bundle_never_answers(triton: str, other_triton: str):
    async with asking(triton, other_triton) as (door, recorder):
        for number in range(40):
            assert await summed(door, number) == 2.0 * number
    answered = {(target, outcome) for target, _, outcome in recorder.triton_calls}
    assert answered == {(triton, "NOT_FOUND"), (other_triton, "OK")}


async def test_where_all_are_of_another_bundle_they_count_as_away(triton: str):
    async with asking(triton) as (door, _):
        with pytest.raises(Unavailable, match=f"sums at .*: NOT_FOUND .*version {OTHER}"):
            await summed(door, 1)
        assert await door.lacks("sums", 30)


async def test_one_that_has_the_version_lacks_nothing(other_triton: str):
    async with asking(other_triton) as (door, _):
        assert not await door.lacks("sums", 30)
        assert await door.lacks("no_such_model", 30)
