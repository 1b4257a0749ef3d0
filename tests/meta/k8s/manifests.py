"""Rendered Kubernetes objects, and the questions that the rules ask of them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from types import MappingProxyType
from typing import Any

Object = dict[str, Any]
Objects = list[Object]

SCALERS = {  # what each calls its bounds
    "HorizontalPodAutoscaler": ("minReplicas", "maxReplicas"),
    "ScaledObject": ("minReplicaCount", "maxReplicaCount"),
}

EXPANDED = re.compile(r"\$\((\w+)\)")  # in variables, commands and arguments: another variable
ESCAPED = re.compile(rf"\$\$|{EXPANDED.pattern}")
UNITS = {
    "": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs pods: a Deployment, StatefulSet or CronJob, and its pod template."""

    kind: str
    name: str
    spec: Object  # the workload's own
    labels: Mapping[str, str]  # of its pods
    pod: Object  # the pods' spec
    annotations: Mapping[str, str] = field(default_factory=dict)  # of its pods

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def containers(self) -> Objects:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]


def of_kind(objects: Objects, *kinds: str) -> Objects:
    return [o for o in objects if o["kind"] in kinds]


def name(found: Object) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"


def workloads(objects: Objects) -> Iterator[Workload]:
    for found in of_kind(objects, "Deployment", "StatefulSet", "CronJob"):
        spec = found["spec"]
        template = (spec["jobTemplate"]["spec"] if found["kind"] == "CronJob" else spec)["template"]
        described = template["metadata"]
        yield Workload(
            found["kind"],
            found["metadata"]["name"],
            spec,
            described["labels"],
            template["spec"],
            described.get("annotations", {}),
        )


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """As the API server does it, for selectors of `matchLabels` alone."""
    assert selector.keys() <= {"matchLabels"}, f"{selector} is not understood here"
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items())


def environment(
    objects: Objects, container: Object, fields: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """A container's variables from ConfigMaps, then by value, where each may name those above.

    `fields`: what a `fieldRef` names of the pod, by its path; other fields and secrets are left out.
    """
    maps = {o["metadata"]["name"]: o.get("data", {}) for o in of_kind(objects, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        named = source.get("configMapRef", {}).get("name")
        found |= {key: str(value) for key, value in maps.get(named, {}).items()}
    for variable in container.get("env", []):
        source = variable.get("valueFrom", {})
        path = source.get("fieldRef", {}).get("fieldPath")
        if named := source.get("configMapKeyRef"):
            found[variable["name"]] = str(maps.get(named["name"], {}).get(named["key"], ""))
        elif path in fields:
            found[variable["name"]] = fields[path]
        elif "value" in variable:
            found[variable["name"]] = expanded(str(variable["value"]), found)
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """As Kubernetes does it: what isn't known stays as it is written, and two dollars are one."""
    return ESCAPED.sub(lambda m: "$" if m[0] == "$$" else variables.get(m[1], m[0]), text)


def quantity(text: str | float) -> float:
    """`500m` is 0.5, `2Gi` is 2147483648."""
    text = str(text)
    digits = text.rstrip("mkMGTi")
    return float(digits) * UNITS[text[len(digits) :]]


def replicas(objects: Objects, workload: Workload) -> int:
    """The fewest that run: the autoscaler's minimum, or the workload's own number."""
    for scaler in of_kind(objects, *SCALERS):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) == (workload.kind, workload.name):
            return int(scaler["spec"].get(SCALERS[scaler["kind"]][0], 1))
    return int(workload.spec.get("replicas", 1))


def counted(bound: int | str, running: int, rounded: Callable[[float], int] = ceil) -> int:
    """Of as many pods as run: `1`, or `25%` rounded as budgets do it."""
    if isinstance(bound, int):
        return bound
    return rounded(running * int(bound.removesuffix("%")) / 100)


def port_numbers(workload: Workload) -> dict[Any, int]:
    return {p["name"]: p["containerPort"] for c in workload.containers for p in c.get("ports", [])}


def pre_stop_s(container: Object) -> float:
    """Nobody knows how long a command takes that isn't a plain `sleep`."""
    hook = container.get("lifecycle", {}).get("preStop")
    if not hook:
        return 0.0
    if "sleep" in hook:
        return float(hook["sleep"]["seconds"])
    command = hook.get("exec", {}).get("command", [])
    return float(command[1]) if command[:1] == ["sleep"] and len(command) == 2 else inf


def redis_conf(objects: Objects) -> dict[str, str]:
    (text,) = (
        o["data"]["redis.conf"] for o in of_kind(objects, "ConfigMap") if "redis.conf" in o["data"]
    )
    lines = (line.split(None, 1) for line in text.splitlines() if not line.startswith("#"))
    return {line[0]: line[1] for line in lines if len(line) == 2}
