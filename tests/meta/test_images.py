"""The images hold what their programs import, from the lock, and of the checkout what they need."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.meta.dockerignore import DockerIgnore
from tests.meta.image_locks import (
    ADDED,
    ELSEWHERE,
    FOLDER,
    PROGRAMS,
    UNTOLD,
    UNUSED,
    locked,
    packages,
    text,
)
from tests.meta.imports import ROOT
from tests.meta.repository import files
from tests.meta.test_imports import TOO_HEAVY

CONTAINERFILE = (FOLDER / "Containerfile").read_text()
IGNORE = DockerIgnore((ROOT / ".dockerignore").read_text())
COPIED = sorted(set(re.findall(r"^COPY (?!--from)(\S+) \S+$", CONTAINERFILE, re.MULTILINE)))
OF_THE_BASE = {"sh", "test"}


@pytest.mark.parametrize("image", PROGRAMS)
def test_an_image_installs_what_its_programs_need_and_nothing_else(image: str) -> None:
    assert (FOLDER / f"{image}.lock").read_text() == text(image), "make image-locks"


@pytest.mark.parametrize("image", PROGRAMS)
def test_a_package_that_a_lock_lacks_or_has_beside_is_noticed(image: str) -> None:
    lines = text(image).splitlines(keepends=True)
    assert locked("".join(lines)) == packages(image)
    assert locked("".join(lines[:-1])) < packages(image)
    assert locked("".join([*lines, "idle==1.0 --hash=sha256:0\n"])) > packages(image)


@pytest.mark.parametrize("image", PROGRAMS)
def test_what_is_added_is_no_import_s_anyway(image: str) -> None:
    """Else its reason is gone."""
    imported = packages(image, added=False)
    assert set(ADDED[image]) & imported == set()


@pytest.mark.parametrize(("package", "unused"), UNUSED.items())
def test_unused_needs_are_wanted_and_not_imported(package: str, unused: set[str]) -> None:
    wanted = {canonicalize_name(Requirement(r).name) for r in distribution(package).requires or ()}
    assert unused <= wanted
    names = {name.replace("-", "_") for name in unused}
    told = f"import sys, {package}; sys.exit(bool({names!r} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", told], check=True)


@pytest.mark.parametrize(("package", "untold"), UNTOLD.items())
def test_untold_needs_are_imported(package: str, untold: set[str]) -> None:
    source = Path(str(distribution(package).locate_file(package)))
    imported = " ".join(p.read_text() for p in source.rglob("*.py"))
    assert [
        n for n in untold if not re.search(rf"^\s*(import|from) {n}\b", imported, re.MULTILINE)
    ] == []


def test_no_image_of_a_server_holds_what_is_heavy_but_for_polars_in_the_ingest_workers() -> None:
    assert packages("gateway") & TOO_HEAVY == set()
    assert packages("ingest") & TOO_HEAVY == {"polars"}


def test_every_program_that_manifests_and_guide_run_is_told() -> None:
    run: dict[str, set[str]] = {"gateway": set(), "ingest": set(), "jobs": set()}
    for path in (ROOT / "k8s").rglob("*.yaml"):
        for container in _containers(list(yaml.safe_load_all(path.read_text()))):
            image = container["image"].removeprefix("recserve-")
            if image in run and "command" in container:
                run[image].add(" ".join(container["command"]))
    guide = (ROOT / "docs/operations.md").read_text()
    run["jobs"] |= set(re.findall(r"(?:job/files --|\$ON) (python -m \S+)", guide))
    for image, commands in run.items():
        assert commands
        assert {c for c in commands if not _told(image, c.split())} == set()


def _containers(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and isinstance(value.get("image"), str):
        yield value
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _containers(below)


def _told(image: str, command: list[str]) -> bool:
    if command[:2] == ["python", "-m"]:
        return bool({command[2], f"{command[2]}.__main__"} & set(PROGRAMS[image]))
    return command[0] in packages(image) | OF_THE_BASE


def test_torch_is_the_version_that_training_has_in_the_build_for_cpus() -> None:
    assert {"torch"} == ELSEWHERE
    version = re.search(r"^TORCH +\?= torch==(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version
    line = (ROOT / "requirements/torch.lock").read_text()
    assert re.fullmatch(
        rf"torch=={re.escape(version[1])}\+cpu --hash=sha256:[0-9a-f]{{64}}\n", line
    )
    for name in ("project.in", "torch.in"):
        assert f"torch=={version[1]}" in (ROOT / "requirements" / name).read_text().splitlines()


def test_every_install_step_wants_hashes_and_leaves_no_installer_behind() -> None:
    steps = re.sub(r"\\\n", " ", CONTAINERFILE)
    installs = re.findall(r"pip (?:--python \S+ )?install [^&;\n]*", steps)
    assert len(installs) == 7
    assert [i for i in installs if "--no-deps --require-hashes" not in i] == []
    venvs = re.findall(r"-m venv [^&\n]*", steps)
    assert len(venvs) == 5
    assert [v for v in venvs if "--without-pip" not in v] == []


def test_base_images_are_pinned_and_processes_are_not_root() -> None:
    base = re.search(r"^ARG BASE=python:3\.11\.\d+-slim-bookworm$", CONTAINERFILE, re.MULTILINE)
    assert base
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", CONTAINERFILE, re.MULTILINE)
    assert len(stages) == CONTAINERFILE.count("\nFROM ")
    assert {begun for begun, _ in stages} == {"${BASE}", "tools"}
    assert CONTAINERFILE.count("USER 10001:10001") == 3


def test_every_build_names_the_platform_of_the_locks() -> None:
    builds = re.findall(r"^#   docker build (.*)$", CONTAINERFILE, re.MULTILINE)
    assert len(builds) == 3
    assert [b for b in builds if not b.startswith("--platform=linux/amd64 ")] == []


def test_the_build_is_given_what_is_copied_and_nothing_else() -> None:
    given = set(IGNORE.let_in(ROOT))
    ours = {p.relative_to(ROOT).as_posix() for p in files()}
    expected = {
        name
        for name in ours
        if name.startswith(tuple(f"{path}/" for path in COPIED)) or name in COPIED
        if not name.startswith("serving/client/")
    }
    of_the_build = {n for n in ours if n.startswith("k8s/image/")}
    assert given == expected | of_the_build
    assert [path for path in COPIED if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "folder", ["serving", "training", "protos/recserve/v1", "serving/features"]
)
def test_what_git_ignores_does_not_reach_a_build(folder: str) -> None:
    patterns = (ROOT / ".gitignore").read_text().split()
    assert len(patterns) > 10
    planted = [
        path
        for pattern in patterns
        if not pattern.startswith("/")
        for path in (f"{folder}/{pattern.replace('*', 'x').strip('/')}/x.py",)
    ]
    stubs = [f"{folder}/a_pb2{ending}" for ending in (".py", ".pyi", "_grpc.py", "_grpc.pyi")]
    assert [p for p in (*planted, *stubs) if not IGNORE.keeps_out(p)] == []
