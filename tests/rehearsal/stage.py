"""The rehearsed system, and what is seen of it while an event is played."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.rehearsal.controller import Controllers, Stuck
from tests.rehearsal.expected import Expected
from tests.rehearsal.outcomes import Outcomes
from tests.rehearsal.overlay import Overlay
from tests.rehearsal.report import EventReport, listed, summed
from tests.rehearsal.traffic import Traffic

PLANNED = Expected()


@dataclass
class Stage:
    """`until`: where the window of the last event ended and that of the next begins."""

    overlay: Overlay
    controllers: Controllers
    outcomes: Outcomes
    traffic: Traffic
    say: Callable[[str], None]
    after_s: float = 3.0  # an event is watched for so long once all has settled
    opened: Counter[str] = field(default_factory=Counter)  # callers' connections, by gateway
    reports: list[EventReport] = field(default_factory=list)
    until: float = field(default_factory=time.monotonic)

    async def play(self, name: str, event: Awaitable[None], expected: Expected = PLANNED) -> None:
        """Reports on all calls that began since the event before, until all has settled."""
        refused, before, late = self.controllers.refused, self._restarts(), self._late()
        problems, began = [], time.monotonic()
        try:
            await event
            await self.controllers.settled()
        except Stuck as stuck:
            problems.append(str(stuck))
        if expected.called:
            problems += await self.traffic.unasked()
        await asyncio.sleep(self.after_s)
        since, self.until = self.until, time.monotonic()
        await self.outcomes.finished()
        calls = self.outcomes.between(since, self.until)
        restarts, killed = self._restarts() - before, self._late() - late
        problems += expected.problems(calls, restarts)
        if killed:
            problems.append("a container was killed at the end of its grace")
        report = EventReport(
            event=name,
            seconds=round(self.until - began, 1),
            **summed(calls),
            new_triton_traffic_s=self.traffic.between(since, self.until),
            restarts=restarts,
            killed_late=killed,
            refused_evictions=self.controllers.refused - refused,
            problems=problems,
        )
        self.reports.append(report)
        word = "PASS" if report.passed else "FAIL"
        self.say(
            f"{word} {name}: {report.requests} requests, failed {listed(report.failed)}, asked again "
            f"{listed(report.asked_again)}, degraded {report.degraded}, slowest {report.slowest_s} s, "
            f"in {report.seconds:.0f} s"
        )
        for problem in problems:
            self.say(f"     {problem}")

    def _restarts(self) -> int:
        return sum(pod.restarts for pod in self.controllers.cluster.pods)

    def _late(self) -> int:
        pods = self.controllers.cluster.pods
        return sum(one.killed_late for pod in pods for one in pod.containers)
