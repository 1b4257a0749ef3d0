"""Connections to Redis without the client's layers, for the read that every request waits for.

redis-py opens a connection: address, TLS, credentials and database are its business. Then its socket is taken
over, and a command costs one write and one look at what came back.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis
from redis import asyncio as redis
from redis import exceptions as foreign


class Link(asyncio.Protocol):
    """One connection, for one command, or several sent as one, at a time."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(replyError=_error)
        self._transport: asyncio.Transport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: list[Any] = []
        self._expected = 0
        self._done: asyncio.Future[list[Any]] | None = None

    @classmethod
    async def opened(cls, connection: Any) -> "Link":
        """Over a new connection of redis-py's; raises what it raises."""
        await connection.connect()
        writer = connection._writer  # noqa: SLF001 - there is no other way to its socket
        assert writer is not None
        connection._reader = connection._writer = None  # noqa: SLF001 - the socket is ours now
        link = cls()
        link._transport = cast("asyncio.Transport", writer.transport)
        link._transport.set_protocol(link)
        link._writer = writer  # which closes the socket as it goes
        return link

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, commands: bytes, expected: int, timeout_s: float) -> list[Any]:
        """The answers to so many commands; errors that Redis answered with are among them.

        After anything but a whole answer the link is closed: what comes late would be taken for the next.

        Raises:
            TimeoutError: they did not come in time.
            ConnectionError: of redis-py; the connection broke.
        """
        if not self.usable or self._transport is None:
            raise foreign.ConnectionError("the connection is closed")
        loop = asyncio.get_running_loop()
        self._answers, self._expected, self._done = [], expected, loop.create_future()
        late = loop.call_later(timeout_s, self._give_up)
        self._transport.write(commands)
        whole = False
        try:
            answers = await self._done
            whole = True
        finally:
            late.cancel()
            if not whole:  # nor does one who is cancelled as the answer comes leave the link open
                self.close()
            self._done = None
        return answers

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                self._answers.append(answer)
        except hiredis.ProtocolError as error:
            self._fail(foreign.InvalidResponse(str(error)))
            return
        if (
            self._done is not None
            and len(self._answers) >= self._expected
            and not self._done.done()
        ):
            self._done.set_result(self._answers)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(
            foreign.ConnectionError(f"the connection broke: {exc or 'closed by the server'}")
        )

    def _give_up(self) -> None:
        self._fail(TimeoutError("no answer in time"))

    def _fail(self, error: Exception) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)


class Links:
    """A pool of links; who finds all of them in use waits for one, within the time that there is."""

    def __init__(self, pool: "redis.ConnectionPool[Any]", most: int) -> None:
        self._pool = pool
        self._room = asyncio.Semaphore(most)
        self._idle: deque[Link] = deque()

    async def ask(self, commands: bytes, expected: int, timeout_s: float) -> list[Any]:
        """As `Link.ask`, with all that it waits for; a broken connection is opened again once."""
        until = asyncio.get_running_loop().time() + timeout_s
        if self._room.locked():
            async with asyncio.timeout_at(until):
                await self._room.acquire()
        else:
            await self._room.acquire()
        try:
            try:
                return await self._asked(await self._link(until), commands, expected, until)
            except TimeoutError:  # an OSError, but of no broken connection
                raise
            except (foreign.ConnectionError, OSError):
                return await self._asked(await self._opened(until), commands, expected, until)
        finally:
            self._room.release()

    async def _asked(self, link: Link, commands: bytes, expected: int, until: float) -> list[Any]:
        left_s = until - asyncio.get_running_loop().time()
        answers = await link.ask(commands, expected, left_s)
        self._idle.append(link)
        return answers

    async def _link(self, until: float) -> Link:
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
        return await self._opened(until)

    async def _opened(self, until: float) -> Link:
        async with asyncio.timeout_at(until):
            return await Link.opened(self._pool.make_connection())

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _error(text: str) -> foreign.RedisError:
    """What redis-py makes of an error that Redis answers with."""
    kind = text.partition(" ")[0]
    return KINDS.get(kind, foreign.ResponseError)(text)


KINDS: dict[str, type[foreign.RedisError]] = {
    "LOADING": foreign.BusyLoadingError,
    "CLUSTERDOWN": foreign.ClusterDownError,
    "NOAUTH": foreign.AuthenticationError,
    "NOPERM": foreign.NoPermissionError,
    "READONLY": foreign.ReadOnlyError,
}
