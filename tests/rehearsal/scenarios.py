"""What is rehearsed, one event after the other, under load."""

import asyncio
import time
from collections.abc import Sequence

from tests.meta.k8s.manifests import Objects, workloads
from tests.rehearsal.controller import LOOKS_S, PATIENCE_S, Controllers, Stuck
from tests.rehearsal.pods import Template
from tests.rehearsal.stage import Stage
from tests.rehearsal.traffic import TRITON

GATEWAY = "gateway"
CHANGE = {"RECSERVE_GATEWAY_DEFAULT_DEADLINE_MS": "600"}  # of no effect on calls with a deadline
STEADY_S = 15.0
NAMES = ("steady", "config", "restart", "gateways", "tritons", "kills", "drain")


def apply(controllers: Controllers, objects: Objects) -> None:
    """As `kubectl apply` does: what changed rolls, the rest stays."""
    controllers.cluster.objects = objects
    for workload in workloads(objects):
        if workload.kind == "Deployment":
            controllers.apply(Template(objects, workload))


async def play(stage: Stage, chosen: Sequence[str]) -> None:
    """Those of NAMES that are chosen."""
    parts = {
        "steady": _steady,
        "config": _config,
        "restart": _restart,
        "gateways": _gateways,
        "tritons": _tritons,
        "kills": _kills,
        "drain": _drain,
    }
    for name in NAMES:
        if name in chosen:
            await parts[name](stage)


async def _steady(stage: Stage) -> None:
    await stage.play("steady load", asyncio.sleep(STEADY_S))


async def _config(stage: Stage) -> None:
    async def change() -> None:
        apply(stage.controllers, await asyncio.to_thread(stage.overlay.render, CHANGE))

    await stage.play("rolling update of the gateways, by a setting", change())


async def _restart(stage: Stage) -> None:
    async def restart() -> None:
        apply(stage.controllers, await asyncio.to_thread(stage.overlay.render, CHANGE, (TRITON,)))

    await stage.play("rolling update of the Tritons, by a restart", restart())


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


async def _kills(stage: Stage) -> None:
    for workload in (GATEWAY, TRITON):
        await stage.play(f"kill -9 of a {workload}", _kill(stage, workload), restarts=1)


async def _kill(stage: Stage, workload: str) -> None:
    """Of gateways the one with the most callers."""
    pods = stage.controllers.cluster.of(workload)
    pod = max(pods, key=lambda one: stage.opened[one.address])
    before = pod.restarts
    pod.containers[0].kill()
    stage.traffic.forget(pod)
    until = time.monotonic() + PATIENCE_S
    while pod.restarts == before:
        if time.monotonic() > until:
            raise Stuck(f"{pod.name} was not started again")
        await asyncio.sleep(LOOKS_S)


async def _drain(stage: Stage) -> None:
    """Of every node that has a gateway or a Triton at once: budgets alone hold the evictions back."""
    cluster = stage.controllers.cluster
    nodes = {p.identity.node for name in (GATEWAY, TRITON) for p in cluster.of(name)}
    await stage.play(f"drain of {len(nodes)} nodes at once", stage.controllers.drain(nodes))
    cluster.cordoned.clear()
