"""What became of every call."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    began: float  # monotonic seconds
    method: str
    status: str  # OK, or the last status that the client got
    seconds: float
    again: tuple[str, ...] = ()  # the statuses after which the caller asked again
    degraded: tuple[str, ...] = ()  # `stage: REASON`
    message: str = ""


@dataclass
class Outcomes:
    """`under_way` holds whatever will leave an outcome."""

    all: list[Outcome] = field(default_factory=list)
    under_way: set[asyncio.Future[Any]] = field(default_factory=set)

    def between(self, began: float, ended: float) -> list[Outcome]:
        return [one for one in self.all if began <= one.began < ended]

    def watch(self, task: asyncio.Task[Any], method: str) -> None:
        """A fault of the task's, which is none of our client's errors, is a failed call as well."""

        def ended(task: asyncio.Task[Any]) -> None:
            fault = asyncio.CancelledError() if task.cancelled() else task.exception()
            if fault:
                now, kind = time.monotonic(), type(fault).__name__
                self.all.append(Outcome(now, method, kind, 0.0, message=str(fault)))

        task.add_done_callback(ended)

    def call(self, task: asyncio.Task[Any], method: str) -> None:
        """A call that has been begun."""
        self.under_way.add(task)
        self.watch(task, method)
        task.add_done_callback(self.under_way.discard)

    async def finished(self) -> None:
        """Until every call so far has its outcome."""
        if self.under_way:
            await asyncio.wait(set(self.under_way))
