"""Watches what each Triton is asked for, by its own statistics."""

import asyncio
import json
import time
from dataclasses import dataclass, field

from tests.meta.k8s.rules_pods import TRITON_AGE
from tests.rehearsal.cluster import PROPAGATION_S, Cluster
from tests.rehearsal.dns import TTL_S
from tests.rehearsal.kubelet import Pod
from tests.rehearsal.pods import Container, NotRehearsed
from tests.rehearsal.probes import get

LOOKS_S = 0.5
SPREAD = 1.1  # gRPC lets a connection grow up to a tenth older
SLACK_S = (
    2.0  # the gateways look a name up once a second at most; a call, and a look at the statistics
)
TRITON, HTTP = "triton", "http"


@dataclass(frozen=True, slots=True)
class First:
    """A Triton's first inference after it became ready."""

    at: float  # monotonic seconds
    after_s: float


@dataclass
class Traffic:
    cluster: Cluster
    firsts: list[First] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)  # pods
    _base: dict[str, tuple[float, int]] = field(default_factory=dict)

    def between(self, began: float, ended: float) -> list[float]:
        return [one.after_s for one in self.firsts if began <= one.at < ended]

    async def watch(self) -> None:
        """For ever."""
        while True:
            for pod in self.cluster.of(TRITON):
                if pod.ready and pod.name not in self._asked:
                    await self._look(pod)
            await asyncio.sleep(LOOKS_S)

    async def unasked(self) -> list[str]:
        """A sentence for each ready Triton that was asked for nothing in the time that it may take."""
        ages = [within_s(p.spec.containers[0]) for p in self.cluster.of(TRITON)]
        patience_s = max(ages, default=0.0)
        until = time.monotonic() + patience_s
        while waiting := [p.name for p in self.cluster.of(TRITON) if p.name not in self._asked]:
            if time.monotonic() > until:
                return [f"{name} was asked for nothing in {patience_s:.0f} s" for name in waiting]
            await asyncio.sleep(LOOKS_S)
        return []

    def begin(self) -> None:
        """What was asked before there were callers doesn't count."""
        self._asked.clear()
        self._base.clear()

    def forget(self, pod: Pod) -> None:
        """Its process is another one now, which counts from nothing."""
        self._asked.discard(pod.name)
        self._base.pop(pod.name, None)

    async def _look(self, pod: Pod) -> None:
        count = await inferences(pod)
        if count is None:
            return
        since, base = self._base.setdefault(pod.name, (time.monotonic(), count))
        if count > base:
            now = time.monotonic()
            self._asked.add(pod.name)
            self.firsts.append(First(now, round(now - since, 1)))


async def inferences(pod: Pod) -> int | None:
    """How many of all models succeeded; None if it doesn't say."""
    port = pod.containers[0].spec.port(HTTP)
    try:
        async with asyncio.timeout(2):
            _, body = await get(pod.address, port, "/v2/models/stats")
    except (OSError, asyncio.IncompleteReadError):
        return None
    stats = json.loads(body)["model_stats"]
    return sum(int(one["inference_stats"]["success"]["count"]) for one in stats)


def within_s(triton: Container) -> float:
    """From readiness to a call of every gateway: each looks the name up as a connection reaches its age.

    Raises:
        NotRehearsed: connections have no age, so that a new Triton may never be found.
    """
    ages = [word.removeprefix(TRITON_AGE) for word in triton.command if word.startswith(TRITON_AGE)]
    if not ages:
        raise NotRehearsed(f"{triton.name} without {TRITON_AGE}")
    return float(ages[-1]) / 1000 * SPREAD + PROPAGATION_S + TTL_S + SLACK_S
