"""Workers that die, fall silent or lose their supervisor; each test has a gateway of its own."""

import os
import signal
from pathlib import Path

import grpc

from tests.integration.gateway import tiny
from tests.integration.gateway.running import (
    Gateway,
    eventually,
    launched,
    recommend,
)

Settings = dict[str, str]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def answers(gateway: Gateway) -> bool:
    """Whether a caller that tries again after a closed connection gets an answer."""
    try:
        return len(recommend(gateway).items) == 5
    except grpc.RpcError as error:
        assert error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}  # noqa: PT017
        return False


def test_a_dead_or_stuck_worker_is_replaced_and_requests_go_on(
    settings: Settings, tmp_path: Path
) -> None:
    with launched(settings | {"HEARTBEAT_TIMEOUT_S": "3"}, tmp_path) as gateway:
        gateway.wait_serving(2)
        dead, stuck = gateway.workers()
        os.kill(dead, signal.SIGKILL)
        eventually(lambda: answers(gateway), "the other answers")
        eventually(lambda: f"worker {dead} ended with status -9" in gateway.said(), "it is noticed")
        gateway.wait_serving(2)

        os.kill(stuck, signal.SIGSTOP)
        eventually(lambda: not alive(stuck), "the stuck worker is killed")
        gateway.wait_serving(2)
        assert f"worker {stuck} was silent for 3 s and is killed" in gateway.said()
        assert not {dead, stuck} & set(gateway.workers())
        eventually(lambda: answers(gateway), "the new ones answer")
        assert gateway.figure("recserve_worker_restarts_total") == 2


def test_no_worker_outlives_a_killed_supervisor(settings: Settings, tmp_path: Path) -> None:
    with launched(settings, tmp_path) as gateway:
        gateway.wait_serving(2)
        workers = gateway.workers()
        assert len(workers) == 2
        gateway.process.kill()
        gateway.process.wait()
        eventually(lambda: not any(alive(pid) for pid in workers), "both workers are gone")


def test_workers_that_can_not_start_make_the_gateway_give_up(
    settings: Settings, tmp_path: Path
) -> None:
    (Path(settings["BUNDLE"]) / "policy.json").write_text("{}")
    with launched(settings, tmp_path) as gateway:
        assert gateway.process.wait(60) == 1
    assert "was changed after export" in gateway.said()
    assert gateway.said().splitlines()[-1].startswith("gateway: the workers can't start")


def test_a_new_snapshot_is_taken_while_requests_go_on(settings: Settings, tmp_path: Path) -> None:
    link = Path(settings["SNAPSHOT"])
    with launched(settings, tmp_path) as gateway:
        gateway.wait_serving(2)
        assert recommend(gateway).answer.snapshot_version == "first"
        turned = range(tiny.ITEMS - 1, -1, -1)
        tiny.point(link, tiny.write_snapshot(link.parent / "second", turned))
        eventually(
            lambda: gateway.said().count("snapshot second serves") == 2, "both workers have it"
        )
        response = recommend(gateway)
        assert response.answer.snapshot_version == "second"
        assert [item.item_id for item in response.items] == ["139", "138", "137", "136", "135"]

        broken = tiny.write_snapshot(link.parent / "third")
        (broken / "float32.npy").write_bytes(b"")
        tiny.point(link, broken)
        eventually(
            lambda: gateway.said().count("the new snapshot can't be used") == 2, "both refuse it"
        )
        cut_short = tiny.write_snapshot(link.parent / "fourth")
        (cut_short / "manifest.json").write_text('{"version": 1, "snaps')
        tiny.point(link, cut_short)
        eventually(lambda: gateway.said().count("is no JSON") == 2, "both refuse it")
        assert recommend(gateway).answer.snapshot_version == "second"
        assert gateway.figure("recserve_artefact_info", version="second") == 1
        assert gateway.figure("recserve_artefact_info", version="first") == 0
        assert gateway.figure("recserve_worker_restarts_total") == 0
