"""Says who needs to move when a port is taken."""

from dataclasses import dataclass

from serving.local.errors import PortTaken
from serving.triton.ports import listening


@dataclass(frozen=True, slots=True)
class Port:
    """A port and the variable of the Makefile that sets it."""

    number: int
    variable: str


def require_free(ports: tuple[Port, ...]) -> None:
    """Raises PortTaken for the first port on which another program listens."""
    for port in ports:
        if listening(port.number):
            raise PortTaken(
                f"Port {port.number} ({port.variable}) is taken by another program; stop it, or "
                f"run make up {port.variable}=<another port>"
            )
