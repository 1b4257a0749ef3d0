"""A pod from its start to its end, as a node's kubelet leads it."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.rehearsal.containers import Running
from tests.rehearsal.places import Places, Site
from tests.rehearsal.pods import Container, PodSpec, Template


@dataclass(frozen=True, slots=True)
class Identity:
    name: str
    address: str
    node: str
    labels: Mapping[str, str]

    @property
    def fields(self) -> dict[str, str]:
        """By the path that a fieldRef names."""
        labels = {f"metadata.labels['{key}']": value for key, value in self.labels.items()}
        return labels | {"metadata.name": self.name, "status.podIP": self.address}


@dataclass(eq=False)
class Pod:
    identity: Identity
    template: Template
    spec: PodSpec
    init: list[Running]
    containers: list[Running]
    changed: Callable[[], None]
    began: float = field(default_factory=time.monotonic)
    ready_after_s: float | None = None
    terminating: bool = False
    ended_at: float = math.inf
    _keeping: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def address(self) -> str:
        return self.identity.address

    @property
    def ready(self) -> bool:
        """And meant to stay."""
        return not self.terminating and all(one.ready for one in self.containers)

    @property
    def ended(self) -> bool:
        return self.ended_at < math.inf

    @property
    def every(self) -> list[Running]:
        return [*self.init, *self.containers]

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.every)

    def start(self) -> None:
        self._keeping = [asyncio.create_task(self._run())]

    def note(self) -> None:
        """A container changed."""
        if self.ready and self.ready_after_s is None:
            self.ready_after_s = time.monotonic() - self.began
        self.changed()

    async def terminate(self) -> None:
        """Its containers at once, sidecars after them; returns when all has ended."""
        self.terminating = True
        for one in self.every:
            one.stopping = True
        self.changed()
        sidecars = [one for one in self.init if one.spec.sidecar]
        await asyncio.gather(*(one.stop() for one in self.containers))
        await asyncio.gather(*(one.stop() for one in sidecars))
        for task in self._keeping:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(one.stop() for one in self.every))  # one that was being started
        self.ended_at = time.monotonic()
        self.changed()

    async def kill(self) -> None:
        """Ends everything at once: its node is lost, or the rehearsal is over."""
        self.terminating = True
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for one in self.every:
            one.stopping = True
            await one.end()
        self.ended_at = time.monotonic()
        self.changed()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for one in self.init:
                if not one.spec.sidecar:
                    await one.complete()
                    continue
                group.create_task(one.keep())
                await one.begun.wait()
            for one in self.containers:
                group.create_task(one.keep())


def make_pod(
    template: Template,
    identity: Identity,
    site: Site,
    image: Mapping[str, str],
    changed: Callable[[], None],
) -> Pod:
    """Nothing is started yet."""
    spec = template.pod(identity.fields)
    places = Places(site, identity.name, identity.address, spec, template.objects)
    pod = Pod(identity, template, spec, [], [], changed)
    logs = site.folder / "logs"
    logs.mkdir(exist_ok=True)

    def running(written: Container) -> Running:
        places.fill(written)
        container = replace(written, probes=places.probes(written))
        return Running(
            container,
            places.command(written),
            places.environment(written, image),
            identity.address,
            logs / _log_of(identity, container),
            spec.grace_s,
            pod.note,
        )

    pod.init += map(running, spec.init)
    pod.containers += map(running, spec.containers)
    return pod


def _log_of(identity: Identity, container: Container) -> Path:
    return Path(f"{identity.name}-{container.name}.log")
