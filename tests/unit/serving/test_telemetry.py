import pytest
from prometheus_client import CollectorRegistry

from serving.telemetry import Metrics
from serving.types import Reason, Recorder


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry)


def record_one_of_each(recorder: Recorder) -> None:
    recorder.request("Recommend", "OK", 0.02)
    recorder.stage("rank", 0.004)
    recorder.degraded("rank", Reason.TIMEOUT)
    recorder.feature("user_activity", "stale", 3)
    recorder.triton_call("10.0.0.1:8001", "ranker", "OK", 0.003)


def test_metrics_take_what_the_pipeline_records(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    record_one_of_each(metrics)
    value = registry.get_sample_value
    assert value("recserve_requests_total", {"method": "Recommend", "code": "OK"}) == 1
    assert value("recserve_request_seconds_sum", {"method": "Recommend"}) == 0.02
    assert value("recserve_stage_seconds_sum", {"stage": "rank"}) == 0.004
    assert value("recserve_degradations_total", {"stage": "rank", "reason": "TIMEOUT"}) == 1
    assert value("recserve_features_total", {"view": "user_activity", "state": "stale"}) == 3
    assert value("recserve_triton_calls_total", {"model": "ranker", "outcome": "OK"}) == 1
    assert value("recserve_triton_call_seconds_count", {"model": "ranker"}) == 1


def test_a_replaced_artefact_is_no_longer_in_use(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.artefact("bundle", "b")
    metrics.artefact("snapshot", "1")
    metrics.artefact("snapshot", "2")

    def in_use(kind: str, version: str) -> float | None:
        return registry.get_sample_value(
            "recserve_artefact_info", {"kind": kind, "version": version}
        )

    assert (in_use("bundle", "b"), in_use("snapshot", "1"), in_use("snapshot", "2")) == (1, 0, 1)


def test_what_is_expected_is_counted_from_0_on(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.expect(("Recommend", "Search"), ("OK", "INTERNAL"))
    metrics.request("Search", "OK", 0.1)

    def counted(method: str, code: str) -> float | None:
        labels = {"method": method, "code": code}
        return registry.get_sample_value("recserve_requests_total", labels)

    assert (counted("Search", "OK"), counted("Search", "INTERNAL")) == (1, 0)
    assert (counted("Recommend", "INTERNAL"), counted("Recommend", "UNKNOWN")) == (0, None)


def test_a_certificate_without_an_end_has_no_figure(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    metrics.certificate("server", 5.0)
    metrics.certificate("callers", None)
    (family,) = (m for m in registry.collect() if m.name == "recserve_certificate_end_seconds")
    assert [(s.labels, s.value) for s in family.samples] == [({"certificate": "server"}, 5.0)]


def test_calls_in_flight_go_up_and_down(registry: CollectorRegistry, metrics: Metrics) -> None:
    metrics.in_flight(1)
    metrics.in_flight(1)
    metrics.in_flight(-1)
    assert registry.get_sample_value("recserve_in_flight") == 1


def test_every_metric_with_a_dimension_says_its_unit(
    registry: CollectorRegistry, metrics: Metrics
) -> None:
    timed = [m.name for m in registry.collect() if m.type == "histogram"]
    assert timed
    assert all(name.endswith("_seconds") for name in timed)
