from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving.triton.launcher import running
from tests.integration.triton.tiny_models import (
    add_column_means,
    add_look_up,
    add_sums,
    tensor,
)

ATTEMPTS = 20


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    add_sums(folder)
    add_look_up(folder)
    add_column_means(folder)
    return folder


@pytest.fixture(scope="module")
def endpoint(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(repository, tmp_path_factory.mktemp("server")) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(endpoint) as client:
        yield client


def sums(client: triton.InferenceServerClient, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return client.infer("sums", [tensor("a", a), tensor("b", b)]).as_numpy("total")


def executions(client: triton.InferenceServerClient, model: str) -> tuple[int, int]:
    found = client.get_inference_statistics(model).model_stats[0]
    return found.inference_count, found.execution_count


def test_requests_of_different_sizes_run_as_one_and_each_gets_its_own_rows(
    client: triton.InferenceServerClient,
):
    feeds = [
        (np.full((rows, 3), rows, np.float32), np.arange(rows * 3, dtype=np.float32).reshape(-1, 3))
        for rows in (1, 3, 2)
    ]
    for _ in range(ATTEMPTS):
        rows_before, runs_before = executions(client, "sums")
        with ThreadPoolExecutor(len(feeds)) as pool:
            answers = list(pool.map(lambda feed: sums(client, *feed), feeds))
        rows_after, runs_after = executions(client, "sums")
        for answer, (a, b) in zip(answers, feeds, strict=True):
            np.testing.assert_array_equal(answer, a + b)
        assert rows_after - rows_before == 6
        if runs_after - runs_before == 1:
            return
    pytest.fail(f"three concurrent requests never ran as one in {ATTEMPTS} attempts")


def test_only_the_outputs_asked_for_come_back(client: triton.InferenceServerClient):
    ones = np.ones((2, 3), np.float32)
    answer = client.infer(
        "sums",
        [tensor("a", ones), tensor("b", ones)],
        outputs=[triton.InferRequestedOutput("difference")],
    )
    np.testing.assert_array_equal(answer.as_numpy("difference"), np.zeros((2, 3)))
    assert answer.as_numpy("total") is None


def look_up(client: triton.InferenceServerClient, row: int) -> float | str:
    rows = np.array([[row]], np.int64)
    try:
        return float(client.infer("look_up", [tensor("row", rows)]).as_numpy("found")[0, 0])
    except InferenceServerException as error:
        return str(error.message())


def test_a_request_that_fails_does_not_fail_the_ones_batched_with_it(
    client: triton.InferenceServerClient,
):
    with ThreadPoolExecutor(3) as pool:
        first, wrong, last = pool.map(lambda row: look_up(client, row), (1, 99, 3))
    assert (first, last) == (10.0, 30.0)
    assert isinstance(wrong, str)
    assert "out of data bounds" in wrong


def test_a_graph_that_loses_rows_is_an_error_that_says_so(client: triton.InferenceServerClient):
    with pytest.raises(InferenceServerException, match="mean has 1 rows for 2 of the input"):
        client.infer("means", [tensor("a", np.ones((2, 3), np.float32))])


def test_a_config_with_another_tensor_than_the_graph_is_refused(
    client: triton.InferenceServerClient, repository: Path
):
    add_sums(repository, "other")
    config = repository / "other/config.pbtxt"
    config.write_text(config.read_text().replace('"total"', '"sum"'))
    with pytest.raises(InferenceServerException, match=r"only in config.pbtxt \['sum'\]"):
        client.load_model("other")


def test_the_number_of_threads_is_read_from_the_config(
    client: triton.InferenceServerClient, repository: Path
):
    parameter = 'parameters {{ key: "intra_op_thread_count", value {{ string_value: "{}" }} }}'
    add_sums(repository, "one_thread", extra=parameter.format(1))
    client.load_model("one_thread")
    assert client.is_model_ready("one_thread")

    add_sums(repository, "many_threads", extra=parameter.format("many"))
    with pytest.raises(
        InferenceServerException, match="intra_op_thread_count is 'many'; give a number from 0"
    ):
        client.load_model("many_threads")
