"""The rehearsed system, and what is seen of it while an event is played."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.rehearsal.callers import Load
from tests.rehearsal.controller import Controllers, Stuck
from tests.rehearsal.overlay import Overlay
from tests.rehearsal.report import EventReport, lacking, summed
from tests.rehearsal.traffic import Traffic

AFTER_S = 3.0
TRAFFIC_WITHIN_S = 30.0  # a connection's age, a tenth more, and what DNS takes


@dataclass
class Stage:
    overlay: Overlay
    controllers: Controllers
    load: Load
    traffic: Traffic
    say: Callable[[str], None]
    opened: Counter[str] = field(default_factory=Counter)  # callers' connections, by gateway
    reports: list[EventReport] = field(default_factory=list)

    async def play(self, name: str, event: Awaitable[None], restarts: int | None = 0) -> None:
        """Reports on the calls from the event's begin until all has settled.

        `restarts`: of containers, as many as are expected; None: any number. Without any, no call may even
        be asked again, and answers are degraded by want of time alone.
        """
        refused, before, late = self.controllers.refused, self._restarts(), self._late()
        problems, began = [], time.monotonic()
        try:
            await event
            await self.controllers.settled()
        except Stuck as stuck:
            problems.append(str(stuck))
        if self.load.outcomes:
            waiting = await self.traffic.all_asked(TRAFFIC_WITHIN_S)
            problems += [
                f"{pod} was asked for nothing in {TRAFFIC_WITHIN_S:.0f} s" for pod in waiting
            ]
        await asyncio.sleep(AFTER_S)
        ended = time.monotonic()
        await self.load.finished()
        happened = self._restarts() - before
        if restarts is not None and happened != restarts:
            problems.append(f"{happened} restarts of containers, {restarts} expected")
        calls = summed(self.load.between(began, ended))
        if restarts == 0 and calls["asked_again"]:
            problems.append(f"{calls['asked_again']} calls had to be asked again")
        if restarts == 0 and (lost := lacking(calls["degradations"])):
            problems.append(f"answers lacked something that was there: {lost}")
        if self._late() > late:
            problems.append("a container was killed at the end of its grace")
        report = EventReport(
            event=name,
            seconds=round(ended - began, 1),
            **calls,
            new_triton_traffic_s=self.traffic.between(began, ended),
            restarts=happened,
            killed_late=self._late() - late,
            refused_evictions=self.controllers.refused - refused,
            problems=problems,
        )
        self.reports.append(report)
        word = "PASS" if report.passed else "FAIL"
        self.say(
            f"{word} {name}: {report.requests} requests, failed {report.failed or 0}, asked again "
            f"{report.asked_again}, degraded {report.degraded}, slowest {report.slowest_s} s, "
            f"in {report.seconds:.0f} s"
        )

    def _restarts(self) -> int:
        return sum(pod.restarts for pod in self.controllers.cluster.pods)

    def _late(self) -> int:
        pods = self.controllers.cluster.pods
        return sum(one.killed_late for pod in pods for one in pod.containers)
