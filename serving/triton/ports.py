"""Ports for servers that are started a moment later."""

import errno
import itertools
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

LOOPBACK = "127.0.0.1"
FIRST = 10_000
OF_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")  # "first last", see ip(7)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment, all different.

    They lie below those which the kernel gives to outgoing connections, any of which could take one
    before its server is started, and a process is given none twice until it was given all.

    Raises:
        OSError: there are none.
    """
    with _LOCK:
        return list(itertools.islice(_in_turn(_below_connections()), count))


def listening(port: int) -> bool:
    """Whether a server could not be bound to the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def _below_connections() -> range:
    last = int(OF_CONNECTIONS.read_text().split()[0])
    return range(FIRST, last if last > 2 * FIRST else 2**16)


def _in_turn(ports: range) -> Iterator[int]:
    """Once around, from where this process's last call ended."""
    for number in itertools.islice(_TURN, len(ports)):
        port = ports[number % len(ports)]
        if not listening(port):
            yield port
    raise OSError(errno.EADDRINUSE, f"no port from {ports[0]} to {ports[-1]} is free")


_LOCK = Lock()
_TURN = itertools.count(random.SystemRandom().randrange(2**16))  # a place of this process's own
