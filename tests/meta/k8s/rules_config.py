"""Rules over configuration and secrets: what the pods are told, and how."""

import re
from collections.abc import Iterator

from tests.meta.k8s.manifests import (
    EXPANDED,
    SCALERS,
    Object,
    Objects,
    environment,
    name,
    of_kind,
    quantity,
    workloads,
)

HASHED = re.compile(r"-[a-z0-9]{10}$")
CREDENTIALS = re.compile(r"://[^/\s:@]*:[^/\s@]+@")  # user:password@ in a URL
SECRET = re.compile(
    r"(PASSWORD|SECRET|TOKEN|_KEY)$"
)  # of a variable, whose value must not stand here
CURRENT = "current"  # the link that an export turns
DASHBOARD = "grafana_dashboard"
BARE = ("Job", "Pod", "ReplicaSet", "ReplicationController")
SMALLEST_SHM = 64 * 2**20  # of an instance of Triton's Python backend
WITH_TRITON = ("training.export", "training.search.encoder", "training.search.embed")
ENDPOINTS = "RECSERVE_GATEWAY_TRITON_ENDPOINTS"
PINNED = "RECSERVE_TRAINING_PINNED_BUNDLES"
CERTIFICATE = "RECSERVE_GATEWAY_TLS_CERTIFICATE_FILE"


def config_maps_are_hashed(objects: Objects) -> list[str]:
    """A changed value then changes the pods; by a fixed name they would go on with the old one.

    A dashboard has one: no pod reads it, and a second one beside it would be the same dashboard twice.
    """
    return [
        f"{name(o)} has a name of its own" if is_fixed else f"{name(o)} would be there twice"
        for o in of_kind(objects, "ConfigMap")
        if (is_fixed := not HASHED.search(o["metadata"]["name"]))
        != (DASHBOARD in o["metadata"].get("labels", {}))
    ]


def secrets_are_references(objects: Objects) -> list[str]:
    problems = [f"{name(o)} is written down" for o in of_kind(objects, "Secret")]
    for workload in workloads(objects):
        for container in workload.containers:
            problems += [
                f"{workload} {container['name']}: {variable} has its value in the manifest"
                for variable in environment(objects, container)
                if SECRET.search(variable)
            ]
    written = {name(o): " ".join(o.get("data", {}).values()) for o in of_kind(objects, "ConfigMap")}
    for workload in workloads(objects):
        for c in workload.containers:
            values = [str(v.get("value", "")) for v in c.get("env", [])]
            written[f"{workload} {c['name']}"] = " ".join(
                [*c["command"], *c.get("args", []), *values]
            )
    return problems + [
        f"{where} holds a password" for where, text in written.items() if CREDENTIALS.search(text)
    ]


def keys_are_there(objects: Objects) -> list[str]:
    """Of ConfigMaps: a pod whose variable names a missing one never starts."""
    maps = {o["metadata"]["name"]: o.get("data", {}) for o in of_kind(objects, "ConfigMap")}
    return [
        f"{w} {c['name']}: {variable['name']} wants {named['key']} of {named['name']}, which hasn't it"
        for w in workloads(objects)
        for c in w.containers
        for variable in c.get("env", [])
        if (named := variable.get("valueFrom", {}).get("configMapKeyRef"))
        and named["key"] not in maps.get(named["name"], {})
    ]


def expansions_are_defined(objects: Objects) -> list[str]:
    """`$(NAME)` stays as it is, without an error, unless the container is given NAME; of variables, above."""
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            above: set[str] = set()
            for variable in container.get("env", []):
                wanted = EXPANDED.findall(str(variable.get("value", "")))
                problems += [
                    f"{workload} {container['name']}: {variable['name']} names {w}, which is not above it"
                    for w in wanted
                    if w not in above
                ]
                above.add(variable["name"])
            problems += [
                f"{workload} {container['name']}: its command names {w}, which it isn't given"
                for w in EXPANDED.findall(
                    " ".join([*container["command"], *container.get("args", [])])
                )
                if w not in above | set(environment(objects, container))
            ]
    return problems


def jobs_are_templates(objects: Objects) -> list[str]:
    """A Job would run with every first apply, and can't be changed by the next."""
    return [f"{name(o)} is bare" for o in of_kind(objects, *BARE)]


