"""What is rehearsed, one event after the other, under load."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tests.meta.k8s.manifests import Objects, workloads
from tests.rehearsal.callers import AGAIN
from tests.rehearsal.controller import LOOKS_S, PATIENCE_S, Controllers, Stuck
from tests.rehearsal.expected import Expected
from tests.rehearsal.kubelet import Pod
from tests.rehearsal.pods import Template
from tests.rehearsal.stage import Stage
from tests.rehearsal.traffic import TRITON

GATEWAY, INGEST, REDIS = "gateway", "ingest", "redis"
CHANGE = {"RECSERVE_GATEWAY_DEFAULT_DEADLINE_MS": "600"}  # of no effect on calls with a deadline
STEADY_S = 15.0
FEWEST_TRITONS = 3
BROKEN = Expected(again=AGAIN)  # until a dead gateway's end has come round
# Without Redis answers know nobody, items stay as they were, and events are not taken.
WITHOUT_REDIS = Expected(
    again=AGAIN,
    failing={"record": ("UNAVAILABLE", "DEADLINE_EXCEEDED")},
    lacking=("hydrate", "items"),
    felt=True,
)


def apply(controllers: Controllers, objects: Objects) -> None:
    """As `kubectl apply` does: what changed rolls, the rest stays."""
    controllers.cluster.objects = objects
    for workload in workloads(objects):
        if workload.kind in ("Deployment", "StatefulSet"):
            controllers.apply(Template(objects, workload))


def begin(controllers: Controllers) -> None:
    """Everything at once, and more Tritons than an autoscaler may begin with."""
    cluster = controllers.cluster
    apply(controllers, cluster.objects)
    if (told := controllers.wanted[TRITON]) < FEWEST_TRITONS:
        controllers.wanted[TRITON] = FEWEST_TRITONS
        assert cluster.site
        cluster.site.notes.add(TRITON, f"{FEWEST_TRITONS} pods to begin with, not {told}")


async def play(stage: Stage, chosen: Sequence[str]) -> None:
    """Those of NAMES that are chosen."""
    for name, part in PARTS.items():
        if name in chosen:
            await part(stage)


async def end(stage: Stage, leave: Callable[[], Awaitable[None]]) -> None:
    """Shows that all is as it was, and counts the last calls."""

    async def last() -> None:
        await asyncio.sleep(STEADY_S)
        await leave()

    await stage.play("steady load until the callers leave", last())


async def _steady(stage: Stage) -> None:
    await stage.play("steady load", asyncio.sleep(STEADY_S))


async def _config(stage: Stage) -> None:
    stage.overlay.configure(CHANGE)
    await stage.play("rolling update of the gateways, by a setting", _apply(stage))


async def _restart(stage: Stage) -> None:
    stage.overlay.restart("Deployment", TRITON)
    await stage.play("rolling update of the Tritons, by a restart", _apply(stage))


async def _ingest(stage: Stage) -> None:
    stage.overlay.restart("StatefulSet", INGEST)
    await stage.play("rolling update of the ingest worker, by a restart", _apply(stage))


async def _apply(stage: Stage) -> None:
    apply(stage.controllers, await asyncio.to_thread(stage.overlay.render))


async def _gateways(stage: Stage) -> None:
    await _scale(stage, GATEWAY, "gateways")


async def _tritons(stage: Stage) -> None:
    await _scale(stage, TRITON, "Tritons")


async def _scale(stage: Stage, workload: str, name: str) -> None:
    async def to(number: int) -> None:
        stage.controllers.wanted[workload] = number

    usual = stage.controllers.wanted[workload]
    await stage.play(f"{name} from {usual} to {usual + 1}", to(usual + 1))
    await stage.play(f"{name} from {usual + 1} to {usual}", to(usual))


async def _deletes(stage: Stage) -> None:
    async def delete() -> None:
        for workload in (GATEWAY, TRITON):
            stage.controllers.end(_busiest(stage, workload))

    await stage.play("a gateway and a Triton deleted", delete())


async def _kills(stage: Stage) -> None:
    for workload in (GATEWAY, TRITON):
        await stage.play(
            f"kill -9 of a {workload}", _kill(stage, workload), replace(BROKEN, restarts=1)
        )


async def _kill(stage: Stage, workload: str) -> None:
    pod = _busiest(stage, workload)
    before = pod.restarts
    pod.containers[0].kill()
    stage.traffic.forget(pod)
    until = time.monotonic() + PATIENCE_S
    while pod.restarts == before:
        if time.monotonic() > until:
            raise Stuck(f"{pod.name} was not started again")
        await asyncio.sleep(LOOKS_S)


async def _losses(stage: Stage) -> None:
    """Of nodes, whose connections break; their pods are deleted by force and made anew elsewhere."""
    cluster = stage.controllers.cluster

    async def lose() -> None:
        nodes = {_busiest(stage, workload).identity.node for workload in (GATEWAY, TRITON)}
        cluster.cordoned |= nodes
        lost = [p for p in cluster.pods if p.identity.node in nodes and not p.ended]
        await asyncio.gather(*(pod.kill() for pod in lost))

    await stage.play("nodes of a gateway and a Triton lost", lose(), BROKEN)
    cluster.cordoned.clear()


async def _drain(stage: Stage) -> None:
    """Of every node that has a gateway or a Triton at once: budgets alone hold the evictions back."""
    cluster = stage.controllers.cluster
    nodes = {p.identity.node for name in (GATEWAY, TRITON) for p in cluster.of(name)}
    await stage.play(f"drain of {len(nodes)} nodes at once", stage.controllers.drain(nodes))
    cluster.cordoned.clear()


async def _data(stage: Stage) -> None:
    """Redis is one pod: no budget and no second one can hide its move."""
    cluster = stage.controllers.cluster
    nodes = {p.identity.node for p in cluster.of(REDIS)}
    drain = stage.controllers.drain(nodes)
    await stage.play("drain of the node with Redis", drain, WITHOUT_REDIS)
    cluster.cordoned.clear()


def _busiest(stage: Stage, workload: str) -> Pod:
    """Of gateways the one with the most callers."""
    pods = stage.controllers.cluster.of(workload)
    return max(pods, key=lambda one: stage.opened[one.address])


PARTS = {
    "steady": _steady,
    "config": _config,
    "restart": _restart,
    "ingest": _ingest,
    "gateways": _gateways,
    "tritons": _tritons,
    "deletes": _deletes,
    "kills": _kills,
    "losses": _losses,
    "drain": _drain,
    "data": _data,
}
NAMES = tuple(PARTS)
