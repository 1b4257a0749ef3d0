"""Components two by two: which order the README asks for, and what becomes of each."""

import json
import re
import subprocess
from pathlib import Path

from tests.meta.k8s.manifests import Objects
from tests.meta.k8s.rendering import K8S, render_overlay
from tests.meta.k8s.test_rules import NAMED

ROW = re.compile(r"^\| (`[^|]+`) \| (`[^|]+`) \| [^|]+ \|$", re.MULTILINE)
OF_OVERLAYS = ("kinds_are_built_in", "growing_overlays_name_their_bundle")  # not of components
IN_ORDER = ("command", "args", "initContainers")

Pair = tuple[str, str]


def ordered() -> frozenset[Pair]:
    """The pairs that the README wants in one order alone."""
    rows = ROW.findall((K8S / "README.md").read_text())
    return frozenset(
        (one, other)
        for first, then in rows
        for one in re.findall(r"`([\w-]+)`", first)
        for other in re.findall(r"`([\w-]+)`", then)
    )


def problems(components: Pair, scratch: Path) -> list[str]:
    """What the rules say of the base with both, or that it doesn't build."""
    try:
        return broken(render_overlay(list(components), scratch))
    except subprocess.CalledProcessError as error:
        return [f"{error}"]


def broken(objects: Objects) -> list[str]:
    return [
        f"{name}: {problem}"
        for name, rule in NAMED.items()
        if name not in OF_OVERLAYS
        for problem in rule(objects)
    ]


def alike(one: Objects, other: Objects) -> bool:
    """But for the order of what has none."""
    return _sorted(one) == _sorted(other)


def _sorted(value: object, field: str = "") -> str:
    if isinstance(value, dict):
        return json.dumps({k: _sorted(v, k) for k, v in value.items()}, sort_keys=True)
    if isinstance(value, list):
        parts = [_sorted(v) for v in value]
        return json.dumps(parts if field in IN_ORDER else sorted(parts))
    return json.dumps(value)
