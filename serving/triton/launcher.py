"""Starts the real tritonserver of the embedded environment on a model repository, loopback only."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.errors import ArtefactError, Unavailable
from serving.triton.environment import TritonEnvironment
from serving.triton.ports import LOOPBACK, free_ports
from serving.triton.server_log import decisive_line

CONNECTION_AGE_S = 300
EXIT_TIMEOUT_S = 10  # for requests under way, after SIGTERM
POLL_S = 0.1


def launch(
    repository: Path,
    grpc_port: int,
    http_port: int,
    metrics_port: int,
    log: Path,
    models: Sequence[str] | None = None,
    environment: TritonEnvironment | None = None,
    beside: Sequence[Path] = (),
) -> subprocess.Popen[bytes]:
    """Starts a server that loads `models`, or every model of `repository` and those `beside` it.

    Returns at once.

    It leads a process group of its own; its backends are assembled beside `log`.

    Raises:
        ArtefactError: no environment, no model in the repository, or a path unfit for a shell.
    """
    environment = environment or TritonEnvironment()
    environment.check()
    repositories = [repository.resolve(), *(path.resolve() for path in beside)]
    wanted = models_of(*repositories) if models is None else list(models)
    backends = log.parent.absolute() / "triton-backends"
    joined = "".join(map(str, [backends, *repositories]))
    if shlex.quote(joined) != joined:  # the stub is started by a line of bash
        raise ArtefactError(
            f"one of {', '.join(map(str, [backends, *repositories]))} has a path of more than plain "
            "letters, digits and @%+=:,./-_, where Triton can't start its Python stub; choose other folders"
        )
    environment.assemble_backends(backends)
    command = [
        str(environment.binary.absolute()),
        *(f"--model-repository={path}" for path in repositories),
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in wanted),
        "--disable-auto-complete-config",  # the bundle's config.pbtxt is complete, or refused
        *listening("grpc", grpc_port),
        *listening("http", http_port),
        *listening("metrics", metrics_port),
        f"--grpc-max-connection-age={CONNECTION_AGE_S * 1000}",
        f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
    ]
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=environment.variables(),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def listening(service: str, port: int) -> list[str]:
    return [f"--{service}-address={LOOPBACK}", f"--{service}-port={port}"]


def models_of(*repositories: Path) -> list[str]:
    """The models of the repositories, by name.

    Raises:
        ArtefactError: one of them has none.
    """
    found: list[str] = []
    for repository in repositories:
        models = [path.parent.name for path in repository.glob("*/config.pbtxt")]
        if not models:
            raise ArtefactError(f"{repository} holds no model, that is no <name>/config.pbtxt")
        found += models
    return sorted(found)


def wait_ready(
    process: subprocess.Popen[bytes], grpc_port: int, timeout_s: float, log: Path
) -> None:
    """Returns when the server answers that it and its models are ready.

    Raises:
        ArtefactError: the server gave up; with the line of its log that says why.
        Unavailable: it is still not ready after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    with grpc.insecure_channel(f"{LOOPBACK}:{grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while not serving(health):
            if process.poll() is not None:
                raise ArtefactError(f"Triton did not start: {decisive_line(log)} (see {log})")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Triton is not ready after {timeout_s:.0f} s: {decisive_line(log)} (see {log})"
                )
            time.sleep(POLL_S)


def serving(health: health_pb2_grpc.HealthStub) -> bool:
    try:
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=1)
    except grpc.RpcError:
        return False  # nobody listens yet: the caller waits
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def running(
    repository: Path,
    folder: Path,
    models: Sequence[str] | None = None,
    environment: TritonEnvironment | None = None,
    timeout_s: float = 120,
    beside: Sequence[Path] = (),
) -> Iterator[str]:
    """A server on free ports while the block runs; yields its gRPC `host:port`.

    Its log, `triton.log`, and its backends lie in `folder`. Raises as `launch` and `wait_ready` do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "triton.log"
    grpc_port, http_port, metrics_port = free_ports(3)
    process = launch(
        repository, grpc_port, http_port, metrics_port, log, models, environment, beside
    )
    try:
        wait_ready(process, grpc_port, timeout_s, log)
        yield f"{LOOPBACK}:{grpc_port}"
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server gracefully, then whatever of its group is left."""
    process.terminate()
    try:
        process.wait(EXIT_TIMEOUT_S + 5)
    except subprocess.TimeoutExpired:
        process.kill()
    with suppress(ProcessLookupError):  # raised where all is well: the server took its stubs along
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
