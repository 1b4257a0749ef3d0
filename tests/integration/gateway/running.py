"""A real gateway, supervisor and workers, run as its user would, and what can be seen from outside."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import grpc
from prometheus_client.parser import text_string_to_metric_families
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from serving.triton.ports import free_ports

if TYPE_CHECKING:
    import redis

RedisClient: TypeAlias = "redis.Redis[bytes]"
ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
ANONYMOUS = pb.RecommendRequest(surface=pb.SURFACE_PRODUCT, page_size=5)
PERSONAL = pb.RecommendRequest(
    user_id="7",
    surface=pb.SURFACE_PRODUCT,
    page_size=5,
    consent=pb.Consent(personalization=True, logging=True),
)  # waits for Redis


def eventually(seen: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Looks again and again until it is so."""
    until = time.monotonic() + patience_s
    while not seen():
        assert time.monotonic() < until, f"within {patience_s:.0f} s it never was so: {what}"
        time.sleep(0.05)


def page(url: str) -> tuple[int, str]:
    """HTTP status and body; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


def figure(metrics: str, name: str, labels: Mapping[str, str]) -> float:
    """The sum of the samples of that name with these labels among theirs."""
    families = text_string_to_metric_families(metrics)
    samples = [s for family in families for s in family.samples if s.name == name]
    return sum(s.value for s in samples if labels.items() <= s.labels.items())


@dataclass(frozen=True, slots=True)
class Gateway:
    """`log` holds all that it has said."""

    process: subprocess.Popen[bytes]
    address: str
    http: str
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """HTTP status and body; status 0 where nobody answers."""
        return page(self.http + path)

    def wait_serving(self, count: int) -> None:
        def serving() -> bool:
            assert self.process.poll() is None, self.said()
            return self.get("/readyz")[1].startswith(f"{count} of ")

        eventually(serving, f"{count} workers serve")

    def figure(self, name: str, **labels: str) -> float:
        return figure(self.get("/metrics")[1], name, labels)

    def in_flight(self) -> float:
        return self.figure("recserve_in_flight")

    def workers(self) -> list[int]:
        """Process ids of the supervisor's children."""
        listing = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return sorted(int(pid) for file in listing for pid in file.read_text().split())

    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def launched(settings: dict[str, str], folder: Path) -> Iterator[Gateway]:
    """Starts a gateway; ends it, if it still runs. `settings` without their prefix."""
    ports = dict(zip(("PORT", "HTTP_PORT"), map(str, free_ports(2)), strict=True)) | settings
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.app"],
            cwd=ROOT,
            env=clean | {f"RECSERVE_GATEWAY_{name}": value for name, value in ports.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    http = f"http://127.0.0.1:{ports['HTTP_PORT']}"
    gateway = Gateway(process, f"127.0.0.1:{ports['PORT']}", http, log)
    try:
        yield gateway
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE_S)
        sys.stderr.write(gateway.said())  # shown with a test that failed


def connected(gateway: Gateway) -> grpc.Channel:
    """A connection of its own, which lands on any of the workers."""
    return grpc.insecure_channel(gateway.address, (("grpc.use_local_subchannel_pool", 1),))


def recommend(gateway: Gateway, request: pb.RecommendRequest = ANONYMOUS) -> pb.RecommendResponse:
    """Asks on a new connection."""
    with connected(gateway) as channel:
        response: pb.RecommendResponse = stubs.RecommendationServiceStub(channel).Recommend(request)
        return response
