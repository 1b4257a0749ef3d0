"""A Redis for a benchmark: the real server, on a Unix socket in a folder of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from serving.local.redis import executable
from tests.load.peers import end

RedisClient: TypeAlias = "redis.Redis[bytes]"


@contextmanager
def scratch_redis(folder: Path, name: str) -> Iterator[Path]:
    """Its socket. It keeps an append-only file as `make up`'s does, synced every second."""
    home = folder / name
    home.mkdir(parents=True)
    socket = home / "s"
    options = [
        *("--port", "0", "--unixsocket", socket, "--dir", home, "--save", ""),
        *("--appendonly", "yes", "--appendfsync", "everysec"),
    ]
    process = subprocess.Popen([executable(), *options], stdout=subprocess.DEVNULL)
    try:
        with connected(socket) as client:
            client.ping()
        yield socket
    finally:
        end(process)


def connected(socket: Path) -> RedisClient:
    """Waits for a server that is only just starting."""
    retry = Retry(ConstantBackoff(0.05), retries=200)
    return redis.Redis(
        unix_socket_path=str(socket), retry=retry, retry_on_error=[RedisConnectionError]
    )


def url(socket: Path) -> str:
    return f"unix://{socket}"
