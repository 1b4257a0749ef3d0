"""From a fresh clone of what is committed: `make check` writes nothing, `make test` passes in time."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.made import run
from tests.e2e.system import ROOT

TEST_S = 15 * 60


def in_clone(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("make", "--no-print-directory", "-C", clone, *arguments, check=False, PYTHONPATH="")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone") / "recserve"
    run("git", "clone", "--quiet", ROOT, folder)
    return folder


def test_point_8a_make_test_from_a_fresh_clone(
    clone: Path, measured: Callable[[str], None]
) -> None:
    began = time.monotonic()
    done = in_clone(clone, "test")
    seconds = time.monotonic() - began
    counted = re.findall(r"\d+ (?:passed|failed|errors?|skipped)[^=\n]*", done.stdout)
    measured(
        f"{seconds / 60:.1f} min of 15 with the install; {counted[-1] if counted else 'no tests'}"
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert seconds < TEST_S


def test_point_8b_make_check_writes_nothing(clone: Path, measured: Callable[[str], None]) -> None:
    in_clone(clone, "env")
    began = time.monotonic()
    done = in_clone(clone, "check")
    measured(f"{time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert run("git", "-C", clone, "status", "--porcelain").stdout == ""


def test_point_8c_make_check_goes_red(clone: Path, measured: Callable[[str], None]) -> None:
    """A breaking change of the API, and an import against the direction."""
    faults = {
        "protos/recserve/v1/recommendation_service.proto": (
            "int32 page_size = 3;",
            "int64 page_size = 3;",
        ),
        "serving/clock.py": ("import time\n", "import time\n\nimport training  # noqa: F401\n"),
    }
    for name, (old, new) in faults.items():
        path = clone / name
        sound = path.read_text()
        assert old in sound
        path.write_text(sound.replace(old, new))
        done = in_clone(clone, "check")
        path.write_text(sound)
        assert done.returncode != 0, name
    measured(f"{len(faults)} of {len(faults)} planted faults found")


def test_point_8d_ci_calls_both(measured: Callable[[str], None]) -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    text = script.read_text()
    assert re.search(r"^make .*\bcheck$", text, re.MULTILINE)
    assert re.search(r"^make .*\btest$", text, re.MULTILINE)
    measured("check, test")
