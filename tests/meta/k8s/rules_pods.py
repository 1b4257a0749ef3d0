"""Rules over pods. Each returns one sentence a problem; none means it holds."""

from collections.abc import Collection, Sequence
from typing import Any

from tests.meta.imports import modules, source
from tests.meta.k8s.facts import DRAIN_S, INGEST_ENDS_S
from tests.meta.k8s.manifests import (
    Object,
    Objects,
    environment,
    pre_stop_s,
    quantity,
    workloads,
)

MARGIN_S = 5
VOLUMES = {  # of the restricted profile
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
}
DRAIN = "RECSERVE_GATEWAY_DRAIN_S"
WORKERS = "RECSERVE_GATEWAY_WORKERS"
THREADS = "RECSERVE_TRAINING_THREADS"
WITH_THREADS = ("training.train_retriever", "training.train_ranker", "training.export")
TRITON_EXIT = "--exit-timeout-secs="
TRITON_AGE = "--grpc-max-connection-age="  # milliseconds
DNS_TTL_S = 5  # of a cluster's own names, CoreDNS's default


def selectors_match_their_pods(objects: Objects) -> list[str]:
    return [
        f"{w}: its selector {w.spec['selector']['matchLabels']} is not in its pods' labels"
        for w in workloads(objects)
        if w.kind != "CronJob"
        and not w.spec["selector"]["matchLabels"].items() <= dict(w.labels).items()
    ]


def requests_are_within_limits(objects: Objects) -> list[str]:
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            resources = container.get("resources", {})
            for resource in ("cpu", "memory"):
                request = resources.get("requests", {}).get(resource)
                limit = resources.get("limits", {}).get(resource)
                where = f"{workload} {container['name']}: {resource}"
                if request is None or limit is None:
                    problems.append(f"{where} lacks a request or a limit")
                elif quantity(request) > quantity(limit):
                    problems.append(f"{where} request {request} is above its limit {limit}")
    return problems


def empty_dirs_have_a_size_limit(objects: Objects) -> list[str]:
    return [
        f"{w}: volume {v['name']} has no sizeLimit"
        for w in workloads(objects)
        for v in w.pod.get("volumes", [])
        if "emptyDir" in v and "sizeLimit" not in (v["emptyDir"] or {})
    ]


def images_are_pinned(objects: Objects) -> list[str]:
    return [
        f"{w} {c['name']}: image {c['image']} names no fixed version"
        for w in workloads(objects)
        for c in w.containers
        if "@sha256:" not in c["image"]
        and c["image"].rpartition("/")[2].partition(":")[2] in ("", "latest")
    ]


def pods_follow_the_restricted_profile(objects: Objects) -> list[str]:
    problems = []
    for workload in workloads(objects):
        pod = workload.pod
        own = pod.get("securityContext", {})
        if own.get("runAsNonRoot") is not True or own.get("runAsUser", 0) == 0:
            problems.append(f"{workload}: may run as root")
        if own.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            problems.append(f"{workload}: has no seccomp profile")
        if any(pod.get(f) for f in ("hostNetwork", "hostPID", "hostIPC")):
            problems.append(f"{workload}: shares a namespace of the host")
        problems += [
            f"{workload}: volume {v['name']} is of a kind that is not allowed"
            for v in pod.get("volumes", [])
            if not set(v) - {"name"} <= VOLUMES
        ]
        if own.get("sysctls"):
            problems.append(f"{workload}: sets kernel parameters")
        if pod.get("automountServiceAccountToken") is not False:
            problems.append(f"{workload}: mounts a token of the API server")
        problems += [
            f"{workload} {c['name']}: {problem}"
            for c in workload.containers
            for problem in [*_unrestricted(c.get("securityContext", {})), *_loosened(c)]
        ]
    return problems


def _unrestricted(context: Object) -> list[str]:
    wanted: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    return [
        f"{field} is {context.get(field)}, should be {value}"
        for field, value in wanted.items()
        if context.get(field) != value
    ]


def _loosened(container: Object) -> list[str]:
    """What a container may not take back of what its pod promises."""
    context = container.get("securityContext", {})
    problems = []
    if context.get("privileged") or context.get("procMount", "Default") != "Default":
        problems.append("is privileged, or sees all of /proc")
    if context.get("runAsNonRoot") is False or context.get("runAsUser") == 0:
        problems.append("may run as root")
    if context.get("seccompProfile", {"type": "RuntimeDefault"})["type"] != "RuntimeDefault":
        problems.append("has no seccomp profile")
    if any("hostPort" in port for port in container.get("ports", [])):
        problems.append("takes a port of the host")
    return problems


