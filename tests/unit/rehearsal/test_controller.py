import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from tests.meta.k8s.manifests import Workload
from tests.rehearsal.cluster import DATA_NODES, Cluster
from tests.rehearsal.controller import ATTACHED_S, Controllers
from tests.rehearsal.kubelet import Identity, Pod
from tests.rehearsal.pods import PodSpec, Template

if TYPE_CHECKING:
    from tests.rehearsal.containers import Running


class Made(Cluster):
    """Its pods have no containers: they are ready at once, and end as they are told to."""

    def create(self, template: Template, name: str | None = None) -> Pod:
        assert name
        identity = Identity(name, "127.0.1.9", self._node(name, DATA_NODES), {})
        pod = Pod(identity, template, PodSpec((), (), {}, 9.0), [], [], lambda: None)
        self.pods.append(pod)
        return pod


def template(version: str, replicas: int = 1, **spec: object) -> Template:
    told = {"replicas": replicas, "template": {"version": version}, **spec}
    return Template([], Workload("StatefulSet", "redis", told, {}, {}))


@pytest.fixture
def controllers() -> Controllers:
    return Controllers(Made([]))


async def advance(controllers: Controllers) -> list[tuple[str, str]]:
    """One look, and the pods that are there once those that it ends have ended: name and generation."""
    controllers.advance()
    for task in list(controllers.tasks):
        await task
    return [
        (p.name, p.template.workload.spec["template"]["version"])
        for p in controllers.cluster.pods
        if not p.ended
    ]


async def test_pods_of_a_stateful_set_are_changed_one_after_the_other_from_the_last(
    controllers: Controllers,
):
    controllers.apply(template("a", replicas=2))
    assert await advance(controllers) == [("redis-0", "a"), ("redis-1", "a")]
    controllers.apply(template("b", replicas=2))
    assert await advance(controllers) == [("redis-0", "a")]
    assert await advance(controllers) == [("redis-1", "b")]  # which was ready, so redis-0 went
    assert await advance(controllers) == [("redis-1", "b"), ("redis-0", "b")]


async def test_a_pod_waits_for_its_turn_while_the_one_before_ends(controllers: Controllers):
    controllers.apply(template("a", replicas=2))
    await advance(controllers)
    controllers.apply(template("b", replicas=2))
    controllers.advance()
    controllers.advance()
    assert [p.name for p in controllers.cluster.pods if p.terminating] == ["redis-1"]
    assert len(controllers.tasks) == 1  # it is ended once


async def test_two_pods_of_one_name_never_run_at_once(controllers: Controllers):
    controllers.apply(template("a"))
    await advance(controllers)
    (pod,) = controllers.cluster.pods
    pod.terminating = True
    controllers.advance()
    assert controllers.cluster.pods == [pod]


async def test_a_pod_that_moves_waits_for_its_volume(controllers: Controllers):
    controllers.apply(template("a", volumeClaimTemplates=[{}]))
    await advance(controllers)
    (first,) = controllers.cluster.pods
    await controllers.drain([first.identity.node])
    assert await advance(controllers) == []
    assert await advance(controllers) == []
    first.ended_at = time.monotonic() - ATTACHED_S - 1
    assert await advance(controllers) == [("redis-0", "a")]
    assert controllers.cluster.pods[-1].identity.node != first.identity.node


async def test_a_pod_whose_volume_others_may_mount_doesnt_wait(controllers: Controllers):
    controllers.apply(template("a"))
    await advance(controllers)
    await controllers.drain([controllers.cluster.pods[0].identity.node])
    await advance(controllers)
    assert await advance(controllers) == [("redis-0", "a")]


@pytest.mark.parametrize(
    ("policy", "goes"), [({}, False), ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, True)]
)
async def test_a_pod_that_isnt_ready_goes_as_its_budget_says(policy: dict[str, str], *, goes: bool):
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {}}, **policy}
    controllers = Controllers(Made([{"kind": "PodDisruptionBudget", "spec": spec}]), again_s=60)
    controllers.apply(template("a"))
    controllers.advance()
    (pod,) = controllers.cluster.pods
    pod.containers.append(
        cast("Running", SimpleNamespace(ready=False, stopping=False, stop=stopped))
    )
    drain = asyncio.create_task(controllers.drain([pod.identity.node]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pod.terminating is goes
    assert controllers.refused == (not goes)
    drain.cancel()


async def stopped() -> None:
    """It has ended at once."""
