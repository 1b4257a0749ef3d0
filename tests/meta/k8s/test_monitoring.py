"""Alerts, dashboard and autoscalers ask for what the programs expose; every alert says what to do."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from prometheus_client import CollectorRegistry

from serving.ingest.apply import Counts
from serving.ingest.telemetry import OfIngest
from serving.process.pages import OfSupervisor
from serving.telemetry import Metrics
from tests.meta.k8s.facts import TRITON_METRICS
from tests.meta.k8s.manifests import Objects, of_kind
from tests.meta.k8s.promql import groupings, selectors
from tests.meta.k8s.rendering import K8S, ROOT, render_any

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

TARGET = {"namespace", "pod", "container", "job", "instance"}  # what Prometheus adds
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}


class _Nobody:
    """A supervisor without workers."""

    serving = restarts = 0


def exposed() -> dict[str, set[str]]:
    """Every series of ours, and its labels."""
    registry = CollectorRegistry()
    Metrics(registry)
    found: dict[str, set[str]] = {}
    for collector in set(registry._collector_to_names):
        metric = cast("MetricWrapperBase", collector)
        for part in PARTS[metric._type]:
            labels = {*metric._labelnames, *({"le"} if part == "_bucket" else ())}
            found[metric._name + part] = labels
    ingest = OfIngest(Counts(), lambda: 0.0)
    for family in (*ingest.collect(), *OfSupervisor(cast("Any", _Nobody())).collect()):
        for part in PARTS[family.type]:
            found[family.name + part] = (
                {"outcome"} if family.name == "recserve_ingest_events" else set()
            )
    return found


def problems(expression: str) -> list[str]:
    known = exposed() | dict(TRITON_METRICS)
    asked = list(selectors(expression))
    unknown = [f"nobody exposes {metric}" for metric, _ in asked if metric not in known]
    labels = {label for metric, _ in asked for label in known.get(metric, ())} | TARGET
    chosen = [
        f"{metric} has no label {label}"
        for metric, by in asked
        for label in by - known.get(metric, set()) - TARGET
    ]
    return (
        unknown
        + chosen
        + [f"no label {label} to group by" for label in groupings(expression) - labels]
    )


def alerts(objects: Objects) -> Iterator[dict[str, Any]]:
    for found in of_kind(objects, "PrometheusRule"):
        for group in found["spec"]["groups"]:
            yield from group["rules"]


@cache
def _rendered(component: str, scratch: Path) -> Objects:
    return render_any(K8S / "components" / component, scratch)


@pytest.fixture
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return _rendered("monitoring", tmp_path_factory.getbasetemp())


def test_alerts_ask_for_what_is_exposed(monitoring: Objects) -> None:
    assert {a["alert"]: p for a in alerts(monitoring) if (p := problems(a["expr"]))} == {}


def test_the_dashboard_asks_for_what_is_exposed() -> None:
    panels = json.loads((K8S / "components/monitoring/recserve.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(asked) > 15
    assert {e: p for e in asked if (p := problems(e))} == {}


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    text = (K8S / "components/monitoring/recserve.json").read_text()
    families = {
        n.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for n in exposed()
    }
    assert {f for f in families if f not in text} == set()


def test_autoscalers_ask_for_what_is_exposed(tmp_path_factory: pytest.TempPathFactory) -> None:
    queries = [
        trigger["metadata"]["query"]
        for scaled in of_kind(_rendered("keda", tmp_path_factory.getbasetemp()), "ScaledObject")
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    assert len(queries) == 2
    assert {q: p for q in queries if (p := problems(q))} == {}


def test_every_alert_leads_to_what_to_do_and_nothing_else_is_told(monitoring: Objects) -> None:
    page = (ROOT / "docs/operations.md").read_text().partition("\n## Alerts\n")[2]
    told = [line.removeprefix("### ") for line in page.splitlines() if line.startswith("### ")]
    assert told == [a["alert"] for a in alerts(monitoring)]
    for alert in alerts(monitoring):
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{alert['alert'].lower()}"


@pytest.mark.parametrize(
    "expression",
    [
        "rate(recserve_request_total[5m]) > 0",
        'sum(rate(recserve_requests_total{status="OK"}[5m]))',
        "sum by (endpoint) (rate(recserve_requests_total[5m]))",
        "recserve_request_seconds > 1",
        "recserve_in_flight and on (stage) recserve_changed_items",
    ],
)
def test_what_nobody_exposes_is_noticed(expression: str) -> None:
    assert problems(expression)


def test_what_is_exposed_passes() -> None:
    text = 'histogram_quantile(0.9, sum by (le, pod) (rate(recserve_stage_seconds_bucket{stage!="a b"}[5m])))'
    assert problems(text) == []
