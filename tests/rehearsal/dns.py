"""The cluster's DNS, as far as the gateways ask: A records of Services, over UDP.

Sixty lines instead of a package: a resolver for tests needs no zones, files or TCP, and dnsmasq is no
Python package. Answers are kept for their time to live, as CoreDNS's cache does.
"""

import asyncio
import random
import socket
import struct
import time
from collections.abc import Callable, Sequence

TTL_S = 5  # CoreDNS's default for Services
A, IN = 1, 1
HEADER = struct.Struct("!6H")
RESPONSE, NO_SUCH_NAME = 0x8580, 3  # answer, authoritative, recursion; an error code
Addresses = Callable[[str], Sequence[str] | None]  # of a name; None: there is no such name


def answer(query: bytes, addresses: Addresses) -> bytes:
    """The response to a query of one question; raises ValueError for anything else."""
    if len(query) < HEADER.size + 5:
        raise ValueError("no query")
    number, _, questions, *_ = HEADER.unpack_from(query)
    name, end = _name(query, HEADER.size)
    kind, _ = struct.unpack_from("!2H", query, end)
    if questions != 1:
        raise ValueError(f"{questions} questions")
    found = addresses(name)
    listed = list(found or ()) if kind == A else []
    random.shuffle(listed)
    head = HEADER.pack(
        number, RESPONSE | (NO_SUCH_NAME if found is None else 0), 1, len(listed), 0, 0
    )
    record = struct.Struct("!3HLH")  # a pointer to the question's name, type, class, TTL, length
    records = [record.pack(0xC00C, A, IN, TTL_S, 4) + socket.inet_aton(one) for one in listed]
    return head + query[HEADER.size : end + 4] + b"".join(records)


def _name(query: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := query[at]:
        if length > 63 or at + length + 5 >= len(query):
            raise ValueError("a name cut short")
        labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
        at += length + 1
    return ".".join(labels).lower(), at + 1


class Cached:
    """Holds each name's addresses for their time to live."""

    def __init__(self, addresses: Addresses, ticks: Callable[[], float] = time.monotonic) -> None:
        self._addresses, self._ticks = addresses, ticks
        self._kept: dict[str, tuple[float, Sequence[str]]] = {}

    def __call__(self, name: str) -> Sequence[str] | None:
        until, kept = self._kept.get(name, (0.0, ()))
        if kept and self._ticks() < until:
            return kept
        found = self._addresses(name)
        if found:
            self._kept[name] = self._ticks() + TTL_S, found
        return found


class Responder(asyncio.DatagramProtocol):
    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            self._transport.sendto(answer(data, self._addresses), addr)  # type: ignore[attr-defined]
        except (ValueError, IndexError, struct.error):
            return  # as one does with noise


async def serve(addresses: Addresses) -> tuple[asyncio.BaseTransport, str]:
    """What to close, and host:port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Responder(Cached(addresses)), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    return transport, f"{host}:{port}"
