"""Asks a container as the kubelet does, and tells what a row of answers means."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.rehearsal.pods import Container, Probe

FRESH = (("grpc.use_local_subchannel_pool", 1),)  # the kubelet connects anew each time


class Streak:
    """The thresholds of a probe."""

    def __init__(self, probe: Probe) -> None:
        self._needed = {True: probe.success_threshold, False: probe.failure_threshold}
        self._last: bool | None = None
        self._count = 0

    def take(self, *, passed: bool) -> bool | None:
        """What the answers in a row amount to; None while they are too few."""
        self._count = self._count + 1 if passed == self._last else 1
        self._last = passed
        return passed if self._count >= self._needed[passed] else None


async def passes(
    probe: Probe, container: Container, address: str, environment: Mapping[str, str]
) -> bool:
    """One answer, within the probe's timeout."""
    asks = {"grpc": _grpc, "httpGet": _http, "tcpSocket": _tcp}
    try:
        async with asyncio.timeout(probe.timeout_s):
            if probe.how == "exec":
                return await _exec(probe.asked["command"], environment)
            return await asks[probe.how](probe, address, container.port(probe.asked["port"]))
    except (OSError, grpc.aio.AioRpcError, asyncio.IncompleteReadError, ValueError):
        return False  # TimeoutError is an OSError


async def _grpc(probe: Probe, address: str, port: int) -> bool:
    request = health_pb2.HealthCheckRequest(service=probe.asked.get("service", ""))
    async with grpc.aio.insecure_channel(f"{address}:{port}", options=FRESH) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=probe.timeout_s)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _http(probe: Probe, address: str, port: int) -> bool:
    status, _ = await get(address, port, probe.asked.get("path", "/"))
    return 200 <= status < 400


async def get(address: str, port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a plain GET, over a connection of its own."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in answer.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        return int(answer.split(b" ", 2)[1]), await reader.readexactly(length)
    finally:
        writer.close()


async def _tcp(probe: Probe, address: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(address, port)
    writer.close()
    return True


async def _exec(command: list[str], environment: Mapping[str, str]) -> bool:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
