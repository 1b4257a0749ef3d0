"""The gateway of a state folder, started as in production: `python -m serving.app`."""

import os
import subprocess
from pathlib import Path

from serving.local.addresses import redis_url
from serving.local.bundles import CURRENT, Deployed, clock_file
from serving.local.fingerprints import fingerprint
from serving.local.ports import Port
from serving.local.programs import launch, ready, sources
from serving.local.settings import StackSettings
from serving.triton.ports import LOOPBACK

PREFIX = "RECSERVE_GATEWAY_"
NOT_ITS_CODE = (
    "local",
    "client",
    "ingest",
    "triton",
)  # folders of serving/ that the gateway doesn't run


class Gateway:
    """Supervisor and workers; settings go to it by its own environment variables."""

    name = "gateway"
    label = "The gateway"
    grace_s = 25.0  # its drain and a margin

    def __init__(self, settings: StackSettings, deployed: Deployed) -> None:
        self.ports: tuple[Port, ...] = (
            Port(settings.gateway_port, "GATEWAY_PORT"),
            Port(settings.http_port, "HTTP_PORT"),
        )
        self.where = ", ".join(str(port.number) for port in self.ports)
        self._run = settings.run / "gateway"
        given = {k: v for k, v in os.environ.items() if k.startswith(PREFIX)}
        # An embedded Redis shares the machine's memory: about 120 MB of log.
        self._variables = (
            {f"{PREFIX}REQUEST_LOG_ENTRIES": "100000"}
            | given
            | {
                f"{PREFIX}BUNDLE": str(deployed.bundle),
                f"{PREFIX}SNAPSHOT": str(deployed.snapshots / CURRENT),  # it follows the link
                f"{PREFIX}SEARCH_INDEX": str(deployed.search.parent / CURRENT),  # likewise
                f"{PREFIX}SEARCH_ENCODER": str(deployed.encoder),
                f"{PREFIX}SEARCH_VECTORS": str(deployed.vectors.parent / CURRENT),  # likewise
                f"{PREFIX}REDIS_URL": redis_url(settings.state),
                f"{PREFIX}TRITON_ENDPOINTS": settings.triton_url
                or f"{LOOPBACK}:{settings.triton_grpc_port}",
                f"{PREFIX}HOST": LOOPBACK,
                f"{PREFIX}PORT": str(settings.gateway_port),
                f"{PREFIX}HTTP_PORT": str(settings.http_port),
                f"{PREFIX}WORKERS": str(settings.workers),
                f"{PREFIX}CLOCK_FILE": str(clock_file(settings.run)),
                f"{PREFIX}RUN_DIR": str(self._run),
            }
        )
        self.fingerprint = fingerprint(
            [self._variables, deployed.now.isoformat()], sources(without=NOT_ITS_CODE)
        )

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        self._run.mkdir(parents=True, exist_ok=True)
        return launch("serving.app", self._variables, log)

    def healthy(self) -> bool:
        """Whether the supervisor calls itself ready: started, warmed, not draining."""
        return ready(self.ports[1])
