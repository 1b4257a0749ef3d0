"""The running system around a filled store: Triton, a gateway of two workers, the ingest worker."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from serving.ingest.settings import PREFIX
from serving.triton.launcher import running
from serving.triton.ports import free_ports
from tests.integration.gateway.running import eventually, launched
from tests.load.conditions import environment
from tests.load.features.bundle import write_bundle
from tests.load.features.stored import Filled
from tests.load.peers import ROOT, end
from tests.load.servers import url

WORKERS = 2


@dataclass(frozen=True, slots=True)
class System:
    """`address` is the gateway's host:port."""

    address: str
    filled: Filled


@contextmanager
def running_system(filled: Filled) -> Iterator[System]:
    """All of it as in production, each in processes of its own, on loopback."""
    folder = filled.folder / "system"
    bundle = write_bundle(folder / "bundle")
    snapshot = filled.snapshot_folder.parent / "current"
    shared = {
        "BUNDLE": str(bundle),
        "SNAPSHOT": str(snapshot),
        "REDIS_URL": url(filled.socket),
    }
    with ExitStack() as stack:
        triton = stack.enter_context(running(bundle / "models", folder / "triton"))
        stack.enter_context(_ingest(filled, shared))
        gateway = stack.enter_context(
            launched(
                shared
                | {
                    "TRITON_ENDPOINTS": triton,
                    "WORKERS": str(WORKERS),
                    "DEFAULT_DEADLINE_MS": "5000",
                    "RUN_DIR": str(folder / "run"),
                },
                folder,
            )
        )
        gateway.wait_serving(WORKERS)
        yield System(gateway.address, filled)


@contextmanager
def _ingest(filled: Filled, shared: dict[str, str]) -> Iterator[None]:
    folder, port = filled.folder / "system", free_ports(1)[0]
    settings = shared | {"EVENT_LOG": str(folder / "events"), "HTTP_PORT": str(port)}
    with (folder / "ingest.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.ingest.worker"],
            cwd=ROOT,
            env=environment() | {f"{PREFIX}{name}": value for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: _ready(process, port, folder), "the ingest worker works")
        yield
    finally:
        end(process, 30.0)


def _ready(process: "subprocess.Popen[bytes]", port: int, folder: object) -> bool:
    assert process.poll() is None, f"the ingest worker ended; see {folder}/ingest.log"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
