"""One container as processes: started, probed, started again when it ends, stopped as the kubelet does."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from serving.local.processes import GROUP, every_stat
from tests.meta.k8s.rendering import ROOT
from tests.rehearsal.pods import Container, Probe
from tests.rehearsal.probes import Streak, passes

RELIST_S = 1.0  # the kubelet looks for ended containers so often
FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 300.0  # CrashLoopBackOff; the first restart is at once


def pause_s(restarts: int) -> float:
    """Before the restart of this number, from 1."""
    if restarts <= 1:
        return 0.0
    return float(min(FIRST_PAUSE_S * 2 ** (restarts - 2), LONGEST_PAUSE_S))


@dataclass(eq=False)
class Running:
    """`changed` is called when `ready` or `started` may have changed."""

    spec: Container
    command: list[str]
    environment: Mapping[str, str]
    address: str
    log: Path
    grace_s: float
    changed: Callable[[], None]
    process: asyncio.subprocess.Process | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)  # it has started once
    started: bool = False
    ready: bool = False
    stopping: bool = False
    restarts: int = 0
    killed_late: bool = False  # at the end of its grace
    probed: Counter[str] = field(default_factory=Counter)  # `readiness passed` and so on

    async def complete(self) -> None:
        """Runs an init container until it has succeeded."""
        while await (await self._start()).wait():
            self.restarts += 1
            await asyncio.sleep(pause_s(self.restarts))

    async def keep(self) -> None:
        """For ever: starts it, and starts it again."""
        while True:
            process = await self._start()
            probing = asyncio.create_task(self._probe())
            try:
                await process.wait()
                end_group(process.pid)
                await asyncio.sleep(RELIST_S)
            finally:
                probing.cancel()
            self._is(started=False, ready=False)
            if self.stopping:
                return
            self.restarts += 1
            await asyncio.sleep(pause_s(self.restarts))

    async def stop(self) -> None:
        """The hook before the stop, SIGTERM, and SIGKILL after the grace, which the hook is part of."""
        process, until = self.process, time.monotonic() + self.grace_s
        if process is None or process.returncode is not None:
            return
        ended = asyncio.create_task(process.wait())
        await asyncio.wait([ended], timeout=min(self.spec.pre_stop_s, self.grace_s))
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.wait([ended], timeout=max(until - time.monotonic(), 0))
        if not ended.done():
            self.killed_late = True
        end_group(process.pid)
        await ended

    def kill(self) -> None:
        """As by the kernel for memory: every process of the container at once."""
        if self.process and self.process.returncode is None:
            end_group(self.process.pid)

    async def end(self) -> None:
        """Kills it and waits."""
        self.kill()
        if self.process:
            await self.process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    async def _probe(self) -> None:
        probes = self.spec.probes
        if "startup" in probes and not await self._amounts_to("startup", probes["startup"]):
            await self.stop()  # and `keep` starts it again
            return
        self._is(started=True, ready="readiness" not in probes)
        async with asyncio.TaskGroup() as group:
            if "readiness" in probes:
                group.create_task(self._watch_readiness(probes["readiness"]))
            if "liveness" in probes:
                group.create_task(self._watch_liveness(probes["liveness"]))

    async def _amounts_to(self, kind: str, probe: Probe) -> bool:
        """What the probe comes to at last."""
        async for verdict in self._verdicts(kind, probe):
            if verdict is not None:
                return verdict
        raise AssertionError(kind)

    async def _watch_readiness(self, probe: Probe) -> None:
        async for verdict in self._verdicts("readiness", probe):
            if verdict is not None:
                self._is(started=True, ready=verdict)

    async def _watch_liveness(self, probe: Probe) -> None:
        async for verdict in self._verdicts("liveness", probe):
            if verdict is False:
                await self.stop()
                return

    async def _verdicts(self, kind: str, probe: Probe) -> AsyncIterator[bool | None]:
        """One after each answer, for ever."""
        streak = Streak(probe)
        await asyncio.sleep(probe.initial_delay_s)
        while True:
            yield streak.take(passed=await self._ask(kind, probe))
            await asyncio.sleep(probe.period_s)

    async def _ask(self, kind: str, probe: Probe) -> bool:
        passed = await passes(probe, self.spec, self.address, self.environment)
        if not self.stopping:
            self.probed[f"{kind} {'passed' if passed else 'failed'}"] += 1
        return passed

    def _is(self, *, started: bool, ready: bool) -> None:
        if (started, ready) != (self.started, self.ready):
            self.started, self.ready = started, ready
            if started:
                self.begun.set()
            self.changed()


def end_group(pid: int) -> None:
    """What a container's first process leaves behind ends with it, its shared memory too."""
    left = shared_memory(pid)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    for path in left:
        path.unlink(missing_ok=True)


def shared_memory(group: int) -> set[Path]:
    """Files of /dev/shm that a process of the group maps: a pod's own would end with the pod."""
    pids = [pid for pid, found in every_stat() if int(found[GROUP]) == group]
    lines: list[str] = []
    for pid in pids:
        with suppress(OSError):
            lines += Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {
        Path(path)
        for line in lines
        if (path := line.rpartition(" ")[2]).startswith("/dev/shm/triton")
    }
