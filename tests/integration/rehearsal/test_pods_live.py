"""Kubelet and controllers on shell scripts: what a rehearsal relies on, and that it can go wrong."""

import time
from pathlib import Path

import pytest

from tests.integration.rehearsal import toy
from tests.rehearsal.controller import Stuck
from tests.rehearsal.scenarios import apply


async def test_a_pod_is_behind_its_service_once_it_is_ready_and_not_when_it_ends(tmp_path: Path):
    async with toy.running(tmp_path, toy.objects(toy.OBEDIENT)) as controllers:
        await controllers.settled()
        (pod,) = controllers.cluster.of("toy")
        await toy.eventually(
            lambda: controllers.cluster.look_up("toy") == (pod.address,), "published"
        )
        controllers.wanted["toy"] = 0
        await controllers.settled()
        await toy.eventually(lambda: controllers.cluster.look_up("toy") == (), "taken back")
        assert controllers.cluster.look_up("unknown") is None


async def test_one_that_ends_by_itself_is_started_again(tmp_path: Path):
    async with toy.running(tmp_path, toy.objects(toy.ENDS_ONCE)) as controllers:
        await controllers.settled()
        (pod,) = controllers.cluster.of("toy")
        assert pod.restarts == 1


async def test_one_that_is_killed_is_started_again_in_its_place(tmp_path: Path):
    async with toy.running(tmp_path, toy.objects(toy.OBEDIENT)) as controllers:
        await controllers.settled()
        (pod,) = controllers.cluster.of("toy")
        pod.containers[0].kill()
        await toy.eventually(lambda: pod.restarts == 1, "restarted")
        await controllers.settled()
        assert controllers.cluster.of("toy") == [pod]


async def test_one_that_is_no_longer_alive_is_started_again(tmp_path: Path):
    asked = {
        "exec": {"command": ["test", "!", "-e", "/data/sick"]},
        "periodSeconds": 0.1,
        "timeoutSeconds": 5,
    }
    async with toy.running(tmp_path, toy.objects(toy.OBEDIENT, livenessProbe=asked)) as controllers:
        await controllers.settled()
        (pod,) = controllers.cluster.of("toy")
        sick = tmp_path / "pods" / pod.name / "data/sick"
        sick.touch()
        await toy.eventually(
            lambda: pod.containers[0].probed["liveness failed"] >= 3, "failed thrice"
        )
        sick.unlink()
        await toy.eventually(lambda: pod.restarts == 1, "restarted")


async def test_sigterm_comes_after_the_hook(tmp_path: Path):
    hook = {"preStop": {"sleep": {"seconds": 1}}}
    async with toy.running(tmp_path, toy.objects(toy.OBEDIENT, lifecycle=hook)) as controllers:
        await controllers.settled()
        (pod,) = controllers.cluster.of("toy")
        began = time.time()
        await pod.terminate()
        term = float((tmp_path / "pods" / pod.name / "data/term").read_text())
        assert 1 <= term - began < 1.9
        assert not pod.containers[0].killed_late


async def test_one_that_ignores_sigterm_is_killed_after_its_grace_and_that_is_noted(tmp_path: Path):
    async with toy.running(tmp_path, toy.objects(toy.STUBBORN)) as controllers:
        await controllers.settled()
        (pod,) = controllers.cluster.of("toy")
        began = time.monotonic()
        await pod.terminate()
        assert time.monotonic() - began >= 2
        assert pod.containers[0].killed_late


async def test_an_update_replaces_every_pod_and_never_lacks_one(tmp_path: Path):
    found = toy.objects(toy.OBEDIENT, replicas=2)
    async with toy.running(tmp_path, found) as controllers:
        await controllers.settled()
        before = set(controllers.cluster.of("toy"))
        apply(controllers, toy.objects(toy.OBEDIENT + " # new", replicas=2))
        fewest = 2

        def done() -> bool:
            nonlocal fewest
            pods = controllers.cluster.of("toy")
            fewest = min(fewest, sum(p.ready for p in pods))
            return len(pods) == 2 and not before & set(pods)

        await toy.eventually(done, "all are new")
        await controllers.settled()
        assert fewest == 2


async def test_an_update_that_never_gets_ready_stops_there_and_is_told(tmp_path: Path):
    async with toy.running(tmp_path, toy.objects(toy.OBEDIENT, replicas=2)) as controllers:
        await controllers.settled()
        before = set(controllers.cluster.of("toy"))
        controllers.patience_s = 1
        apply(controllers, toy.objects(toy.NEVER_READY, replicas=2))
        with pytest.raises(Stuck, match="ready False"):
            await controllers.settled()
        assert before < set(controllers.cluster.of("toy"))
        assert all(p.ready for p in before)


async def test_a_drain_of_all_nodes_evicts_one_after_the_other(tmp_path: Path):
    async with toy.running(tmp_path, toy.objects(toy.OBEDIENT, replicas=2)) as controllers:
        await controllers.settled()
        before = set(controllers.cluster.of("toy"))
        nodes = {p.identity.node for p in before}
        assert len(nodes) == 2  # spread
        await controllers.drain(nodes)
        await controllers.settled()
        pods = controllers.cluster.of("toy")
        assert not nodes & {p.identity.node for p in pods}
        assert controllers.refused > 0
