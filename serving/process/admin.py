"""The supervisor's HTTP server: GET `/livez`, `/readyz` and `/metrics`, a connection each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

PATIENCE_S = 5.0  # for a caller to send its request and take the answer
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reply:
    status: HTTPStatus
    body: bytes
    content_type: str = TEXT


Page = Callable[[], Awaitable[Reply]]


@asynccontextmanager
async def http_server(host: str, port: int, pages: Mapping[str, Page]) -> AsyncIterator[None]:
    """Serves the pages by path.

    Raises:
        OSError: the address is taken or none of this machine's.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A caller that is slow, gone or sends no HTTP is hung up on: there is nobody to tell.
        with suppress(
            TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_encoded(await _reply(head, pages)))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port)
    try:
        yield
    finally:
        server.close()


async def _reply(head: bytes, pages: Mapping[str, Page]) -> Reply:
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    path = rest.partition(" ")[0].partition("?")[0]
    if method != "GET":
        return Reply(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET is answered\n")
    if path not in pages:
        return Reply(HTTPStatus.NOT_FOUND, f"known are {', '.join(pages)}\n".encode())
    return await pages[path]()


def _encoded(reply: Reply) -> bytes:
    head = (
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\n"
        f"Content-Type: {reply.content_type}\r\n"
        f"Content-Length: {len(reply.body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + reply.body
