"""Stand-ins for the images: the programs that the containers' commands name, as this machine has them.

Nothing is added to a command but where to listen (Triton has no variable for it) and, of the embedded
Triton, where its backends are and that the models' configurations are whole.
"""

import os
import shlex
import sys
from pathlib import Path

from serving.local.redis import executable
from serving.triton.environment import TritonEnvironment
from tests.meta.k8s.rendering import ROOT
from tests.rehearsal.places import Notes

KEPT = ("PATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def assemble(folder: Path, notes: Notes) -> dict[str, str]:
    """Writes the programs into `folder`/bin; returns the variables of every image."""
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    script(programs / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    redis = executable()
    script(programs / "redis-server", f'exec {redis} "$@"')
    script(programs / "redis-cli", f'exec {redis.with_name("redis-cli")} -h "$POD_ADDRESS" "$@"')
    script(programs / "tritonserver", _triton(folder / "triton-backends"))
    notes.add("images", "python is the project's environment, and runs the checkout")
    notes.add(
        "images", "redis is the one of the project's environment; redis-cli asks the pod's address"
    )
    notes.add(
        "images",
        "tritonserver is the embedded one with its Python-based ONNX Runtime backend; it is told its "
        "backends, that the models' configurations are whole (--disable-auto-complete-config) and, by "
        "--grpc-, --http- and --metrics-address, to listen on the pod's address",
    )
    return {
        "PATH": f"{programs}:{os.defpath}",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_WAIT_POLICY": "passive",
    }


def _triton(backends: Path) -> str:
    environment = TritonEnvironment()
    environment.check()
    environment.assemble_backends(backends)
    given = environment.variables()
    exports = "\n".join(f"export {name}={shlex.quote(given[name])}" for name in KEPT)
    addresses = " ".join(
        f'--{service}-address="$POD_ADDRESS"' for service in ("grpc", "http", "metrics")
    )
    return (
        f"{exports}\nunset PYTHONPATH\nexec {environment.binary.absolute()} --backend-directory={backends} "
        f'--disable-auto-complete-config {addresses} "$@"'
    )


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
