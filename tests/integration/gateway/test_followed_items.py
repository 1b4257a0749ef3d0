"""Changes of items reach every worker; a Redis that is silent, or has lost them, is told in the answers."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import redis
from recserve.v1 import recommendation_service_pb2 as pb
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from serving.features.read_plan import parse_read_plan
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from serving.local.redis import executable
from serving.triton.ports import free_ports
from tests.integration.gateway import tiny
from tests.integration.gateway.running import (
    Gateway,
    eventually,
    launched,
    recommend,
)

PLAN = parse_read_plan(tiny.read_plan(), "tiny")
KEYS = np.arange(100, 100 + tiny.ITEMS, dtype=np.int64)
BEST = pb.RecommendRequest(
    surface=pb.SURFACE_PRODUCT, filters=[pb.Filter(field="popularity", minimum=100)]
)


@contextmanager
def redis_at(socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    server = subprocess.Popen(
        [executable(), "--port", "0", "--unixsocket", socket, "--save", ""],
        cwd=socket.parent,
        stdout=subprocess.DEVNULL,
    )
    retry = Retry(ConstantBackoff(0.05), retries=600)
    try:
        with redis.Redis(
            unix_socket_path=str(socket), retry=retry, retry_on_error=[redis.ConnectionError]
        ) as client:
            client.ping()
        yield server
    finally:
        server.kill()
        server.wait()


def write(url: str, keys: np.ndarray, popularity: float, later: int = 0) -> None:
    rows = PLAN.views["item_activity"].layout.empty(len(keys))
    rows["event_time_us"], rows["popularity"] = tiny.NOW_US + later, popularity
    with RowStore(url, tiny.PROJECT) as store:
        store.write("item_activity", "item_id", keys, rows)


def answers(gateway: Gateway, workers: int = 2) -> list[pb.RecommendResponse]:
    """So many that every worker is among those who gave them, most likely."""
    return [recommend(gateway, BEST) for _ in range(6 * workers)]


def found(gateway: Gateway) -> set[tuple[str, ...]]:
    return {tuple(item.item_id for item in answer.items) for answer in answers(gateway)}


def marks(gateway: Gateway) -> set[bool]:
    """Whether answers say that changes of items may be missing."""
    return {
        any(
            d.stage == "items" and d.reason == pb.DEGRADATION_REASON_BEHIND
            for d in answer.answer.degradations
        )
        for answer in answers(gateway)
    }


def test_pushed_items_are_followed_through_an_outage_and_a_loss_is_told(tmp_path: Path) -> None:
    socket = tmp_path / "r.sock"
    url, folder = f"unix://{socket}", tmp_path / "snapshots"
    settings = {
        "BUNDLE": str(tiny.write_bundle(tmp_path / "bundle")),
        "SNAPSHOT": str(folder / "current"),
        "REDIS_URL": url,
        "TRITON_ENDPOINTS": f"127.0.0.1:{free_ports(1)[0]}",
        "WORKERS": "2",
        "DEFAULT_DEADLINE_MS": "5000",
        "RUN_DIR": str(tmp_path / "run"),
    }
    with redis_at(socket) as server:
        write(url, KEYS, 1.0)
        with RowStore(url, tiny.PROJECT) as store:
            build(PLAN, store, folder)
        with launched(settings, tmp_path) as gateway:
            gateway.wait_serving(2)
            assert (found(gateway), marks(gateway)) == ({()}, {False})
            write(url, KEYS[:1], 200.0, later=1)
            eventually(lambda: found(gateway) == {("100",)}, "every worker has the pushed value")
            write(url, np.array([777]), 300.0, later=1)
            eventually(lambda: found(gateway) == {("100", "777")}, "and the new item")
            assert gateway.figure("recserve_changed_items") == 2

            server.send_signal(signal.SIGSTOP)
            eventually(lambda: marks(gateway) == {True}, "a silent Redis is told")
            assert found(gateway) == {("100", "777")}
            assert gateway.figure("recserve_item_lag_seconds") > 1
            server.send_signal(signal.SIGCONT)
            eventually(lambda: marks(gateway) == {False}, "and forgotten when it speaks again")

            server.kill()
            server.wait()
            with redis_at(socket):  # empty
                eventually(
                    lambda: gateway.said().count("are no longer in Redis") == 2,
                    "the loss is noticed",
                )
                assert marks(gateway) == {True}
                write(url, KEYS[1:], 400.0, later=2)
                with RowStore(url, tiny.PROJECT) as store:
                    build(PLAN, store, folder)
                eventually(lambda: marks(gateway) == {False}, "a new snapshot makes it whole")
                assert recommend(gateway).answer.snapshot_version == (
                    (folder / "current").resolve().name
                )
        said = gateway.said().count("can't be followed at the moment")
        assert said <= 2 * 3  # once an outage and worker; the last as Redis ends before the gateway
