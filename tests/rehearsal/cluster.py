"""Nodes, pods and the addresses behind Services, as far as the rest of the rehearsal needs them."""

import asyncio
import itertools
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.meta.k8s.manifests import Object, Objects, matches, of_kind, workloads
from tests.rehearsal.kubelet import Identity, Pod, make_pod
from tests.rehearsal.places import DOMAIN, Site
from tests.rehearsal.pods import NotRehearsed, Template

PROPAGATION_S = 1.0  # from a pod's change to what DNS and kube-proxy know of it
NODES = tuple(f"node-{n}" for n in range(1, 7))
DATA_NODES = ("node-data-1", "node-data-2")  # of the StatefulSets


def addresses() -> Iterator[str]:
    """Loopback addresses, one a pod, so that equal ports don't meet."""
    return (f"127.0.{1 + n // 250}.{1 + n % 250}" for n in itertools.count())


@dataclass
class Cluster:
    objects: Objects
    image: Mapping[str, str] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)  # also those that ended
    cordoned: set[str] = field(default_factory=set)
    site: Site | None = None
    _addresses: Iterator[str] = field(default_factory=addresses)
    _kept: dict[str, str] = field(default_factory=dict)
    _published: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def create(self, template: Template, name: str | None = None) -> Pod:
        """`name`: of a StatefulSet's pod."""
        assert self.site
        workload = template.workload
        labels = {**workload.labels, "pod-template-hash": template.hash}
        if name:
            labels["apps.kubernetes.io/pod-index"] = name.rpartition("-")[2]
        tail = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        identity = Identity(
            name or f"{workload.name}-{template.hash}-{tail}",
            self._address(name) if name else next(self._addresses),
            self._node(workload.name, DATA_NODES if name else NODES),
            labels,
        )
        pod = make_pod(template, identity, self.site, self.image, self._changed)
        self.pods.append(pod)
        pod.start()
        return pod

    def of(self, workload: str) -> list[Pod]:
        """Those that are not ending."""
        return [p for p in self.pods if p.template.workload.name == workload and not p.terminating]

    @property
    def ending(self) -> list[Pod]:
        return [p for p in self.pods if p.terminating and not p.ended]

    def service(self, name: str) -> Object:
        return next(s for s in of_kind(self.objects, "Service") if s["metadata"]["name"] == name)

    def endpoints(self, service: str) -> tuple[str, ...]:
        """Addresses of the ready pods, as the cluster's parts have heard by now."""
        return self._published.get(service, ())

    def first_address(self, service: str) -> str:
        """Of the first pod of the StatefulSet behind a Service, whether it is there yet or not.

        Raises:
            NotRehearsed: pods of another kind, whose addresses change.
        """
        selector = {"matchLabels": self.service(service)["spec"]["selector"]}
        for workload in workloads(self.objects):
            if workload.kind == "StatefulSet" and matches(selector, workload.labels):
                return self._address(f"{workload.name}-0")
        raise NotRehearsed(f"a URL of the Service {service}, which has no StatefulSet")

    def look_up(self, name: str) -> tuple[str, ...] | None:
        service = name.removesuffix(f".{DOMAIN}")
        known = {s["metadata"]["name"] for s in of_kind(self.objects, "Service")}
        return self.endpoints(service) if service in known else None

    def _address(self, name: str) -> str:
        """A StatefulSet's pod keeps its own."""
        if name not in self._kept:
            self._kept[name] = next(self._addresses)
        return self._kept[name]

    def _node(self, workload: str, nodes: Sequence[str]) -> str:
        """The emptiest of those that take pods, by pods of the same workload and then by all."""
        there = [p for p in self.pods if not p.ended]

        def crowd(node: str) -> tuple[int, int]:
            on = [p for p in there if p.identity.node == node]
            return sum(p.template.workload.name == workload for p in on), len(on)

        return min((n for n in nodes if n not in self.cordoned), key=crowd)

    def _changed(self) -> None:
        asyncio.get_running_loop().call_later(PROPAGATION_S, self._publish, self._ready())

    def _ready(self) -> dict[str, tuple[str, ...]]:
        found = {}
        for service in of_kind(self.objects, "Service"):
            selector = {"matchLabels": service["spec"]["selector"]}
            found[service["metadata"]["name"]] = tuple(
                p.address for p in self.pods if p.ready and matches(selector, p.identity.labels)
            )
        return found

    def _publish(self, ready: dict[str, tuple[str, ...]]) -> None:
        self._published = ready