def probes_reach_what_is_served(objects: Objects, services: Collection[str]) -> list[str]:
    """`services` are the names that the gateway's health service knows."""
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            ports = container.get("ports", [])
            known = {p["name"] for p in ports} | {p["containerPort"] for p in ports}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.get(kind, {})
                where = f"{workload} {kind}"
                served = probe.get("grpc", {}).get("service", "")
                if served not in services:
                    problems.append(f"{where} asks for service {served!r}, which nobody registers")
                problems += [
                    f"{where} asks port {probe[how]['port']}, which the container doesn't have"
                    for how in ("grpc", "httpGet", "tcpSocket")
                    if how in probe and probe[how]["port"] not in known
                ]
    return problems


def servers_have_probes(objects: Objects) -> list[str]:
    return [
        f"{w} {c['name']}: no {kind}"
        for w in workloads(objects)
        if w.kind != "CronJob"
        for c in w.pod["containers"]
        for kind in ("startupProbe", "readinessProbe", "livenessProbe")
        if kind not in c
    ]


def there_is_time_to_end(objects: Objects) -> list[str]:
    """The preStop, the drain and 5 s within the grace period; the drain is what the program reads."""
    problems = []
    for workload in workloads(objects):
        grace = workload.pod.get("terminationGracePeriodSeconds", 30)
        for container in workload.containers:
            needed = pre_stop_s(container) + _drain_s(objects, container) + MARGIN_S
            if needed > grace:
                problems.append(f"{workload} {container['name']}: needs {needed} s, has {grace} s")
    return problems


def _drain_s(objects: Objects, container: Object) -> float:
    drains = "serving.app" in container["command"]
    gateway = float(environment(objects, container).get(DRAIN, DRAIN_S)) if drains else 0
    ingest = INGEST_ENDS_S if "serving.ingest.worker" in container["command"] else 0
    return gateway + ingest + _argument(container, TRITON_EXIT, 0)


def _argument(container: Object, start: str, otherwise: float = float("inf")) -> float:
    given = [a.removeprefix(start) for a in container.get("args", []) if a.startswith(start)]
    return float(given[0]) if given else otherwise


def triton_outlives_the_look_ups(objects: Objects, look_up_s: float) -> list[str]:
    """Triton unloads at SIGTERM: before, every client must have looked the Service up again.

    A client does so when its connection ends, at most once in `look_up_s`; DNS may lag behind.
    """
    return [
        f"{w}: preStop of {pre_stop_s(c):g} s is not above {needed:g} s, when no client is left"
        for w in workloads(objects)
        for c in w.containers
        if "tritonserver" in c["command"]
        and pre_stop_s(c) <= (needed := _argument(c, TRITON_AGE) / 1000 + look_up_s + DNS_TTL_S)
    ]


def commands_exist(objects: Objects) -> list[str]:
    """Each `python -m` names a module of ours, which knows the options."""
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            problems += [
                f"{workload} {container['name']}: {problem}"
                for problem in command_problems(container["command"])
            ]
    return problems


def command_problems(command: Sequence[str]) -> list[str]:
    if list(command[:2]) != ["python", "-m"]:
        return []
    module, *arguments = command[2:]
    if module not in modules(module.partition(".")[0]):
        return [f"there is no module {module}"]
    text = source(module)
    options = [a.partition("=")[0] for a in arguments if a.startswith("--")]
    return [f"{module} has no option {o}" for o in options if f'"{o}"' not in text]


def workers_have_a_core_each(objects: Objects) -> list[str]:
    return [
        f"{w} {c['name']}: {found[WORKERS]} workers on {c['resources']['requests']['cpu']} cores"
        for w in workloads(objects)
        for c in w.containers
        if WORKERS in (found := environment(objects, c))
        and quantity(c["resources"]["requests"]["cpu"]) < int(found[WORKERS])
    ]


def training_threads_are_the_limit(objects: Objects) -> list[str]:
    """A process sees the node's cores, not its own limit, and would start one for each."""
    return [
        f"{w} {c['name']}: {THREADS} is not the limit of its CPU"
        for w in workloads(objects)
        for c in w.containers
        if any(module in c["command"] for module in WITH_THREADS)
        and {"name": THREADS, "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}
        not in c.get("env", [])
    ]
