"""A system made from nothing, and what making it took."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.system import ROOT, System

PYTHON = ROOT / ".venv" / "project" / "bin" / "python"
SAMPLES_S = 0.5


@dataclass(frozen=True, slots=True)
class Made:
    """A running system; `output` is what `make up` printed."""

    system: System
    output: str
    seconds: float
    memory_gib: float  # the most by which the machine's available memory shrank

    @property
    def state(self) -> Path:
        return self.system.state


def make_timed(system: System, target: str) -> Made:
    """Runs `make` and watches the machine's memory meanwhile."""
    done = threading.Event()
    least = [_available()]

    def watch() -> None:
        while not done.wait(SAMPLES_S):
            least.append(_available())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        output = system.make(target).stdout
    finally:
        seconds = time.monotonic() - began
        done.set()
        watcher.join()
    return Made(system, output, seconds, (least[0] - min(least)) / 2**30)


def run(
    *command: str | Path, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command of the project from the repository's root; its output as text."""
    path = f"{PYTHON.parent}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=_network()
        | {"PATH": path, "HOME": str(Path.home()), "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"}
        | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    return done


def _network() -> dict[str, str]:
    """How this machine reaches a package index."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }


def _available() -> int:
    """Bytes that the kernel could still hand out."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    line = next(one for one in lines if one.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024
