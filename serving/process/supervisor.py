"""Keeps the gateway's workers alive: spawns them, hears their beats, replaces those that fell silent.

A worker is a fresh Python process, never a fork. One that dies is replaced, after a pause that grows
with each early death; when none serves and `MOST_EARLY_DEATHS` died early in a row, it gives up.
"""

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from serving.errors import RecserveError

START_PATIENCE_S = 60.0  # from spawning to the first beat: imports and opening the artefacts
KILL_AFTER_S = 5.0  # after the end of a drain, or of the link
EARLY_S = 10.0  # the death of a worker that has served less than that is an early one
MOST_EARLY_DEATHS = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
WORKER = (
    sys.executable,
    "-m",
    "serving.process.worker",
)  # and the descriptor of its end of the link
UNUSABLE = 78  # a worker's exit status: settings or artefacts that another start won't mend

log = logging.getLogger(__name__)


class GaveUp(RecserveError):
    """No worker can be kept running."""


@dataclass(slots=True)
class Worker:
    """One process and what it last said."""

    process: asyncio.subprocess.Process
    beats: asyncio.StreamReader
    link: asyncio.StreamWriter
    state: str = ""  # see serving/process/link.py; empty: not a word yet
    serving_since: float | None = None  # monotonic seconds

    @property
    def pid(self) -> int:
        return self.process.pid

    def heard(self, state: str) -> None:
        if state == "serving" and self.serving_since is None:
            self.serving_since = time.monotonic()
            log.info("worker %d serves", self.pid)
        self.state = state

    def died_early(self) -> bool:
        return self.serving_since is None or time.monotonic() - self.serving_since < EARLY_S


class Supervisor:
    """`environment` is what every worker starts with; `buried(pid)` is called for each that ended."""

    def __init__(
        self,
        count: int,
        environment: Mapping[str, str],
        heartbeat_timeout_s: float,
        drain_s: float,
        buried: Callable[[int], None],
        command: Sequence[str] = WORKER,
    ) -> None:
        self.count = count
        self._environment = environment
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._drain_s = drain_s
        self._buried = buried
        self._command = command
        self._workers: dict[int, Worker] = {}
        self._early_deaths = 0
        self._stopping = asyncio.Event()
        self.restarts = 0

    @property
    def draining(self) -> bool:
        return self._stopping.is_set()

    @property
    def serving(self) -> int:
        """How many workers answer calls."""
        return sum(worker.state == "serving" for worker in self._workers.values())

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`; returns when every worker is gone.

        Raises:
            GaveUp: no worker can be kept running.
        """
        slots = [asyncio.create_task(self._keep()) for _ in range(self.count)]
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([*slots, stopping], return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        await self._end(slots)
        for failure in filter(None, [slot.exception() for slot in slots]):  # takes every slot's
            raise failure

    async def _keep(self) -> None:
        while not self.draining:
            try:
                worker = await self._spawn()
            except OSError as error:  # no memory, no descriptors: the others serve on meanwhile
                log.error("no worker can be started: %s", error)  # noqa: TRY400
                await self._pause(error.errno or 0, early=True)
                continue
            await self._listen(worker)
            status = await self._reap(worker)
            if not self.draining:
                log.warning("worker %d ended with status %d", worker.pid, status)
                await self._pause(status, early=worker.died_early())
                self.restarts += 1

    async def _spawn(self) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as failed:
            failed.enter_context(ours)
            process = await asyncio.create_subprocess_exec(
                *(*self._command, str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment,
                pass_fds=(theirs.fileno(),),
            )
            failed.pop_all()
        beats, link = await asyncio.open_connection(sock=ours)
        worker = self._workers[process.pid] = Worker(process, beats, link)
        log.info("worker %d started", process.pid)
        if self.draining:  # asked to stop meanwhile
            process.terminate()
        return worker

    async def _listen(self, worker: Worker) -> None:
        """Returns when the worker's link has ended, or the worker was killed for its silence."""
        while True:
            patience_s = self._heartbeat_timeout_s if worker.state else START_PATIENCE_S
            try:
                async with asyncio.timeout(patience_s):
                    line = await worker.beats.readline()
            except TimeoutError:
                log.error("worker %d was silent for %g s and is killed", worker.pid, patience_s)  # noqa: TRY400
                worker.process.kill()
                return
            except ConnectionResetError:
                return
            if not line:
                return
            worker.heard(line.decode().strip())

    async def _reap(self, worker: Worker) -> int:
        """The exit status, once the process has ended."""
        worker.link.close()
        try:
            async with asyncio.timeout(KILL_AFTER_S):
                status = await worker.process.wait()
        except TimeoutError:
            worker.process.kill()
            status = await worker.process.wait()
        del self._workers[worker.pid]
        self._buried(worker.pid)
        return status

    async def _pause(self, status: int, *, early: bool) -> None:
        if not early:
            self._early_deaths = 0
            return
        self._early_deaths += 1
        if status == UNUSABLE and not self.serving:
            raise GaveUp("the workers can't start; the log says why")
        if self._early_deaths >= MOST_EARLY_DEATHS and not self.serving:
            raise GaveUp(
                f"{self._early_deaths} workers in a row died early, the last with status {status}, "
                "and none serves; the log says why"
            )
        pause_s = min(FIRST_PAUSE_S * 2 ** (self._early_deaths - 1), LONGEST_PAUSE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()

    async def _end(self, slots: list[asyncio.Task[None]]) -> None:
        for worker in self._workers.values():
            if worker.process.returncode is None:
                worker.process.terminate()
        _, late = await asyncio.wait(slots, timeout=self._drain_s + KILL_AFTER_S)
        for worker in self._workers.values():
            if worker.process.returncode is None:
                log.error("worker %d has not drained in time and is killed", worker.pid)
                worker.process.kill()
        if late:
            await asyncio.wait(late)
