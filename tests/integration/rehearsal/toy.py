"""A Deployment of shell scripts, with nodes, controllers and kubelets for it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.meta.k8s.manifests import Objects
from tests.rehearsal.cluster import Cluster
from tests.rehearsal.controller import Controllers
from tests.rehearsal.places import Notes, Site
from tests.rehearsal.scenarios import apply

LABELS = {"app": "toy"}
LOOKS_S = 0.05
# Ready at once; at SIGTERM it notes the second and ends.
OBEDIENT = (
    'trap "date +%s.%N > /data/term; exit 0" TERM; touch /data/up; while :; do sleep 0.05; done'
)
STUBBORN = 'trap "" TERM; touch /data/up; while :; do sleep 0.05; done'
NEVER_READY = "while :; do sleep 0.05; done"
ENDS_ONCE = "[ -e /data/first ] || { touch /data/first; exit 1; }; " + OBEDIENT


def objects(script: str, replicas: int = 1, **container: Any) -> Objects:
    """`container`: what else it has; its volume /data is the pod's own."""
    asked = {
        "exec": {"command": ["test", "-e", "/data/up"]},
        "periodSeconds": 0.1,
        "timeoutSeconds": 5,
    }
    return [
        {
            "kind": "Deployment",
            "metadata": {"name": "toy"},
            "spec": {
                "replicas": replicas,
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {
                    "metadata": {"labels": LABELS},
                    "spec": {
                        "terminationGracePeriodSeconds": 2,
                        "containers": [
                            {
                                "name": "toy",
                                "command": ["sh", "-c", script],
                                "readinessProbe": asked,
                                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                                **container,
                            }
                        ],
                        "volumes": [{"name": "data", "emptyDir": {}}],
                    },
                },
            },
        },
        {"kind": "Service", "metadata": {"name": "toy"}, "spec": {"selector": LABELS}},
        {
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "toy"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}},
        },
    ]


@asynccontextmanager
async def running(folder: Path, found: Objects) -> AsyncIterator[Controllers]:
    """Its patience is short; every process ends with the block."""
    cluster = Cluster(found, {"PATH": os.defpath})
    services = frozenset({"toy"})
    cluster.site = Site(folder, folder, services, "127.0.0.1:1", cluster.first_address, Notes())
    controllers = Controllers(cluster, patience_s=20, again_s=0.2)
    apply(controllers, found)
    task = asyncio.create_task(controllers.control())
    try:
        yield controllers
    finally:
        task.cancel()
        for pod in cluster.pods:
            await pod.kill()


async def eventually(seen: Callable[[], object], what: str, patience_s: float = 20) -> None:
    until = time.monotonic() + patience_s
    while not seen():
        assert time.monotonic() < until, f"within {patience_s:.0f} s it never was so: {what}"
        await asyncio.sleep(LOOKS_S)
