import re
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.e2e.asking import SECONDS, recommend
from tests.e2e.patience import eventually
from tests.e2e.system import System

SERVICE = "recserve.v1.RecommendationService"


def page(system: System, path: str) -> str:
    with urllib.request.urlopen(system.http + path, timeout=SECONDS) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_is_serving_by_the_services_names(channel: grpc.Channel, service: str):
    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_a_name_that_is_no_service_is_not_found(channel: grpc.Channel):
    health = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=SECONDS)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_service(channel: grpc.Channel):
    assert SERVICE in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_the_probes_answer(system: System):
    assert page(system, "/livez")
    assert page(system, "/readyz")


def answered(system: System) -> int:
    """Calls of Recommend that were answered OK, over all workers."""
    counts = re.findall(
        r'^recserve_requests_total\{(?=[^}]*code="OK")(?=[^}]*method="Recommend")[^}]*\} ([\d.e+]+)$',
        page(system, "/metrics"),
        re.MULTILINE,
    )
    return int(sum(map(float, counts)))


def test_metrics_count_every_answer_of_every_worker(
    system: System, stub: RecommendationServiceStub
):
    stub.Recommend(recommend(), timeout=SECONDS)
    before = answered(system)
    assert before > 0
    for _ in range(10):
        with grpc.insecure_channel(
            system.gateway, options=[("grpc.use_local_subchannel_pool", 1)]
        ) as another:  # a connection of its own, so that it may be another worker's
            RecommendationServiceStub(another).Recommend(recommend(), timeout=SECONDS)
    eventually(lambda: answered(system) == before + 10 or None, "ten more answers in the metrics")


def test_status_shows_everything_healthy_and_what_serves(system: System):
    out = system.make("status").stdout
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert all("healthy" in lines[name] for name in ("redis", "triton", "gateway"))
    assert (system.state / "bundles/current").resolve().name in lines["bundle"]
    assert (system.state / "snapshots/current").resolve().name in lines["snapshot"]


def test_a_second_start_leaves_everything_running(system: System):
    records = [(system.state / f"run/{name}.json") for name in ("redis", "triton", "gateway")]
    before = [record.read_text() for record in records]
    system.make("start")
    assert [record.read_text() for record in records] == before
