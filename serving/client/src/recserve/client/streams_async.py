"""Sends batches over a stream in an event loop, and waits for what becomes of each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from grpc import aio
from recserve.client.delivery import Delivery
from recserve.client.errors import RecserveError
from recserve.client.requests import Event
from recserve.client.results import Outcome
from recserve.client.streams import PARTING_S, Begin, Ended, ended_by


class Link:
    """One call."""

    def __init__(self, begin: Begin) -> None:
        self._outbox: asyncio.Queue[Any] = asyncio.Queue()
        self._call = begin(self._requests())

    def send(self, request: Any) -> None:
        self._outbox.put_nowait(request)

    async def heard(self) -> Any:
        """A response, or Ended."""
        try:
            response = await self._call.read()
        except grpc.RpcError as error:
            return ended_by(error)
        return Ended() if response is aio.EOF else response  # type: ignore[attr-defined]

    async def finish(self) -> None:
        """All is answered: the server ends the call, not this client."""
        self._outbox.put_nowait(None)
        await asyncio.wait([asyncio.ensure_future(self.heard())], timeout=PARTING_S)

    def close(self) -> None:
        self._call.cancel()
        self._outbox.put_nowait(None)  # gRPC waits for requests even of a call that is over

    async def _requests(self) -> AsyncIterator[Any]:
        while (request := await self._outbox.get()) is not None:
            yield request


class Stream:
    """The batches of one source, over a call after another."""

    def __init__(
        self, begin: Begin, batches: AsyncIterator[Sequence[Event]], delivery: Delivery
    ) -> None:
        self._begin, self._batches, self._delivery = begin, batches, delivery
        self._link: Link | None = None
        self._more = True
        self._taking: asyncio.Future[Sequence[Event] | None] | None = None
        self._hearing: asyncio.Future[Any] | None = None

    async def outcomes(self) -> AsyncIterator[Outcome]:
        """As that of the blocking stream."""
        try:
            while self._more or not self._delivery.idle:
                self._send()
                await self._something()
                self._take()
                for outcome in self._decided():
                    yield outcome
                if error := self._delivery.given_up:
                    for outcome in self._delivery.undecided(error):
                        yield outcome
                    raise error
            if self._link:
                await self._link.finish()
        finally:
            await self._close()

    def _send(self) -> None:
        for request in self._delivery.due():
            self._link = self._link or Link(self._begin)
            self._link.send(request)

    async def _something(self) -> None:
        """Waits until there is a batch or an answer, or it is time to send or to give up."""
        if self._more and self._taking is None and self._delivery.has_room:
            self._taking = asyncio.ensure_future(self._next())
        if self._link and self._hearing is None and self._delivery.unanswered:
            self._hearing = asyncio.ensure_future(self._link.heard())
        awaited = [one for one in (self._taking, self._hearing) if one]
        wait_s = self._delivery.wait_s()
        if awaited:
            await asyncio.wait(awaited, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(wait_s or 0.0)  # a pause before the next call

    async def _next(self) -> Sequence[Event] | None:
        return await anext(self._batches, None)

    def _take(self) -> None:
        if self._taking is None or not self._taking.done():
            return
        taking, self._taking = self._taking, None
        batch = taking.result()
        self._more = batch is not None
        if batch is not None:
            self._delivery.take(batch)

    def _decided(self) -> list[Outcome]:
        decided = []
        if self._hearing and self._hearing.done():
            heard, self._hearing = self._hearing.result(), None
            if isinstance(heard, Ended):
                self._lost(heard.error)
            elif outcome := self._delivery.answered(heard):
                decided.append(outcome)
        if late := self._delivery.late:
            self._lost(late)
        return decided

    def _lost(self, error: RecserveError | None) -> None:
        if self._link:
            self._link.close()
        self._link, self._hearing = None, None
        self._delivery.lost(error)

    async def _close(self) -> None:
        if self._link:
            self._link.close()
        left = [one for one in (self._taking, self._hearing) if one]
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
