"""The controllers: Deployments towards their template and number, StatefulSets, and evictions of a drain."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.meta.k8s.manifests import matches, of_kind, replicas
from tests.rehearsal.arithmetic import Counts, allowed_evictions, step
from tests.rehearsal.cluster import Cluster
from tests.rehearsal.kubelet import Pod
from tests.rehearsal.pods import Template

LOOKS_S = 0.2
PATIENCE_S = 300.0
ATTACHED_S = 10.0  # a volume of one pod alone is at its next node so long after that pod has ended


class Stuck(Exception):
    """What should have come to pass did not."""


@dataclass
class Controllers:
    """`tasks` holds the ends of pods under way."""

    cluster: Cluster
    patience_s: float = PATIENCE_S
    again_s: float = 5.0  # kubectl drain asks again so often for an eviction that was refused
    templates: dict[str, Template] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    refused: int = 0  # evictions, by a budget
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def apply(self, template: Template) -> None:
        """A Deployment or StatefulSet; its number is kept if it is known already."""
        name = template.workload.name
        self.templates[name] = template
        self.wanted.setdefault(name, replicas(template.objects, template.workload))

    async def control(self) -> None:
        """For ever."""
        while True:
            self.advance()
            await asyncio.sleep(LOOKS_S)

    def advance(self) -> None:
        """Each workload's next step."""
        for name, template in self.templates.items():
            if template.workload.kind == "StatefulSet":
                self._advance_stateful(name)
            else:
                self._advance(name)

    async def settled(self) -> None:
        """Until all pods are of the present template, as many as wanted, ready, and the others gone.

        Raises:
            Stuck: not in time; names the pods that are in the way.
        """
        until = time.monotonic() + self.patience_s
        while not all(map(self._is_settled, self.templates)) or self.cluster.ending:
            if time.monotonic() > until:
                states = [
                    f"{p.name} ready {p.ready}, restarts {p.restarts}, terminating {p.terminating}"
                    for p in self.cluster.pods
                    if not p.ended
                ]
                raise Stuck(f"after {self.patience_s:.0f} s: {'; '.join(states)}")
            await asyncio.sleep(LOOKS_S)

    def end(self, pod: Pod) -> None:
        """Begins it."""
        pod.terminating = True
        task = asyncio.create_task(pod.terminate())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def drain(self, nodes: Collection[str]) -> None:
        """Cordons them all, then evicts what is on them as `kubectl drain` does."""
        self.cluster.cordoned |= set(nodes)
        on = [p for p in self.cluster.pods if p.identity.node in nodes and not p.terminating]
        await asyncio.gather(*map(self._evict, on))

    async def _evict(self, pod: Pod) -> None:
        while not pod.terminating:
            if self._may_go(pod):
                self.end(pod)
                return
            self.refused += 1
            await asyncio.sleep(self.again_s)

    def _may_go(self, pod: Pod) -> bool:
        """As the API server decides."""
        name = pod.template.workload.name
        ready = sum(p.ready for p in self.cluster.of(name))
        for budget in of_kind(self.cluster.objects, "PodDisruptionBudget"):
            spec = budget["spec"]
            if matches(spec["selector"], pod.identity.labels):
                unready_goes = spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
                allowed = allowed_evictions(self.wanted[name], ready, spec) > 0
                return allowed or (unready_goes and not pod.ready)
        return True

    def _is_settled(self, name: str) -> bool:
        pods, template = self.cluster.of(name), self.templates[name]
        return len(pods) == self.wanted[name] and all(
            p.ready and p.template.hash == template.hash for p in pods
        )

    def _advance(self, name: str) -> None:
        template, pods = self.templates[name], self.cluster.of(name)
        new = [p for p in pods if p.template.hash == template.hash]
        old = [p for p in pods if p not in new]
        rolling = template.workload.spec.get("strategy", {}).get("rollingUpdate", {})
        bounds = (rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%"))
        todo = step(self.wanted[name], _counts(old), _counts(new), *bounds)
        for _ in range(todo.add):
            self.cluster.create(template)
        for pod in [*self._first(old)[: todo.take_old], *self._first(new)[: todo.take_new]]:
            self.end(pod)

    def _advance_stateful(self, name: str) -> None:
        """One pod after the other from the highest number, a new one of a name once the old one has ended."""
        template, last = self.templates[name], dict[str, Pod]()
        last.update((p.name, p) for p in self.cluster.pods if p.template.workload.name == name)
        for number in range(self.wanted[name]):
            pod = last.get(f"{name}-{number}")
            if pod is None or (pod.ended and self._may_follow(pod)):
                last[f"{name}-{number}"] = self.cluster.create(template, f"{name}-{number}")
        pods = [last[f"{name}-{number}"] for number in range(self.wanted[name])]
        old = [p for p in pods if p.template.hash != template.hash]
        if old and all(p.ready for p in pods):
            self.end(old[-1])

    def _may_follow(self, pod: Pod) -> bool:
        """Whether the volumes of its own have come to where the next one will run."""
        moves = "volumeClaimTemplates" in pod.template.workload.spec
        moves = moves and pod.identity.node in self.cluster.cordoned
        return not moves or time.monotonic() - pod.ended_at > ATTACHED_S

    def _first(self, pods: list[Pod]) -> list[Pod]:
        """In the order in which a ReplicaSet lets them go: not ready, crowded, young."""
        nodes = [p.identity.node for p in pods]
        return sorted(pods, key=lambda p: (p.ready, -nodes.count(p.identity.node), -p.began))


def _counts(pods: list[Pod]) -> Counts:
    ready = sum(p.ready for p in pods)
    return Counts(ready, len(pods) - ready)
