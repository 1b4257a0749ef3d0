"""The install steps of the gateway's and the ingest worker's images work, and what they install is enough."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.kubernetes.containerfile import Containerfile, Stage
from tests.e2e.system import ROOT

PROGRAMS = {
    "gateway": ("serving.app", "RECSERVE_GATEWAY_BUNDLE is required and not set"),
    "ingest": ("serving.ingest.worker", "RECSERVE_INGEST_BUNDLE is required and not set"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Containerfile:
    file = Containerfile(ROOT / "k8s/image/Containerfile", ROOT, tmp_path_factory.mktemp("image"))
    file.build("tools", "gateway", "ingest")
    return file


def python(stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["python", *arguments],
        cwd=stage.at("."),
        env=stage.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def megabytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) // 10**6


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_image_s_program_starts_from_what_its_steps_install(
    built: Containerfile, name: str, measured: Callable[[str], None]
) -> None:
    module, sentence = PROGRAMS[name]
    stage = built.stages[name]
    started = python(stage, "-m", module)
    assert sentence in started.stdout + started.stderr, started.stderr[-2000:]
    assert started.returncode
    # All that it imports later, in the processes that it starts too.
    done = python(stage, "-c", f"import {module}, serving.process.worker, serving.features.snapshot, sys;"
                  "print([m for m in ('torch', 'feast', 'training') if m in sys.modules])")  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
    where = python(
        stage, "-c", "import grpc, serving; print(grpc.__file__, serving.__file__)"
    ).stdout
    assert where.count(str(stage.root)) == 2, where
    measured(f"{name}: {megabytes(stage.at('/venv'))} MB of packages")
