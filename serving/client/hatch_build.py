"""Puts into the wheel the stubs of the public services, generated from the protos, and the licence.

Hatchling runs this, so `pip install` from a checkout needs no step before it.
"""

import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REPOSITORY = Path(__file__).parents[2]
SERVICES = (  # request_log is internal
    *("event_service", "recommendation_service"),
    *("search_service", "status_service"),
)


class StubsHook(BuildHookInterface[Any]):
    """Found by its base."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._made = Path(tempfile.mkdtemp(prefix="recserve-stubs-"))
        _generate(self._made)
        included = {str(path): f"recserve/v1/{path.name}" for path in self._made.rglob("*.py*")}
        included[str(REPOSITORY / "LICENSE")] = "recserve/client/LICENSE"
        build_data["force_include"].update(included)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self._made)


def _generate(folder: Path) -> None:
    protos = REPOSITORY / "protos"
    failed = protoc.main(
        [
            "protoc",
            f"-I{protos}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={folder}",
            f"--pyi_out={folder}",
            f"--grpc_python_out={folder}",
            *(str(protos / f"recserve/v1/{name}.proto") for name in SERVICES),
        ]
    )
    if failed:
        raise RuntimeError("the stubs could not be generated; protoc says above why")
