"""What happened to one request: the time of each stage, and what was done less well than asked."""

from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from serving import tracing
from serving.errors import OutsideError
from serving.policy import forgiven
from serving.types import Degraded, Recorder, Ticks, Timing

T = TypeVar("T")


class Trail:
    """Of one request; times and counts are taken here, once, around every stage."""

    def __init__(self, ticks: Ticks, recorder: Recorder) -> None:
        self._ticks = ticks
        self._recorder = recorder
        self._seconds: dict[str, float] = {}  # in the order in which the stages began
        self._degradations: list[Degraded] = []

    @property
    def timings(self) -> tuple[Timing, ...]:
        return tuple(Timing(stage, seconds) for stage, seconds in self._seconds.items())

    @property
    def degradations(self) -> tuple[Degraded, ...]:
        return tuple(self._degradations)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what happens inside, whether it ends well or not."""
        began = self._ticks()
        self._seconds[name] = 0.0
        try:
            with tracing.stage(name):
                yield
        finally:
            self._seconds[name] = self._ticks() - began
            self._recorder.stage(name, self._seconds[name])

    def note(self, degradations: Iterable[Degraded]) -> None:
        for degraded in degradations:
            self._degradations.append(degraded)
            self._recorder.degraded(degraded.stage, degraded.reason)
            tracing.happened(
                "degraded", {"recserve.stage": degraded.stage, "recserve.reason": degraded.reason}
            )

    async def attempt(self, stage: str, work: Awaitable[T], instead: T, name: str = "") -> T:
        """The outcome of `work`; where policy forgives its failure, notes it and gives `instead`.

        The note is of `name` where `stage` is a kind that has several.

        Raises:
            OutsideError: policy has nothing instead.
        """
        try:
            return await work
        except OutsideError as error:
            self.note([forgiven(stage, error, name)])
            return instead
