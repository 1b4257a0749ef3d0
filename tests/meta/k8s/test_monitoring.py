"""Alerts, dashboard and autoscalers ask for what the programs expose; every alert says what to do."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from prometheus_client import CollectorRegistry

from serving.features.redis_keys import PARTITIONS
from serving.ingest.telemetry import OfIngest
from serving.process.server import COUNTED
from serving.telemetry import Metrics
from tests.fakes.ingest_worker import IdleWorker
from tests.meta.k8s.facts import TRITON_METRICS
from tests.meta.k8s.manifests import Objects, of_kind
from tests.meta.k8s.promql import Selector, groupings, selectors
from tests.meta.k8s.rendering import K8S, ROOT, render_any
from tests.meta.series import VALUES, Labels, exposed, families

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

TARGET = {"namespace", "pod", "container", "job", "instance"}  # what Prometheus adds
CASES = ROOT / "tests/acceptance/kubernetes/alerts.yaml"


def problems(expression: str) -> list[str]:
    known = exposed() | {name: dict.fromkeys(by) for name, by in TRITON_METRICS.items()}
    asked = list(selectors(expression))
    unknown = [f"nobody exposes {one.metric}" for one in asked if one.metric not in known]
    labels = {label for one in asked for label in known.get(one.metric, ())} | TARGET
    return (
        unknown
        + [problem for one in asked for problem in _misfits(one, known.get(one.metric, {}))]
        + [f"no label {label} to group by" for label in groupings(expression) - labels]
    )


def _misfits(asked: Selector, known: Labels) -> Iterator[str]:
    for label, values in asked.values.items():
        if label not in known:
            if label not in TARGET:
                yield f"{asked.metric} has no label {label}"
            continue
        possible = known[label]
        if possible is not None:
            yield from (
                f"{label} of {asked.metric} is never {value}"
                for value in values
                if value not in possible
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


def dashboard() -> list[str]:
    panels = json.loads((K8S / "components/monitoring/recserve.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_the_dashboard_asks_for_what_is_exposed() -> None:
    asked = dashboard()
    assert len(asked) > 15
    assert {e: p for e in asked if (p := problems(e))} == {}


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    shown = {one.metric for expression in dashboard() for one in selectors(expression)}
    parts = ("_bucket", "_sum", "_count", "_total")
    assert {
        f.name for f in families() if not shown & {f.name, *(f.name + p for p in parts)}
    } == set()


def test_alerts_are_tried_on_what_is_exposed() -> None:
    told = yaml.safe_load(CASES.read_text())
    series = [told["well"], *(case.get("series", {}) for case in told["cases"])]
    assert {s: p for one in series for s in one if (p := problems(s))} == {}
    values = {value for one in series for value in one.values()}
    assert {type(value) for value in values} == {str, NoneType}, "unquoted, 0x120 is the number 288"


def test_of_every_label_the_values_are_known_or_said_to_be_any() -> None:
    """Those of a worker are told by what it exposes, all others by what was declared."""
    registry = CollectorRegistry()
    Metrics(registry)
    declared = {
        (metric._name, label)
        for metric in cast("set[MetricWrapperBase]", set(registry._collector_to_names))
        for label in metric._labelnames
    }
    told = {
        (family.name, label)
        for family in OfIngest(IdleWorker()).collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert set(VALUES) == declared | told


def test_the_alert_of_partitions_knows_how_many_there_are(monitoring: Objects) -> None:
    (alert,) = (a for a in alerts(monitoring) if a["alert"] == "RecserveEventsUnattended")
    assert f"sum(recserve_ingest_partitions) < {PARTITIONS} " in alert["expr"]
    assert f" {PARTITIONS} partitions" in alert["annotations"]["summary"]


def test_statuses_that_alerts_ask_for_are_counted_from_0_on(monitoring: Objects) -> None:
    asked = {
        code
        for alert in alerts(monitoring)
        for one in selectors(alert["expr"])
        for code in one.values.get("code", ())
    }
    assert "RESOURCE_EXHAUSTED" in asked
    assert asked <= {code.name for code in COUNTED}


def test_an_alert_whose_value_was_renamed_in_the_code_is_noticed(monitoring: Objects) -> None:
    tried = 0
    for alert in alerts(monitoring):
        text = alert["expr"]
        for value in {v for s in selectors(text) for of in s.values.values() for v in of}:
            assert problems(re.sub(rf'(?<=["|]){value}(?=["|])', "renamed", text)), (text, value)
            tried += 1
    assert tried > 10


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
        'increase(recserve_ingest_events_total{outcome="poisoned"}[5m])',
        'rate(recserve_requests_total{method!~"RecordEvents|StreamEvent"}[5m])',
        'rate(recserve_features_total{state=~"stale|layouts"}[5m])',
        'rate(recserve_triton_calls_total{outcome!~"OK|CANCELED"}[5m])',
        'recserve_artefact_info{kind="bundles"}',
        'recserve_redis_file_ok{file="aof"}',
    ],
)
def test_what_nobody_exposes_is_noticed(expression: str) -> None:
    assert problems(expression)


def test_what_is_exposed_passes() -> None:
    text = 'histogram_quantile(0.9, sum by (le, pod) (rate(recserve_stage_seconds_bucket{stage!="a b"}[5m])))'
    assert problems(text) == []
