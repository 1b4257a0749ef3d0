import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest

from serving.process.admin import Reply, http_server
from serving.triton.ports import free_ports

GET = b"GET %s HTTP/1.1\r\nHost: here\r\nUser-Agent: test\r\n\r\n"


async def hello() -> Reply:
    return Reply(HTTPStatus.OK, b"hello\n")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    chosen = free_ports(1)[0]
    async with http_server("127.0.0.1", chosen, {"/hello": hello}):
        yield chosen


async def sent(port: int, request: bytes) -> bytes:
    """All that the server sends until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_page_is_answered_with_its_length(port: int) -> None:
    head, _, body = (await sent(port, GET % b"/hello?x=1")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 6" in head
    assert body == b"hello\n"


async def test_other_paths_are_not_found(port: int) -> None:
    assert (await sent(port, GET % b"/other")).startswith(b"HTTP/1.1 404 Not Found\r\n")


async def test_other_methods_are_not_allowed(port: int) -> None:
    answer = await sent(port, b"POST /hello HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")


@pytest.mark.parametrize("garbage", [b"", b"GET /hel", b"\xff" * 100_000])
async def test_who_sends_no_request_is_hung_up_on_and_others_are_answered(
    port: int, garbage: bytes
) -> None:
    assert await sent(port, garbage) == b""
    assert (await sent(port, GET % b"/hello")).endswith(b"hello\n")
