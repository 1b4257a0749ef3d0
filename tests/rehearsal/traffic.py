"""Watches what each Triton is asked for, by its own statistics."""

import asyncio
import json
import time
from dataclasses import dataclass, field

from tests.rehearsal.cluster import Cluster
from tests.rehearsal.kubelet import Pod
from tests.rehearsal.probes import get

LOOKS_S = 0.5
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

    async def all_asked(self, patience_s: float) -> list[str]:
        """The ready Tritons that are still asked for nothing when that time is over."""
        until = time.monotonic() + patience_s
        while waiting := [p.name for p in self.cluster.of(TRITON) if p.name not in self._asked]:
            if time.monotonic() > until:
                return waiting
            await asyncio.sleep(LOOKS_S)
        return []

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
