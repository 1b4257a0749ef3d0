"""Chooses among the endpoints of a service, and leaves out for a while those that keep failing."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

from serving.types import Ticks

Stub = TypeVar("Stub")
EJECT_AFTER = 5  # consecutive failures
EJECT_S = 1.0  # doubles with every ejection in a row
LONGEST_EJECTION_S = 30.0


@dataclass(slots=True, eq=False)
class Endpoint(Generic[Stub]):
    """One address, and how it is doing."""

    target: str  # host:port
    stub: Stub
    ticks: Ticks
    outstanding: int = 0
    failures: int = field(default=0, init=False)  # in a row
    ejections: int = field(default=0, init=False)  # in a row
    returns_at: float = field(default=0.0, init=False)

    @property
    def healthy(self) -> bool:
        return self.ticks() >= self.returns_at

    @contextmanager
    def call(self) -> Iterator[Stub]:
        """Counts a call as outstanding while it lasts, however it ends."""
        self.outstanding += 1
        try:
            yield self.stub
        finally:
            self.outstanding -= 1

    def succeeded(self) -> None:
        self.failures = self.ejections = 0

    def failed(self) -> None:
        """After ejection one more failure is enough to be ejected again, for longer."""
        self.failures += 1
        if self.failures >= EJECT_AFTER and self.healthy:
            seconds = min(EJECT_S * 2**self.ejections, LONGEST_EJECTION_S)
            self.returns_at = self.ticks() + seconds
            self.ejections += 1


class Endpoints(Generic[Stub]):
    """Least outstanding of two random choices; if all are ejected, all are tried."""

    def __init__(
        self, targets: Sequence[str], stub: Callable[[str], Stub], random: Random, ticks: Ticks
    ) -> None:
        self._all = [Endpoint(target, stub(target), ticks) for target in targets]
        self._random = random

    def choose(self, tried: Collection[Endpoint[Stub]] = ()) -> Endpoint[Stub]:
        """One that wasn't tried, if there is one: an address may stand for several servers."""
        candidates = [e for e in self._all if e.healthy] or self._all
        others = [e for e in candidates if e not in tried] or [
            e for e in self._all if e not in tried
        ]
        pair = self._random.sample(others or candidates, min(2, len(others or candidates)))
        return min(pair, key=lambda endpoint: endpoint.outstanding)
