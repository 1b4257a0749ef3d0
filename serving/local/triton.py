"""The embedded Triton on the models of the current bundle and text encoder, or a check of an existing one."""

import subprocess
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2_grpc

from serving.local.bundles import Deployed
from serving.local.fingerprints import ROOT, fingerprint
from serving.local.ports import Port
from serving.local.settings import StackSettings
from serving.triton.environment import TritonEnvironment
from serving.triton.launcher import EXIT_TIMEOUT_S, launch, serving
from serving.triton.ports import LOOPBACK


class Triton:
    """tritonserver of the embedded environment, loopback only."""

    name = "triton"
    label = "Triton"
    grace_s = EXIT_TIMEOUT_S + 5.0

    def __init__(self, settings: StackSettings, deployed: Deployed) -> None:
        self.ports: tuple[Port, ...] = (
            Port(settings.triton_grpc_port, "TRITON_GRPC_PORT"),
            Port(settings.triton_http_port, "TRITON_HTTP_PORT"),
            Port(settings.triton_metrics_port, "TRITON_METRICS_PORT"),
        )
        self._environment = TritonEnvironment(settings.triton_environment)
        self._repositories = deployed.repositories
        self.where = ", ".join(str(port.number) for port in self.ports)
        self.fingerprint = fingerprint(
            [
                [port.number for port in self.ports],
                list(map(str, self._repositories)),
                str(self._environment),
            ],
            [ROOT / "serving/triton", ROOT / "requirements/triton.lock"],
        )

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        grpc_port, http_port, metrics_port = (port.number for port in self.ports)
        return launch(
            self._repositories[0],
            grpc_port,
            http_port,
            metrics_port,
            log,
            environment=self._environment,
            beside=self._repositories[1:],
        )

    def healthy(self) -> bool:
        with grpc.insecure_channel(f"{LOOPBACK}:{self.ports[0].number}") as channel:
            return serving(health_pb2_grpc.HealthStub(channel))
