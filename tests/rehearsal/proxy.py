"""What kube-proxy does for a Service with an address: each connection goes to one of the ready pods.

A connection stays with its pod until either end closes it, also when the pod is no longer ready. Where no
pod listens it ends at once, as a refused one does.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

CHUNK = 1 << 16


async def serve(
    host: str, port: int, target: Callable[[], Sequence[tuple[str, int]]]
) -> asyncio.Server:
    """`target`: the ready pods' addresses of the moment."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = target()
        try:
            if not ready:
                raise ConnectionRefusedError
            there, to = await asyncio.open_connection(*random.choice(ready))
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, to), _pump(there, writer))

    return await asyncio.start_server(connected, host, port)


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
