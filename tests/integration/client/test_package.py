"""The client as others install it: its wheel, in an environment with nothing else."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recserve.client import __version__

from tests.fakes.scripted_gateway import ScriptedGateway, serving
from tests.meta.imports import ROOT

FOREIGN = {"torch", "feast", "tritonclient", "numpy", "polars", "pandas", "serving", "training"}
SERVICES = ("event_service", "recommendation_service", "search_service", "status_service")
LOADED = f"""
import json, sys
import recserve.client
from recserve.client.cli.program import recserve
print(json.dumps(sorted({FOREIGN!r} & {{name.split(".")[0] for name in sys.modules}})))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", str(folder)], cwd=ROOT / "serving/client", check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of the environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([str(folder / "bin/python"), *quiet, str(wheel)], check=True)
    return folder / "bin"


@pytest.fixture
def endpoint() -> Iterator[str]:
    with serving(ScriptedGateway()) as where:
        yield where


def test_the_wheel_holds_the_stubs_of_the_public_services(wheel: Path) -> None:
    stubs = {name for name in _names(wheel) if name.startswith("recserve/v1/")}
    assert stubs == {
        f"recserve/v1/{service}{suffix}"
        for service in SERVICES
        for suffix in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
    }


def test_the_wheel_leaves_the_namespace_open(wheel: Path) -> None:
    names = _names(wheel)
    assert "recserve/__init__.py" not in names
    assert {name.split("/")[0] for name in names} == {
        "recserve",
        f"recserve_client-{__version__}.dist-info",
    }


@pytest.mark.parametrize(
    "name", ["py.typed", "LICENSE", "service_config.json", "service_config_hedging.json"]
)
def test_the_wheel_holds_what_is_not_code(wheel: Path, name: str) -> None:
    assert f"recserve/client/{name}" in _names(wheel)


def test_the_version_is_that_of_the_project(wheel: Path) -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert wheel.name == f"recserve_client-{__version__}-py3-none-any.whl"


def test_nothing_foreign_is_installed_with_it(installed: Path) -> None:
    listed = json.loads(_run(installed, "python", "-m", "pip", "list", "--format", "json"))
    names = {one["name"].lower() for one in listed}
    assert {"recserve-client", "grpcio", "click", "rich"} <= names
    assert names & FOREIGN == set()


def test_nothing_foreign_is_loaded_by_it(installed: Path) -> None:
    assert json.loads(_run(installed, "python", "-c", LOADED)) == []


def test_the_command_tells_its_version_and_its_use(installed: Path) -> None:
    assert _run(installed, "recserve", "--version") == f"recserve, version {__version__}\n"
    assert "recommend" in _run(installed, "recserve", "--help")


def test_the_command_asks_a_gateway(installed: Path, endpoint: str) -> None:
    shown = _run(installed, "recserve", "recommend", "--surface", "product", "--endpoint", endpoint)
    assert "item-1" in shown


def test_without_the_extras_a_frame_says_what_to_install(installed: Path, endpoint: str) -> None:
    code = (
        "from recserve.client import Client, Surface\n"
        f"with Client({endpoint!r}, timeout_s=30) as client:\n"
        "    try:\n"
        "        client.recommend(Surface.PRODUCT).to_polars()\n"
        "    except ImportError as error:\n"
        "        print(error)"
    )
    assert 'pip install "recserve-client[polars]"' in _run(installed, "python", "-c", code)


def _run(installed: Path, program: str, *args: str) -> str:
    """Without this project's settings and paths."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RECSERVE_"))}
    done = subprocess.run(
        [str(installed / program), *args],
        cwd=installed.parent,
        env=kept,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())