def namespace_is_restricted(objects: Objects) -> list[str]:
    return [
        f"{name(o)}: pods that are not restricted are let in"
        for o in of_kind(objects, "Namespace")
        if o["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted"
    ] + ([] if of_kind(objects, "Namespace") else ["there is no Namespace"])


def shared_memory_is_sized(objects: Objects) -> list[str]:
    """Of whatever runs a Triton; it counts as memory of the container."""
    problems = []
    for workload in workloads(objects):
        volumes = {v["name"]: v for v in workload.pod.get("volumes", [])}
        for container in workload.containers:
            mounted = {m["mountPath"]: m["name"] for m in container.get("volumeMounts", [])}
            shared = volumes.get(mounted.get("/dev/shm", ""), {}).get("emptyDir")
            where = f"{workload} {container['name']}"
            if shared is None:
                if _runs_triton(container):
                    problems.append(f"{where}: runs Triton without a /dev/shm of its own")
                continue
            size = quantity(shared.get("sizeLimit", "0"))
            limit = quantity(container["resources"]["limits"].get("memory", "0"))
            if shared.get("medium") != "Memory" or not SMALLEST_SHM <= size < limit:
                problems.append(f"{where}: /dev/shm of {size:.0f} bytes, or not in memory")
    return problems


def _runs_triton(container: Object) -> bool:
    command = container["command"]
    return "tritonserver" in command or any(module in command for module in WITH_TRITON)


def what_is_fetched_comes_first(objects: Objects) -> list[str]:
    """Init containers run in their order; components put theirs in front of those that are there."""
    return [
        f"{w}: {names[0]} runs before fetch brings what it reads"
        for w in workloads(objects)
        if "fetch" in (names := [c["name"] for c in w.pod.get("initContainers", [])])
        and names[0] != "fetch"
    ]


def gateways_and_their_tritons_serve_one_bundle(objects: Objects) -> list[str]:
    tritons = {
        w.name: c
        for w in workloads(objects)
        for c in w.containers
        if "tritonserver" in c["command"]
    }
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            found = environment(objects, container)
            if ENDPOINTS not in found:
                continue
            for host in (e.partition(":")[0] for e in found[ENDPOINTS].split(",")):
                served = (
                    environment(objects, tritons[host]).get("BUNDLE") if host in tritons else None
                )
                if (
                    served is None
                    or found.get("RECSERVE_GATEWAY_BUNDLE") != f"/state/bundles/{served}"
                ):
                    problems.append(f"{workload}: asks {host}, which serves bundle {served}")
    return problems


def what_serves_is_kept(objects: Objects) -> list[str]:
    """An export removes old bundles from the claim, but for those that it is told."""
    serving = {
        (str(w), found["RECSERVE_GATEWAY_BUNDLE"].rpartition("/")[2])
        for w in workloads(objects)
        for c in w.containers
        if "RECSERVE_GATEWAY_BUNDLE" in (found := environment(objects, c))
    }
    return [
        f"{workload} {c['name']}: an export may remove {bundle}, which {gateway} serves"
        for workload in workloads(objects)
        for c in workload.containers
        if "training.export" in c["command"]
        for gateway, bundle in sorted(serving)
        if bundle not in environment(objects, c).get(PINNED, "").split(",")
    ]


def growing_overlays_name_their_bundle(objects: Objects) -> list[str]:
    """A pod that an autoscaler adds would open what was exported last, beside pods that opened another."""
    scaled = {s["spec"]["scaleTargetRef"]["name"] for s in of_kind(objects, *SCALERS)}
    return [
        f"{workload} {c['name']}: BUNDLE follows {CURRENT}, and an autoscaler adds pods"
        for workload in workloads(objects)
        if workload.name in scaled
        for c in workload.containers
        if environment(objects, c).get("BUNDLE") == CURRENT
    ]


def probes_suit_tls(objects: Objects) -> list[str]:
    """The kubelet's gRPC probe speaks in the clear alone, and h2c says just that of a port."""
    encrypted = [
        (w, c)
        for w in workloads(objects)
        for c in w.containers
        if CERTIFICATE in environment(objects, c)
    ]
    problems = [
        f"{w} {c['name']}: {kind} can't ask over TLS"
        for w, c in encrypted
        for kind in ("startupProbe", "readinessProbe", "livenessProbe")
        if "grpc" in c.get(kind, {})
    ]
    return problems + [
        f"{service} says that the port is in the clear"
        for service, port in _in_the_clear(objects)
        if any(port in {p["name"] for p in c.get("ports", [])} for _, c in encrypted)
    ]


def _in_the_clear(objects: Objects) -> Iterator[tuple[str, str]]:
    for service in of_kind(objects, "Service"):
        for port in service["spec"]["ports"]:
            if port.get("appProtocol") == "kubernetes.io/h2c":
                yield name(service), port["targetPort"]
