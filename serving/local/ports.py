"""Says who needs to move when a port is taken."""

import socket
from dataclasses import dataclass

from serving.local.errors import PortTaken

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Port:
    """A port and the variable of the Makefile that sets it."""

    number: int
    variable: str


def require_free(ports: tuple[Port, ...]) -> None:
    """Raises PortTaken for the first port on which another program listens."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port.number))
            except OSError as error:
                raise PortTaken(
                    f"Port {port.number} ({port.variable}) is taken by another program; stop it, or "
                    f"run make up {port.variable}=<another port>"
                ) from error
