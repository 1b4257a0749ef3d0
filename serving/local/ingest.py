"""The ingest worker of a state folder, started as in production: `python -m serving.ingest.worker`."""

import os
import subprocess
from pathlib import Path

from serving.ingest.settings import PREFIX
from serving.local.addresses import redis_url
from serving.local.bundles import Deployed, clock_file
from serving.local.fingerprints import fingerprint
from serving.local.ports import Port
from serving.local.programs import launch, ready, sources
from serving.local.settings import StackSettings
from serving.triton.ports import LOOPBACK

NOT_ITS_CODE = ("local", "client", "stages", "triton")  # folders of serving/


class Ingest:
    """One worker for all partitions, which writes the event log into the state folder."""

    name = "ingest"
    label = "The ingest worker"
    grace_s = 30.0  # it writes what it has into the event log

    def __init__(self, settings: StackSettings, deployed: Deployed) -> None:
        self.ports: tuple[Port, ...] = (Port(settings.ingest_http_port, "INGEST_HTTP_PORT"),)
        self.where = str(settings.ingest_http_port)
        given = {k: v for k, v in os.environ.items() if k.startswith(PREFIX)}
        self._variables = given | {
            f"{PREFIX}BUNDLE": str(deployed.bundle),
            f"{PREFIX}SNAPSHOT": str(settings.state / "snapshots/current"),
            f"{PREFIX}REDIS_URL": redis_url(settings.state),
            f"{PREFIX}EVENT_LOG": str(settings.state / "events"),
            f"{PREFIX}HOST": LOOPBACK,
            f"{PREFIX}HTTP_PORT": str(settings.ingest_http_port),
            f"{PREFIX}CLOCK_FILE": str(clock_file(settings.run)),
        }
        self.fingerprint = fingerprint(
            [self._variables, deployed.now.isoformat()], sources(without=NOT_ITS_CODE)
        )

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        return launch("serving.ingest.worker", self._variables, log)

    def healthy(self) -> bool:
        """Whether it has worked off what it found when it started."""
        return ready(self.ports[0])
