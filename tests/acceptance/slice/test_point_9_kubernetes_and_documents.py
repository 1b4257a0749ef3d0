"""Manifests that render and validate offline, and the documents of a project."""

import re
from collections.abc import Callable

from tests.acceptance.made import PYTHON, run
from tests.e2e.system import ROOT
from tests.meta.k8s.rendering import K8S, render


def named(objects: list[dict], kind: str) -> dict[str, dict]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def test_point_9a_the_local_overlay_renders_what_was_asked(measured: Callable[[str], None]) -> None:
    objects = render(K8S / "overlays/local")
    workloads = named(objects, "Deployment") | named(objects, "StatefulSet")
    assert {"gateway", "triton", "redis"} <= set(workloads)
    headless = [
        name
        for name, service in named(objects, "Service").items()
        if service["spec"].get("clusterIP") == "None"
    ]
    assert any("triton" in name for name in headless)
    jobs = named(objects, "CronJob")
    assert jobs["train"]["spec"]["suspend"]
    # The local overlay's data set doesn't move: there it is the base that materialises by night.
    assert "materialize" in jobs
    nightly = named(render(K8S / "base"), "CronJob")["materialize"]["spec"]
    assert not nightly.get("suspend", False)
    measured(f"{len(objects)} objects, {len(workloads)} workloads, {len(jobs)} jobs")


def test_point_9b_manifests_are_validated_offline(measured: Callable[[str], None]) -> None:
    done = run(PYTHON, "-m", "pytest", "tests/meta/k8s", check=False)
    measured(done.stdout.strip().splitlines()[-1].strip("= "))
    assert done.returncode == 0, done.stdout[-3000:]


def test_point_9c_documents(measured: Callable[[str], None]) -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence
    assert "Version 2.0" in licence
    assert re.search(r"^## \[?Unreleased", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"`?make ([a-z-]+)", readme)) - {"a"}
    offered = run("make", "--no-print-directory", "help").stdout
    assert {"up", "test", "score"} <= targets
    assert all(re.search(rf"^ *{t} ", offered, re.MULTILINE) for t in targets), targets
    # The README states measured times: none of its figures is left open.
    table = readme.split("<!-- measured:begin -->")[1].split("<!-- measured:end -->")[0]
    rows = [line.split("|")[1:-1] for line in table.strip().splitlines()[2:]]
    missing = [what.strip() for what, figure, _ in rows if not figure.strip()]
    decisions = [p for p in (ROOT / "docs" / "decisions").glob("*.md") if p.name != "README.md"]
    assert decisions
    for path in decisions:
        text = path.read_text().lower()
        assert all(word in text for word in ("context", "decision", "consequence")), path
    assert missing == []
    measured(f"{len(rows)} measured figures, {len(decisions)} decisions")
