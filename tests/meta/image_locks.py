"""What each image installs: `python -m tests.meta.image_locks` writes k8s/image/<image>.lock.

The packages that an image's programs import, what these need in turn, and what is named here, with the lines
that requirements/project.lock has for them. Optional needs of packages (extras) are left out.
"""

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import distribution, packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.meta.imports import GATEWAY, ROOT, closure, modules

FOLDER = ROOT / "k8s/image"
PROJECT = ROOT / "requirements/project.lock"
HEADER = "# Made by make image-locks from requirements/project.lock.\n"

PROGRAMS: Mapping[
    str, tuple[str, ...]
] = {  # with what they import by a name in a setting or a file
    "gateway": (*GATEWAY, "serving.features.snapshot"),
    "ingest": ("serving.ingest.worker",),
    "jobs": (
        "training.alone",
        "training.datasets.__main__",
        "training.prepare.__main__",
        "training.train_retriever",
        "training.train_ranker",
        "training.export",
        "training.search.index",
        "training.search.encoder",
        "training.search.embed",
        "training.materialize",
        "training.item_texts",
        "training.replay",
        "serving.features.snapshot",
        "serving.features.online_store",
        "serving.features.engine",
        *modules("feature_repo"),
    ),
    "stubs": (),
}
# What no import asks for.
ADDED: Mapping[str, Mapping[str, str]] = {
    "gateway": {},
    "ingest": {"hiredis": "redis parses replies in C where it is there"},
    "jobs": {
        "hiredis": "redis parses replies in C where it is there",
        "psycopg": "SQLAlchemy imports it for a registry in PostgreSQL",
        "psycopg-binary": "psycopg imports it, so that it needs no library of the system",
    },
    "stubs": {"grpcio-tools": "the compiler of the protos"},
}
# What packages want for functions that nothing here calls.
UNUSED: Mapping[str, set[str]] = {
    "tokenizers": {"huggingface-hub"},  # it downloads tokenizers by their names
}
UNTOLD: Mapping[str, set[str]] = {"tritonclient": {"packaging"}}  # imported, not among its needs
ELSEWHERE = {"torch"}  # requirements/torch.lock


@cache
def packages(image: str, *, added: bool = True) -> set[str]:
    """By their canonical names, but for those that come from elsewhere."""
    imported = {m for m in closure(*PROGRAMS[image]) if not m.startswith("recserve.")}
    return _needed(_owners(imported) | (set(ADDED[image]) if added else set())) - ELSEWHERE


def text(image: str) -> str:
    """The lock file's. Raises KeyError for a package that the project's lock lacks."""
    lines = {_name(line): line for line in PROJECT.read_text().splitlines()}
    return HEADER + "".join(f"{lines[package]}\n" for package in sorted(packages(image)))


def locked(lock: str) -> set[str]:
    return {_name(line) for line in lock.splitlines() if not line.startswith("#")}


def _name(line: str) -> str:
    return canonicalize_name(line.partition("==")[0])


def _owners(imported: Iterable[str]) -> set[str]:
    owners = _distributions()
    found: set[str] = set()
    for module in imported:
        top, _, rest = module.partition(".")
        names = set(owners.get(top, ()))
        if len(names) > 1:  # a namespace that packages share
            folder = f"{top}/{rest.partition('.')[0]}/"
            names = {n for n in names if any(folder in str(f) for f in distribution(n).files or ())}
        found |= {canonicalize_name(name) for name in names}
    return found


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _needed(asked: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = set(asked)
    while waiting:
        package = waiting.pop()
        found.add(package)
        waiting |= _needs(package) - found
    return found


def _needs(package: str) -> set[str]:
    wanted = map(Requirement, distribution(package).requires or ())
    named = {
        canonicalize_name(one.name)
        for one in wanted
        if not one.marker or one.marker.evaluate({"extra": ""})
    }
    return (named - UNUSED.get(package, set())) | UNTOLD.get(package, set())


if __name__ == "__main__":
    for name in PROGRAMS:
        (FOLDER / f"{name}.lock").write_text(text(name))
        sys.stdout.write(f"k8s/image/{name}.lock: {len(packages(name))} packages\n")
