"""Rules over volumes: what is shared, who may write it, and that what is written or named is mounted."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.meta.k8s.manifests import (
    Object,
    Objects,
    Workload,
    environment,
    matches,
    of_kind,
    redis_conf,
    replicas,
    workloads,
)

NODE = "kubernetes.io/hostname"
WRITTEN = ("RECSERVE_GATEWAY_RUN_DIR", "RECSERVE_INGEST_EVENT_LOG", "HOME")  # folders, by variable
NAMED_FILE = re.compile(r"[?&]\w*file=(/[^&\s]+)")  # in a URL


def claims_are_mounted_where_they_may_be(objects: Objects) -> list[str]:
    """One of a single node by pods that are kept together, unless the cluster can be a single node."""
    problems = []
    for claim in of_kind(objects, "PersistentVolumeClaim"):
        if "ReadWriteMany" in claim["spec"]["accessModes"] or _fits_a_node(objects):
            continue
        using = [w for w in workloads(objects) if claim["metadata"]["name"] in _claims(w)]
        problems += [
            f"{w} may be on another node than {other}, which mounts {claim['metadata']['name']} too"
            for w in using
            for other in using
            if (w is not other or replicas(objects, w) > 1) and not _kept_beside(w, other)
        ]
    return problems


def _fits_a_node(objects: Objects) -> bool:
    """Where no replicas have to be spread."""
    return all(replicas(objects, w) == 1 for w in workloads(objects) if w.kind != "CronJob")


def _kept_beside(workload: Workload, other: Workload) -> bool:
    affinity = workload.pod.get("affinity", {}).get("podAffinity", {})
    return any(
        term["topologyKey"] == NODE and matches(term["labelSelector"], other.labels)
        for term in affinity.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    )


def volumes_belong_to_a_group_of_their_pods(objects: Objects) -> list[str]:
    """Else who isn't root can't write a claim, nor read a Secret; a claim that is shared has one group."""
    problems = []
    groups: dict[str, set[object]] = defaultdict(set)
    for workload in workloads(objects):
        group = workload.pod.get("securityContext", {}).get("fsGroup")
        if group is None and (workload.pod.get("volumes") or _templates(workload)):
            problems.append(f"{workload}: its volumes belong to root's group")
        for claim in _claims(workload):
            groups[claim].add(group)
    return problems + [
        f"claim {claim} is of the groups {sorted(map(str, found))}"
        for claim, found in groups.items()
        if len(found) > 1
    ]


def what_is_written_is_mounted(objects: Objects) -> list[str]:
    """The root of every container is read-only."""
    return [
        f"{w} {c['name']}: {path} is written, and no volume to write to"
        for w in workloads(objects)
        for c in w.containers
        for path in _written(objects, c)
        if (mount := _mount(c, path)) is None or mount.get("readOnly")
    ]


def files_that_are_named_are_mounted(objects: Objects) -> list[str]:
    """Keys, certificates and the like, by variables `..._FILE` and in URLs."""
    return [
        f"{w} {c['name']}: {variable} names {path}, which is not mounted"
        for w in workloads(objects)
        for c in w.containers
        for variable, value in environment(objects, c).items()
        for path in _files(variable, value)
        if _mount(c, path) is None
    ]


def _written(objects: Objects, container: Object) -> Iterator[str]:
    command = container["command"]
    if command[0] == "redis-server":
        yield redis_conf(objects)["dir"]
    if command[0] in ("python", "feast"):
        yield "/tmp"
    variables = environment(objects, container)
    yield from (variables[variable] for variable in WRITTEN if variable in variables)
    yield from (a.removeprefix("--to=") for a in command if a.startswith("--to="))
    if any(argument.startswith("training.") for argument in command):
        yield command[command.index("--state") + 1]


def _files(variable: str, value: str) -> list[str]:
    if variable.endswith("_FILE"):
        return [value]
    return NAMED_FILE.findall(value) if variable.endswith("_URL") else []


def _mount(container: Object, path: str) -> Object | None:
    """The innermost one that holds the path."""
    holding: list[Object] = [
        m
        for m in container.get("volumeMounts", [])
        if PurePosixPath(path).is_relative_to(m["mountPath"])
    ]
    return max(holding, key=lambda m: len(m["mountPath"]), default=None)


def _claims(workload: Workload) -> set[str]:
    volumes: list[Object] = workload.pod.get("volumes", [])
    return {
        v["persistentVolumeClaim"]["claimName"] for v in volumes if v.get("persistentVolumeClaim")
    }


def _templates(workload: Workload) -> list[Object]:
    found: list[Object] = workload.spec.get("volumeClaimTemplates", [])
    return found
