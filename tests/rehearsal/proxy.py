"""What kube-proxy does for a Service with an address: each connection goes to one of the ready pods.

A connection stays with its pod until either end closes it, also when the pod is no longer ready. Where no
pod listens it ends at once, as a refused one does.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

CHUNK = 1 << 16
Targets = Callable[[], Sequence[tuple[str, int]]]  # the ready pods' addresses of the moment


@asynccontextmanager
async def serving(
    host: str, port: int, targets: Targets, opened: Counter[str]
) -> AsyncIterator[None]:
    """`opened` counts the connections that stand, by the pod's address."""
    under_way: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_connect(reader, writer, targets(), opened))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    server = await asyncio.start_server(connected, host, port)
    try:
        yield
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _connect(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    ready: Sequence[tuple[str, int]],
    opened: Counter[str],
) -> None:
    try:
        if not ready:
            raise ConnectionRefusedError
        address, port = random.choice(ready)
        there, to = await asyncio.open_connection(address, port)
    except OSError:
        writer.transport.abort()
        return
    opened[address] += 1
    try:
        await asyncio.gather(_pump(reader, to), _pump(there, writer))
    finally:
        opened[address] -= 1


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while part := await reader.read(CHUNK):
            writer.write(part)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        with suppress(OSError):
            writer.close()
