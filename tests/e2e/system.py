"""The whole system, made and run by the README's own commands, on ports of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from serving.triton.ports import free_ports

ROOT = Path(__file__).parents[2]
PORTS = (
    "GATEWAY_PORT",
    "HTTP_PORT",
    "INGEST_HTTP_PORT",
    "TRITON_GRPC_PORT",
    "TRITON_HTTP_PORT",
    "TRITON_METRICS_PORT",
)

OURS = (
    "RECSERVE_",
    "MAKE",
    "STATE",
    "PROFILE",
    "DATA",
    "NOW",
    "USERS",
    "CUTOFFS",
    "TRITON_",
    *PORTS,
)


@dataclass(frozen=True, slots=True)
class System:
    """A running system and the variables that address it."""

    state: Path
    variables: tuple[str, ...]
    gateway: str  # host:port
    http: str  # base URL of /livez, /readyz and /metrics
    triton: str  # host:port, gRPC

    def make(self, *targets: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs `make` on this system, from the repository's root."""
        return run_make(*targets, *self.variables, check=check)


def run_make(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs make with a clean set of Recserve's own variables; returns its output as text."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"make {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done


def new_system(state: Path, profile: str = "quick", dataset: str | None = None) -> System:
    """Describes a system in `state` on free ports; nothing is started."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return System(
        state=state,
        variables=(
            f"PROFILE={profile}",
            *([f"DATASET={dataset}"] if dataset else ()),
            f"STATE={state}",
            *(f"{name}={port}" for name, port in ports.items()),
        ),
        gateway=f"127.0.0.1:{ports['GATEWAY_PORT']}",
        http=f"http://127.0.0.1:{ports['HTTP_PORT']}",
        triton=f"127.0.0.1:{ports['TRITON_GRPC_PORT']}",
    )
