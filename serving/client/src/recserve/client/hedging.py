"""Sends a slow call again, to another server, and takes the first answer.

What gRPC's `hedgingPolicy` asks for and its Python library doesn't do. `Race` decides; the two functions
below it wait, one for a thread and one for an event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import grpc
from recserve.client.service_config import HedgingPolicy

CLOSED = (ValueError, grpc.aio.UsageError)  # what a channel raises that was closed meanwhile


@dataclass(slots=True)
class HedgeBudget:
    """Every call earns a part of a hedge: however slow the servers are, load grows by that part.

    Starts full, with `largest` hedges. May be used by several threads.
    """

    largest: float
    ratio: float
    left: float = field(init=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self.left = self.largest

    def earn(self) -> None:
        with self._lock:
            self.left = min(self.largest, self.left + self.ratio)

    def spend(self) -> bool:
        with self._lock:
            if self.left < 1:
                return False
            self.left -= 1
            return True


@dataclass(slots=True)
class Race:
    """The attempts of one call, of which the first is under way."""

    policy: HedgingPolicy
    budget: HedgeBudget
    sent: int = 1
    running: int = 1
    _refused: bool = False

    def patience_s(self) -> float | None:
        """How long to wait for an answer before another attempt; None if there will be no other."""
        may = self.sent < self.policy.max_attempts and not self._refused
        return self.policy.delay_s if may else None

    def enter(self) -> bool:
        """Whether to send another attempt now; it is counted as sent."""
        if self.patience_s() is None:
            return False
        if not self.budget.spend():
            self._refused = True
            return False
        self.sent += 1
        self.running += 1
        return True

    def refuse(self) -> None:
        """The attempt that entered could not be sent, and no other can be."""
        self.running -= 1
        self._refused = True

    def decided(self, code: grpc.StatusCode) -> bool:
        """Whether an attempt that ended in `code` ends the call; if not, another may `enter`."""
        self.running -= 1
        return code not in self.policy.non_fatal


def first_answer(send: Callable[[], Any], policy: HedgingPolicy, budget: HedgeBudget) -> Any:
    """The response of the first attempt that is fit to end the call; `send` starts one.

    Raises:
        grpc.RpcError: that attempt failed.
    """
    ended: SimpleQueue[Any] = SimpleQueue()
    attempts: list[Any] = []

    def begin() -> None:
        attempts.append(send())
        attempts[-1].add_done_callback(ended.put)

    race = Race(policy, budget)
    try:
        begin()
        while True:
            try:
                attempt = ended.get(timeout=race.patience_s())
            except Empty:
                attempt = None
            if attempt is not None and race.decided(attempt.code()):
                return attempt.result()
            if race.enter():
                try:
                    begin()
                except CLOSED:
                    race.refuse()
            if attempt is not None and not race.running:
                return attempt.result()
    finally:
        for one in attempts:
            one.cancel()


async def first_answer_async(
    send: Callable[[], Any], policy: HedgingPolicy, budget: HedgeBudget
) -> Any:
    """As `first_answer`, in an event loop."""
    ended: asyncio.Queue[Any] = asyncio.Queue()
    attempts: list[Any] = []

    def begin() -> None:
        attempts.append(send())
        attempts[-1].add_done_callback(ended.put_nowait)

    race = Race(policy, budget)
    try:
        begin()
        while True:
            try:
                attempt = await asyncio.wait_for(ended.get(), race.patience_s())
            except TimeoutError:
                attempt = None
            if attempt is not None and race.decided(await attempt.code()):
                return await attempt
            if race.enter():
                try:
                    begin()
                except CLOSED:
                    race.refuse()
            if attempt is not None and not race.running:
                return await attempt
    finally:
        for one in attempts:
            one.cancel()
