"""Components that stand together hold every rule, and overlays say what their READMEs show."""

import os
import re
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from tests.meta.k8s import rules_config
from tests.meta.k8s.combinations import Pair, broken, ordered, problems
from tests.meta.k8s.manifests import Objects, environment, of_kind, workloads
from tests.meta.k8s.rendering import K8S, folders, render, render_overlay
from tests.meta.k8s.test_overlays import MINORS, schema_problems

TOGETHER = (
    ("autoscaling", "canary", "mutual-tls", "cert-manager", "monitoring", "images"),
    ("gpu", "local-snapshot", "object-storage", "keda", "user-hash-key", "images"),
    ("external-redis", "sql-registry", "cert-manager", "historical-clock", "autoscaling"),
    (
        "canary",
        "local-snapshot",
        "gpu",
        "tls",
        "external-redis",
        "historical-clock",
        "object-storage",
    ),
)


@cache
def _rendered(components: tuple[str, ...], scratch: Path) -> Objects:
    return render_overlay(list(components), scratch)


@pytest.fixture(params=TOGETHER, ids="-".join)
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return _rendered(request.param, tmp_path_factory.getbasetemp())


def test_every_rule_holds(objects: Objects) -> None:
    assert broken(objects) == []


@pytest.mark.parametrize("version", MINORS)
def test_every_object_fits_its_schema_strictly(objects: Objects, version: str) -> None:
    assert schema_problems(objects, version) == []


@pytest.mark.parametrize("pair", sorted(ordered()), ids="-".join)
def test_an_order_of_the_readme_holds_and_the_other_is_noticed(pair: Pair, tmp_path: Path) -> None:
    assert problems(pair, tmp_path) == []
    assert problems(pair[::-1], tmp_path) != []


def test_the_readme_orders_components_that_there_are() -> None:
    named = {name for pair in ordered() for name in pair}
    assert named <= {p.name for p in folders("components")}
    assert len(ordered()) > 10


@pytest.mark.parametrize(
    ("component", "workload", "variable", "value"),
    [
        ("canary", "gateway", "RECSERVE_GATEWAY_BUNDLE", "/state/bundles/0123456789abcdef"),
        ("canary", "gateway-canary", "RECSERVE_GATEWAY_BUNDLE", "/state/bundles/fedcba9876543210"),
        (
            "external-redis",
            "gateway",
            "RECSERVE_GATEWAY_REDIS_URL",
            "rediss://recserve@cache.internal",
        ),
        ("external-redis", "backfill", "RECSERVE_REDIS_URL", "rediss://recserve@cache.internal"),
        (
            "sql-registry",
            "materialize",
            "RECSERVE_TRAINING_FEAST_REGISTRY",
            "postgresql+psycopg://recserve@registry.internal:5432/",
        ),
        (
            "canary",
            "train",
            "RECSERVE_TRAINING_PINNED_BUNDLES",
            "0123456789abcdef,fedcba9876543210",
        ),
    ],
)
def test_an_overlay_says_it_as_the_readme_shows(
    tmp_path: Path, component: str, workload: str, variable: str, value: str
) -> None:
    objects = render_overlay([component], tmp_path, **_shown(component))
    (found,) = (w for w in workloads(objects) if w.name == workload)
    assert environment(objects, found.pod["containers"][0])[variable].startswith(value)
    assert rules_config.config_maps_are_hashed(objects) == []


def test_production_takes_components_as_the_readme_shows(tmp_path: Path) -> None:
    text = (K8S / "README.md").read_text()
    (block,) = (
        b for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "../production" in b
    )
    for name in ("../../components", "../production"):
        at = (K8S / "overlays" / "yours" / name).resolve()
        block = block.replace(name, os.path.relpath(at, tmp_path))
    (tmp_path / "kustomization.yaml").write_text(block)
    objects = render(tmp_path)
    assert of_kind(objects, "PrometheusRule")
    assert broken(objects) == []


def _shown(component: str) -> dict[str, object]:
    """The block of the README that begins with `patches:`."""
    lines = (K8S / "components" / component / "README.md").read_text().splitlines()
    (start,) = (n for n, line in enumerate(lines) if line.strip() == "patches:")
    end = next(n for n in range(start, len(lines)) if not lines[n].strip())
    shown: dict[str, object] = yaml.safe_load(dedent("\n".join(lines[start:end])))
    return shown


def test_a_canary_shares_the_callers_with_the_stable(tmp_path: Path) -> None:
    objects = render_overlay(["canary"], tmp_path)
    (service,) = (s for s in of_kind(objects, "Service") if s["metadata"]["name"] == "gateway")
    chosen = [
        w.name
        for w in workloads(objects)
        if service["spec"]["selector"].items() <= w.labels.items()
    ]
    assert sorted(chosen) == ["gateway", "gateway-canary"]
