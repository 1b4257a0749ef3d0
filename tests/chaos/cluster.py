"""A gateway, two ingest workers and a Redis with its append-only file, each of which can be killed."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from serving.local.redis import executable
from serving.triton.ports import free_ports
from tests.integration.gateway import tiny
from tests.integration.gateway.running import Gateway, RedisClient, launched
from tests.integration.ingest.running import Ingest, ingesting, settings_beside

SHARDS = 2


@dataclass
class Cluster:
    """What runs, as it runs now."""

    folder: Path
    gateway: Gateway
    client: RedisClient
    server: "subprocess.Popen[bytes]"
    ingest: dict[int, Ingest] = field(default_factory=dict)
    closing: dict[int, ExitStack] = field(default_factory=dict)
    kills: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)

    def kill_one(self, chance: random.Random) -> None:
        """Kills any process, and starts it again unless its supervisor does."""
        victims: Mapping[str, Callable[[], None]] = {
            "gateway worker": lambda: self._kill_worker(chance),
            "ingest worker": lambda: self._kill_ingest(chance.randrange(SHARDS)),
            "redis": self._kill_redis,
        }
        if not self.next:  # every kind once before any comes again
            self.next = chance.sample(sorted(victims), len(victims))
        self.kills.append(self.next.pop())
        victims[self.kills[-1]]()

    def start_ingest(self, shard: int) -> None:
        stack = ExitStack()
        given = settings_beside(settings(self.folder), self.folder) | {"SHARD": f"{shard}/{SHARDS}"}
        self.ingest[shard] = stack.enter_context(ingesting(given, self.folder))
        self.closing[shard] = stack

    def _kill_worker(self, chance: random.Random) -> None:
        workers = self.gateway.workers()
        if workers:
            os.kill(chance.choice(workers), signal.SIGKILL)

    def _kill_ingest(self, shard: int) -> None:
        self.ingest[shard].process.kill()
        self.closing[shard].close()
        self.start_ingest(shard)

    def _kill_redis(self) -> None:
        self.server.kill()
        self.server.wait()
        self.server = start_redis(self.folder)


def settings(folder: Path) -> dict[str, str]:
    return {
        "BUNDLE": str(folder / "bundle"),
        "SNAPSHOT": str(folder / "snapshots/current"),
        "REDIS_URL": f"unix://{folder}/r.sock",
        "TRITON_ENDPOINTS": f"127.0.0.1:{free_ports(1)[0]}",
        "WORKERS": "2",
        "DEFAULT_DEADLINE_MS": "2000",
        "RUN_DIR": str(folder / "run"),
    }


def start_redis(folder: Path) -> "subprocess.Popen[bytes]":
    """As the local stack does."""
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(folder / "r.sock"),
        "--dir",
        str(folder),
        "--save",
        "",
    ]
    durable = ["--appendonly", "yes", "--appendfsync", "everysec"]
    with (folder / "redis.log").open("ab") as log:
        return subprocess.Popen([executable(), *options, *durable], stdout=log)


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    tiny.write_bundle(folder / "bundle")
    tiny.point(folder / "snapshots/current", tiny.write_snapshot(folder / "snapshots/first"))
    server = start_redis(folder)
    retry = Retry(ConstantBackoff(0.1), retries=300)
    client: RedisClient = redis.Redis(
        unix_socket_path=str(folder / "r.sock"), retry=retry, retry_on_error=[redis.ConnectionError]
    )
    client.ping()
    with ExitStack() as stack:
        gateway = stack.enter_context(launched(settings(folder), folder))
        cluster = Cluster(folder, gateway, client, server)
        stack.callback(lambda: (cluster.server.terminate(), cluster.server.wait()))
        stack.callback(client.close)
        for shard in range(SHARDS):
            cluster.start_ingest(shard)
        stack.callback(lambda: [closing.close() for closing in cluster.closing.values()])
        gateway.wait_serving(2)
        for worker in cluster.ingest.values():
            worker.wait_ready()
        yield cluster


def between(chance: random.Random, least_s: float, most_s: float) -> None:
    """Lets a random time pass: a kill shall strike at any point of the work."""
    time.sleep(chance.uniform(least_s, most_s))
