"""Sends batches over a stream from a thread, and waits for what becomes of each.

`delivery.py` decides what is sent and when; `streams_async.py` does the same in an event loop.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import grpc
from recserve.client.delivery import Delivery
from recserve.client.errors import RecserveError
from recserve.client.requests import Event
from recserve.client.results import Outcome
from recserve.client.statuses import error_of

Begin = Callable[[Any], Any]  # from an iterator of requests to gRPC's call
PARTING_S = 1.0  # for the server to end a stream that is over


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; without an error the server ended it in order."""

    error: RecserveError | None = None


def ended_by(error: grpc.RpcError) -> Ended:
    ours = error_of(error, None)
    ours.__cause__ = error
    return Ended(ours)


class Link:
    """One call. A thread of its own hears the answers, so that waiting for one can end."""

    def __init__(self, begin: Begin) -> None:
        self._outbox: SimpleQueue[Any] = SimpleQueue()
        self._heard: SimpleQueue[Any] = SimpleQueue()
        self._call = begin(iter(self._outbox.get, None))
        Thread(target=self._hear, name="recserve-answers", daemon=True).start()

    def send(self, request: Any) -> None:
        self._outbox.put(request)

    def heard(self, wait_s: float) -> Any:
        """A response, or Ended; None if there is nothing in that time."""
        try:
            return self._heard.get(timeout=wait_s) if wait_s > 0 else self._heard.get_nowait()
        except Empty:
            return None

    def finish(self) -> None:
        """All is answered: the server ends the call, not this client."""
        self._outbox.put(None)
        self.heard(PARTING_S)

    def close(self) -> None:
        self._call.cancel()
        self._outbox.put(None)

    def _hear(self) -> None:
        try:
            for response in self._call:
                self._heard.put(response)
            self._heard.put(Ended())
        except grpc.RpcError as error:
            self._heard.put(ended_by(error))


class Stream:
    """The batches of one source, over a call after another."""

    def __init__(
        self, begin: Begin, batches: Iterator[Sequence[Event]], delivery: Delivery
    ) -> None:
        self._begin, self._batches, self._delivery = begin, batches, delivery
        self._link: Link | None = None
        self._more = True

    def outcomes(self) -> Iterator[Outcome]:
        """One of every batch, as they are decided.

        Raises:
            RecserveError: nothing more is tried; each batch that was taken has had its outcome.
        """
        try:
            while self._more or not self._delivery.idle:
                taken = self._take()
                self._send()
                yield from self._decided(0.0 if taken else self._delivery.wait_s() or 0.0)
                if error := self._delivery.given_up:
                    yield from self._delivery.undecided(error)
                    raise error
            if self._link:
                self._link.finish()
        finally:
            self._close()

    def _take(self) -> bool:
        """Whether there was room to ask the source."""
        if not (self._more and self._delivery.has_room):
            return False
        batch = next(self._batches, None)
        self._more = batch is not None
        if batch is not None:
            self._delivery.take(batch)
        return True

    def _send(self) -> None:
        for request in self._delivery.due():
            self._link = self._link or Link(self._begin)
            self._link.send(request)

    def _decided(self, wait_s: float) -> Iterator[Outcome]:
        while (heard := self._hear(wait_s)) is not None:
            wait_s = 0.0
            if isinstance(heard, Ended):
                self._lost(heard.error)
            elif outcome := self._delivery.answered(heard):
                yield outcome
        if late := self._delivery.late:
            self._lost(late)

    def _hear(self, wait_s: float) -> Any:
        if self._link:
            return self._link.heard(wait_s)
        time.sleep(wait_s)  # a pause before the next call
        return None

    def _lost(self, error: RecserveError | None) -> None:
        self._close()
        self._delivery.lost(error)

    def _close(self) -> None:
        if self._link:
            self._link.close()
            self._link = None
