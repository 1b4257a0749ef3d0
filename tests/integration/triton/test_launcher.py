import socket
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from serving.errors import ArtefactError, Unavailable
from serving.triton.environment import DEFAULT, ROOT, TritonEnvironment
from serving.triton.existing import require_models
from serving.triton.launcher import launch, running, stop, wait_ready
from serving.triton.ports import free_ports
from tests.integration.triton.tiny_models import add_sums


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    add_sums(folder)
    return folder


def test_only_the_models_asked_for_are_ready_and_the_server_is_gone_after_the_block(
    repository: Path, tmp_path: Path
):
    add_sums(repository, "not_wanted")
    with (
        running(repository, tmp_path / "server", models=["sums"]) as endpoint,
        triton.InferenceServerClient(endpoint) as client,
    ):
        assert client.is_model_ready("sums")
        assert not client.is_model_ready("not_wanted")
    host, port = endpoint.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


def test_a_model_that_fails_to_load_is_named_with_the_reason(repository: Path, tmp_path: Path):
    (repository / "sums/1/model.onnx").write_bytes(b"no graph")
    with (
        pytest.raises(ArtefactError, match=r"did not start: .*'sums'.*INVALID_PROTOBUF"),
        running(repository, tmp_path / "server"),
    ):
        pass


def test_a_taken_port_is_named(repository: Path, tmp_path: Path):
    grpc_port, http_port, metrics_port = free_ports(3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", grpc_port))
        taken.listen()
        log = tmp_path / "triton.log"
        process = launch(repository, grpc_port, http_port, metrics_port, log)
        try:
            with pytest.raises(ArtefactError, match=f"127.0.0.1:{grpc_port}.* already in use"):
                wait_ready(process, grpc_port, 60, log)
        finally:
            stop(process)


def test_a_server_that_is_not_ready_in_time_is_unavailable_and_the_log_is_named(
    repository: Path, tmp_path: Path
):
    with (
        pytest.raises(Unavailable, match=r"not ready after 0 s: .*triton\.log"),
        running(repository, tmp_path / "server", timeout_s=0),
    ):
        pass


def test_a_repository_without_models_is_refused(tmp_path: Path):
    with (
        pytest.raises(ArtefactError, match="holds no model"),
        running(tmp_path, tmp_path / "server"),
    ):
        pass


@pytest.mark.parametrize("name", ["a server", "it's", "$HOME", "a;b", "server (1)", "ä"])
def test_a_path_unfit_for_a_shell_is_refused_at_once(repository: Path, tmp_path: Path, name: str):
    with (
        pytest.raises(ArtefactError, match="path of more than plain letters"),
        running(repository, tmp_path / name),
    ):
        pass


def test_any_other_path_will_do(repository: Path, tmp_path: Path):
    with running(repository, tmp_path / "50%25,1+1@x=y:z") as endpoint:
        assert endpoint


def test_an_environment_without_a_server_says_how_to_make_one(repository: Path, tmp_path: Path):
    environment = TritonEnvironment(tmp_path / "nothing")
    with (
        pytest.raises(ArtefactError, match="holds no tritonserver; make env creates"),
        running(repository, tmp_path / "server", environment=environment),
    ):
        pass


def test_numpy_2_in_the_servers_environment_is_refused(repository: Path, tmp_path: Path):
    """The server of the one environment with the Python of the other, which has numpy 2."""
    mixed, project = tmp_path / "mixed", ROOT / ".venv/project"
    packages = mixed / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (mixed / "bin").symlink_to(project / "bin")
    (mixed / "pyvenv.cfg").symlink_to(project / "pyvenv.cfg")
    there = project / "lib/python3.11/site-packages"
    carried = TritonEnvironment(DEFAULT).site_packages
    for package in ("numpy", "numpy.libs", "onnxruntime", "google", "flatbuffers", "packaging"):
        if (there / package).exists():
            (packages / package).symlink_to(there / package)
    for package in ("pytriton", "nvidia_pytriton.libs"):
        (packages / package).symlink_to(carried / package)
    with (
        pytest.raises(ArtefactError, match=r"numpy 2.*needs numpy below 2"),
        running(repository, tmp_path / "server", environment=TritonEnvironment(mixed)),
    ):
        pass


def test_an_existing_server_is_taken_if_it_has_the_models(repository: Path, tmp_path: Path):
    with running(repository, tmp_path / "server") as endpoint:
        require_models(endpoint, ["sums"])
        with pytest.raises(Unavailable, match=rf"at {endpoint} \(TRITON_URL\) lacks .* ranker"):
            require_models(endpoint, ["sums", "ranker"])


def test_an_existing_server_that_does_not_answer_is_named():
    endpoint = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(Unavailable, match=f"No Triton answers gRPC at {endpoint} .*TRITON_URL"):
        require_models(endpoint, ["ranker"])
