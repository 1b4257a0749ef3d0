"""The images hold what their programs import, from the lock."""

import re
from importlib.metadata import distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.meta.imports import ROOT, closure
from tests.meta.test_imports import GATEWAY, TOO_HEAVY

IMAGE = ROOT / "k8s/image"


def test_the_gateway_image_holds_what_the_gateway_imports() -> None:
    owners = packages_distributions()
    needed = {
        canonicalize_name(owner)
        for module in closure(*GATEWAY)
        for owner in owners.get(module.split(".")[0], ())
    }
    assert {n for n in needed if n != "recserve"} - _listed() == set()


def test_the_gateway_image_holds_what_its_packages_need() -> None:
    needed = {
        canonicalize_name(wanted.name)
        for package in _listed()
        for wanted in map(Requirement, distribution(package).requires or ())
        if not wanted.marker or wanted.marker.evaluate({"extra": ""})
    }
    assert needed - _listed() == set()


def test_the_gateway_image_holds_nothing_heavy() -> None:
    assert _listed() & TOO_HEAVY == set()


def test_every_package_of_the_gateway_image_is_locked() -> None:
    lock = (ROOT / "requirements/project.lock").read_text()
    locked = {canonicalize_name(line.split("==")[0]) for line in lock.splitlines()}
    assert _listed() - locked == set()


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


def _listed() -> set[str]:
    return {canonicalize_name(n) for n in (IMAGE / "gateway-packages.txt").read_text().split()}
