"""Overlays, components and the rules over them, and the scripts with the real rclone."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.acceptance.made import PYTHON, run
from tests.e2e.system import ROOT
from tests.meta.k8s.rendering import K8S, render

RCLONE = shutil.which("rclone")
BUILT_IN = re.compile(r"^(v1|(apps|batch|policy|autoscaling|networking\.k8s\.io)/v\d)$")


def passing(*tests: str, **environment: str) -> str:
    command = (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    done = run(*command, check=False, **environment)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout.strip().splitlines()[-1].strip("= ")


@pytest.mark.parametrize("overlay", ["local", "staging", "production"])
def test_an_overlay_needs_no_kind_that_a_bare_cluster_lacks(
    overlay: str, measured: Callable[[str], None]
) -> None:
    objects = render(K8S / "overlays" / overlay)
    assert {o["apiVersion"] for o in objects if not BUILT_IN.match(o["apiVersion"])} == set()
    assert not [o for o in objects if o["kind"] in ("Secret", "Job", "Pod")]
    lines = (K8S / "overlays" / overlay / "kustomization.yaml").read_text().splitlines()
    assert len(lines) <= 30
    measured(f"{overlay}: {len(objects)} objects from {len(lines)} lines")


def test_production_scales_and_shares_its_key() -> None:
    objects = {(o["kind"], o["metadata"]["name"]): o for o in render(K8S / "overlays/production")}
    assert {n for k, n in objects if k == "HorizontalPodAutoscaler"} == {"gateway", "triton"}
    gateway = objects["Deployment", "gateway"]["spec"]
    assert "replicas" not in gateway
    volumes = gateway["template"]["spec"]["volumes"]
    assert {"secretName": "user-hash-key", "defaultMode": 0o440} in [
        v.get("secret") for v in volumes
    ]


def test_every_component_says_what_it_needs_and_how_it_goes_away() -> None:
    for component in sorted((K8S / "components").iterdir()):
        text = (component / "README.md").read_text()
        assert text.startswith(f"# {component.name}\n"), component
        assert len(text.splitlines()) <= 50, component
        assert "**Needs**" in text, component
        assert "**Away**" in text, component
        assert f"components/{component.name}/README.md" in (K8S / "README.md").read_text()


def test_rules_hold_everywhere_and_each_goes_red(measured: Callable[[str], None]) -> None:
    planted = yaml.safe_load((ROOT / "tests/meta/k8s/mutations.yaml").read_text())
    tests = ("test_overlays.py", "test_combinations.py", "test_rules.py")
    said = passing(*(f"tests/meta/k8s/{name}" for name in tests))
    measured(f"{len(planted)} rules, {sum(map(len, planted.values()))} mutations: {said}")


def test_alerts_and_dashboard_ask_for_metrics_that_are_there() -> None:
    passing("tests/meta/k8s/test_monitoring.py")


def test_a_release_pins_by_what_a_registry_reports() -> None:
    passing("tests/meta/k8s/test_release.py")


@pytest.mark.skipif(RCLONE is None, reason="rclone is not installed; Debian has it under this name")
def test_bundles_arrive_whole_by_rclone_or_not_at_all(measured: Callable[[str], None]) -> None:
    path = f"{Path(str(RCLONE)).parent}:{PYTHON.parent}:/usr/local/bin:/usr/bin:/bin"
    measured(passing("tests/meta/k8s/test_scripts.py", "-k", "real", PATH=path))
