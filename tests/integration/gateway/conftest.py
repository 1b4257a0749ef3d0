import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from serving.local.redis import executable
from serving.triton.ports import free_ports
from tests.integration.gateway import tiny
from tests.integration.gateway.running import Gateway, RedisClient, launched


@pytest.fixture(scope="module")
def redis_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClient]:
    """A real Redis on a Unix socket, empty, which lives as long as the module's tests."""
    folder = tmp_path_factory.mktemp("redis")
    path = folder / "r.sock"
    server = subprocess.Popen(
        [executable(), "--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    retry = Retry(ConstantBackoff(0.05), retries=600)
    client = redis.Redis(
        unix_socket_path=str(path), retry=retry, retry_on_error=[redis.ConnectionError]
    )
    try:
        client.ping()
        yield client
    finally:
        client.close()
        server.terminate()
        server.wait()


@pytest.fixture
def settings(tmp_path: Path, redis_client: RedisClient) -> dict[str, str]:
    """Of a gateway of one's own."""
    return settings_in(tmp_path, redis_client)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, redis_client: RedisClient
) -> Iterator[Gateway]:
    """One for all tests of a module that leave it as it is; both workers serve."""
    folder = tmp_path_factory.mktemp("gateway")
    with launched(settings_in(folder, redis_client), folder) as running:
        running.wait_serving(2)
        yield running


def settings_in(folder: Path, redis_client: RedisClient) -> dict[str, str]:
    """A gateway on the tiny bundle and snapshot, whose Triton refuses every connection."""
    socket = redis_client.connection_pool.connection_kwargs["path"]
    snapshot = tiny.write_snapshot(folder / "snapshots" / "first")
    return {
        "BUNDLE": str(tiny.write_bundle(folder / "bundle")),
        "SNAPSHOT": str(tiny.point(folder / "snapshots" / "current", snapshot)),
        "REDIS_URL": f"unix://{socket}",
        "TRITON_ENDPOINTS": f"127.0.0.1:{free_ports(1)[0]}",
        "WORKERS": "2",
        "DEFAULT_DEADLINE_MS": "5000",
        "RUN_DIR": str(folder / "run"),
    }
