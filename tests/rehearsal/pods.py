"""What the rendered YAML says of a pod: commands, variables, ports, probes, and how it ends."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.meta.k8s.manifests import Object, Objects, Workload, environment, expanded, of_kind

KINDS = ("startup", "readiness", "liveness")
ASKS = ("grpc", "httpGet", "exec", "tcpSocket")


class NotRehearsed(Exception):
    """The YAML asks for something that isn't played here."""


@dataclass(frozen=True, slots=True)
class Probe:
    """With Kubernetes' defaults filled in."""

    how: str  # one of ASKS
    asked: Mapping[str, Any]
    initial_delay_s: float
    period_s: float
    timeout_s: float
    success_threshold: int
    failure_threshold: int


@dataclass(frozen=True, slots=True)
class Container:
    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    ports: Mapping[str, int]
    mounts: Mapping[str, str]  # volume by mount path
    probes: Mapping[str, Probe]  # by KINDS
    pre_stop_s: float
    sidecar: bool

    def port(self, named: str | int) -> int:
        return named if isinstance(named, int) else self.ports[named]


@dataclass(frozen=True, slots=True)
class PodSpec:
    init: tuple[Container, ...]
    containers: tuple[Container, ...]
    volumes: Mapping[str, Object]
    grace_s: float


@dataclass(frozen=True, slots=True)
class Template:
    """A workload's pods, among the objects that they name."""

    objects: Objects
    workload: Workload

    @property
    def hash(self) -> str:
        """Another one is another generation of pods."""
        text = json.dumps(self.workload.spec["template"], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def pod(self, fields: Mapping[str, str]) -> PodSpec:
        """`fields`: what a `fieldRef` names of this pod, by its path."""
        pod = self.workload.pod
        claims = {
            claim["metadata"]["name"]: {
                "persistentVolumeClaim": {
                    "claimName": f"{claim['metadata']['name']}-{fields['metadata.name']}"
                }
            }
            for claim in self.workload.spec.get("volumeClaimTemplates", [])
        }
        return PodSpec(
            init=tuple(self._container(c, fields) for c in pod.get("initContainers", [])),
            containers=tuple(self._container(c, fields) for c in pod["containers"]),
            volumes={v["name"]: v for v in pod.get("volumes", [])} | claims,
            grace_s=float(pod.get("terminationGracePeriodSeconds", 30)),
        )

    def _container(self, found: Object, fields: Mapping[str, str]) -> Container:
        given = variables(self.objects, found, fields)
        words = [*found.get("command", []), *found.get("args", [])]
        if not found.get("command"):
            raise NotRehearsed(f"{self.workload}: {found['name']} runs what its image says")
        return Container(
            name=found["name"],
            command=tuple(expanded(str(word), given) for word in words),
            variables=given,
            ports={p["name"]: p["containerPort"] for p in found.get("ports", []) if "name" in p},
            mounts={m["mountPath"]: m["name"] for m in found.get("volumeMounts", [])},
            probes={
                kind: probe(found[f"{kind}Probe"]) for kind in KINDS if f"{kind}Probe" in found
            },
            pre_stop_s=pre_stop_s(found),
            sidecar=found.get("restartPolicy") == "Always",
        )


def variables(objects: Objects, container: Object, fields: Mapping[str, str]) -> dict[str, str]:
    """As the kubelet makes them.

    Raises:
        NotRehearsed: a source that isn't played, or a map that isn't there.
    """
    for source in container.get("envFrom", []):
        _require_map(objects, source.get("configMapRef"), source)
    for variable in container.get("env", []):
        source = variable.get("valueFrom", {})
        if "configMapKeyRef" in source:
            _require_map(objects, source["configMapKeyRef"], variable)
        elif "value" not in variable and source.get("fieldRef", {}).get("fieldPath") not in fields:
            raise NotRehearsed(f"the variable {variable}")
    return environment(objects, container, fields)


def _require_map(objects: Objects, reference: Object | None, of: Object) -> None:
    """With the key, if the reference names one."""
    for one in of_kind(objects, "ConfigMap"):
        if reference and one["metadata"]["name"] == reference["name"]:
            if reference.get("key") in (None, *one.get("data", {})):
                return
            raise NotRehearsed(f"{of}: its ConfigMap lacks the key")
    raise NotRehearsed(f"{of}: there is no such ConfigMap")


def probe(found: Object) -> Probe:
    how = next((ask for ask in ASKS if ask in found), None)
    if how is None:
        raise NotRehearsed(f"the probe {found}")
    return Probe(
        how=how,
        asked=found[how],
        initial_delay_s=float(found.get("initialDelaySeconds", 0)),
        period_s=float(found.get("periodSeconds", 10)),
        timeout_s=float(found.get("timeoutSeconds", 1)),
        success_threshold=int(found.get("successThreshold", 1)),
        failure_threshold=int(found.get("failureThreshold", 3)),
    )


def pre_stop_s(container: Object) -> float:
    hook = container.get("lifecycle", {}).get("preStop")
    if hook is None:
        return 0.0
    if "sleep" not in hook:
        raise NotRehearsed(f"{container['name']}: a preStop hook that doesn't sleep")
    return float(hook["sleep"]["seconds"])
