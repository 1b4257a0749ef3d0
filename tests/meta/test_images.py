"""The images hold what their programs import, from the lock."""

import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.meta.imports import ROOT, closure
from tests.meta.test_imports import GATEWAY, TOO_HEAVY

IMAGE = ROOT / "k8s/image"


# What a package wants for functions that nothing here calls; test_unused_needs_are_not_imported.
UNUSED = {"tokenizers": {"huggingface-hub"}}  # it downloads tokenizers by their names
UNTOLD = {"tritonclient": {"packaging"}}  # what it imports without naming it among its requirements
IMAGES = {"gateway": GATEWAY, "ingest": ("serving.ingest.worker",)}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_what_its_program_imports(image: str) -> None:
    owners = packages_distributions()
    needed = {
        canonicalize_name(owner)
        for module in closure(*IMAGES[image])
        for owner in owners.get(module.split(".")[0], ())
    }
    assert {n for n in needed if n != "recserve"} - _in(image) == set()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_what_its_packages_need(image: str) -> None:
    needed = {
        canonicalize_name(wanted.name)
        for package in _in(image)
        for wanted in map(Requirement, distribution(package).requires or ())
        if not wanted.marker or wanted.marker.evaluate({"extra": ""})
        if canonicalize_name(wanted.name) not in UNUSED.get(package, set())
    }
    needed |= {name for package in _in(image) for name in UNTOLD.get(package, ())}
    assert needed - _in(image) == set()


@pytest.mark.parametrize(("package", "unused"), UNUSED.items())
def test_unused_needs_are_not_imported(package: str, unused: set[str]) -> None:
    modules = {name.replace("-", "_") for name in unused}
    told = f"import sys, {package}; sys.exit(bool({modules!r} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", told], check=True)


def test_the_images_of_gateway_and_ingest_worker_share_no_line() -> None:
    assert _listed("gateway") & _listed("ingest") == set()


def test_no_image_of_a_server_holds_what_is_heavy_but_for_polars_in_the_ingest_workers() -> None:
    assert _listed("gateway") & TOO_HEAVY == set()
    assert _listed("ingest") & TOO_HEAVY == {"polars"}


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_of_an_image_is_locked(image: str) -> None:
    lock = (ROOT / "requirements/project.lock").read_text()
    locked = {canonicalize_name(line.split("==")[0]) for line in lock.splitlines()}
    assert _in(image) - locked == set()


def test_base_images_are_pinned_and_processes_are_not_root() -> None:
    text = (IMAGE / "Containerfile").read_text()
    stages = set(re.findall(r" AS (\S+)", text))
    bases = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
    assert [b for b in bases if not re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", b)] == []
    assert text.count("USER 10001:10001") == 2


def test_every_copied_path_exists() -> None:
    text = (IMAGE / "Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", text, re.MULTILINE)
    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []


def _in(image: str) -> set[str]:
    """The ingest worker's image begins with the gateway's."""
    return _listed("gateway") | _listed(image)


def _listed(image: str) -> set[str]:
    text = (IMAGE / f"{image}-packages.txt").read_text()
    return {canonicalize_name(name) for name in text.split()}
