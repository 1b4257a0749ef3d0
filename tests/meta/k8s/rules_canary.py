"""Rules over a canary and the workload that it is named after: else the comparison is of two things."""

from typing import Any

from tests.meta.k8s.manifests import Object, Objects, Workload, environment, workloads

NAME = "app.kubernetes.io/name"
OWN_VARIABLES = (  # what a canary is for: another bundle, by servers and a snapshot of its own
    "BUNDLE",
    "RECSERVE_GATEWAY_BUNDLE",
    "RECSERVE_GATEWAY_TRITON_ENDPOINTS",
    "RECSERVE_GATEWAY_SNAPSHOT",
)
OWN_CONTAINER, OWN_VOLUME = "snapshot", "snapshots"
SEPARATE = ("containers", "initContainers", "volumes", "affinity", "topologySpreadConstraints")


def canaries_are_as_the_stable(objects: Objects) -> list[str]:
    """A canary differs in what it is for, and in nothing else."""
    by_name = {w.name: w for w in workloads(objects)}
    problems = []
    for workload in by_name.values():
        stable = by_name.get(workload.name.removesuffix("-canary"))
        if stable is None or stable is workload:
            continue
        ours, theirs = _compared(objects, workload), _compared(objects, stable)
        problems += [
            f"{workload}: {field} is not that of {stable}"
            for field in sorted(ours.keys() | theirs.keys())
            if ours.get(field) != theirs.get(field)
        ]
    return problems


def _compared(objects: Objects, workload: Workload) -> Object:
    pod = workload.pod
    found: Object = {field: pod[field] for field in pod if field not in SEPARATE}
    affinity = pod.get("affinity", {})
    found["nodes"] = affinity.get("nodeAffinity"), affinity.get("podAffinity")
    found["strategy"] = workload.spec["strategy"]
    found["labels"] = {k: v for k, v in workload.labels.items() if k != NAME}
    found["volumes"] = _by_name(pod["volumes"])
    found["order of containers"] = [
        c["name"] for c in workload.containers if c["name"] != OWN_CONTAINER
    ]
    for container in workload.containers:
        if container["name"] != OWN_CONTAINER:
            found |= {
                f"{container['name']}'s {field}": value
                for field, value in _of_container(objects, container).items()
            }
    return found


def _of_container(objects: Objects, container: Object) -> Object:
    given = environment(objects, container)
    secrets = {v["name"]: v["valueFrom"] for v in container.get("env", []) if "valueFrom" in v}
    mounts = container.get("volumeMounts", [])
    return container | {
        "env": [
            {k: v for k, v in found.items() if k not in OWN_VARIABLES} for found in (given, secrets)
        ],
        "volumeMounts": {m["mountPath"]: m for m in mounts if m["name"] != OWN_VOLUME},
    }


def _by_name(volumes: list[Object]) -> dict[str, Any]:
    return {v["name"]: v for v in volumes if v["name"] != OWN_VOLUME}
