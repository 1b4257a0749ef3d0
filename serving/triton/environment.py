"""Where the embedded Triton's parts lie: the server in its wheel, its own Python, its backends."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ArtefactError

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / ".venv/triton"
BACKEND = Path(__file__).parent / "backend/model.py"
PYTHON = "3.11"


@dataclass(frozen=True, slots=True)
class TritonEnvironment:
    """The virtual environment that carries tritonserver: nvidia-pytriton, onnxruntime, numpy below 2."""

    folder: Path = DEFAULT

    @property
    def site_packages(self) -> Path:
        return self.folder / f"lib/python{PYTHON}/site-packages"

    @property
    def wheel(self) -> Path:
        return self.site_packages / "pytriton/tritonserver"

    @property
    def binary(self) -> Path:
        return self.wheel / "bin/tritonserver"

    def check(self) -> None:
        """Makes the server runnable; the wheel may have lost its run bit.

        Raises:
            ArtefactError: the environment is not there or carries no server.
        """
        if not self.binary.is_file():
            raise ArtefactError(
                f"{self.folder} holds no tritonserver; make env creates the environment, and "
                "TRITON_URL=host:port uses an existing Triton instead"
            )
        if not os.access(self.binary, os.X_OK):
            self.binary.chmod(0o755)

    def variables(self) -> dict[str, str]:
        """The server's variables: its Python stub takes the interpreter that is first on PATH."""
        folder = self.folder.absolute()
        libraries = [
            self.site_packages.absolute() / "nvidia_pytriton.libs",
            self._python_libraries(),
        ]
        return {
            **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")},
            "PATH": f"{folder}/bin:{os.environ.get('PATH', os.defpath)}",
            "VIRTUAL_ENV": str(folder),
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        }

    def _python_libraries(self) -> Path:
        """LIBDIR of the interpreter that the environment was made from: beside its bin."""
        return (self.folder / "bin/python").resolve().parent.parent / "lib"

    def assemble_backends(self, folder: Path) -> None:
        """Fills `folder` with the backends `python` and `onnxruntime`, anew.

        Copies: the server refuses libraries that a link leads out of its backend directory.
        """
        shutil.rmtree(folder, ignore_errors=True)
        python = folder / "python"
        python.mkdir(parents=True)
        for part in (self.wheel / "backends/python").iterdir():
            if part.is_file() and part.name != "triton_python_backend_stub":
                shutil.copyfile(part, python / part.name)
        stub = python / "triton_python_backend_stub"
        shutil.copyfile(self.wheel / f"python_backend_stubs/{PYTHON}/{stub.name}", stub)
        stub.chmod(0o755)
        (folder / "onnxruntime").mkdir()
        shutil.copyfile(BACKEND, folder / "onnxruntime/model.py")
