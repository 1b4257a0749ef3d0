"""What a gateway answers when Triton is away; one gateway, left as it is by every test."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client.multiprocess import MultiProcessCollector
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.request_log_pb2 import RequestLogEntry

from serving.features.redis_keys import request_log_stream
from serving.process.health import PUBLIC, SERVICES
from tests.integration.gateway import tiny
from tests.integration.gateway.running import (
    PERSONAL,
    ROOT,
    Gateway,
    RedisClient,
    connected,
    eventually,
    recommend,
)

HEAVY = ("torch", "feast", "polars", "pandas", "onnxruntime", "training", "feature_repo")


def test_the_gateway_is_ready_without_triton(gateway: Gateway) -> None:
    assert gateway.get("/readyz") == (200, "2 of 2 workers serve\n")
    assert gateway.get("/livez")[0] == 200
    assert gateway.get("/elsewhere") == (404, "known are /livez, /readyz, /metrics\n")


def test_an_answer_without_triton_is_the_popular_items_and_says_so(gateway: Gateway) -> None:
    response = recommend(gateway)
    assert [item.item_id for item in response.items] == ["100", "101", "102", "103", "104"]
    assert all(list(i.sources) == [pb.CANDIDATE_SOURCE_POPULAR] for i in response.items)
    assert not any(item.HasField("score") for item in response.items)
    actions = {d.stage: d.action for d in response.answer.degradations}
    assert actions["rank"] == pb.DEGRADATION_ACTION_UNRANKED
    assert actions["two_tower"] == pb.DEGRADATION_ACTION_DROPPED_SOURCE
    assert response.answer.snapshot_version == "first"


def test_metrics_add_up_the_figures_of_all_workers(gateway: Gateway, tmp_path: Path) -> None:
    run = Path(gateway.log).parent / "run" / "gateway-metrics"

    def answered(worker: int) -> float:
        families = MultiProcessCollector.merge([str(run / f"counter_{worker}.db")])
        samples = [s for f in families for s in f.samples if s.name == "recserve_requests_total"]
        return sum(s.value for s in samples if s.labels["method"] == "Recommend")

    def both_answered() -> bool:
        recommend(gateway)
        return all(answered(worker) > 0 for worker in gateway.workers())

    eventually(both_answered, "each of the two workers has answered")
    total = gateway.figure("recserve_requests_total", method="Recommend", code="OK")
    assert total == sum(answered(worker) for worker in gateway.workers())
    assert gateway.figure("recserve_workers_serving") == 2
    assert gateway.figure("recserve_artefact_info", kind="snapshot", version="first") == 1


@pytest.mark.parametrize("service", SERVICES)
def test_health_knows_the_server_and_the_service(gateway: Gateway, service: str) -> None:
    with connected(gateway) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        reply = health_pb2_grpc.HealthStub(channel).Check(request)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(gateway: Gateway) -> None:
    request = health_pb2.HealthCheckRequest(service="recserve.v1.Absent")
    with connected(gateway) as channel, pytest.raises(grpc.RpcError) as raised:
        health_pb2_grpc.HealthStub(channel).Check(request)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    assert "recserve.v1.RecommendationService" in raised.value.details()


@pytest.mark.parametrize("method", ["Recommend", "Rank", "SimilarItems"])
def test_bytes_that_are_no_request_are_an_invalid_argument(gateway: Gateway, method: str) -> None:
    with connected(gateway) as channel:
        call = channel.unary_unary(f"/{SERVICES[1]}/{method}")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"\xff\xff\xff")
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert f"the bytes are no {method}Request" in raised.value.details()


def test_far_too_many_ids_are_an_invalid_argument_that_names_the_limit(gateway: Gateway) -> None:
    few, many = ["1" * 128] * 5_000, ["1" * 128] * 20_000  # below 1 MiB and above
    for item_ids, told in ((few, "at most 1000 are allowed"), (many, "at most 1048576 are")):
        request = pb.RecommendRequest(surface=pb.SURFACE_PRODUCT, exclude_item_ids=item_ids)
        with pytest.raises(grpc.RpcError) as raised:
            recommend(gateway, request)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert told in raised.value.details()


def test_reflection_lists_the_services(gateway: Gateway) -> None:
    with connected(gateway) as channel:
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (reply,) = stub.ServerReflectionInfo(iter([asked]))
    names = {service.name for service in reply.list_services_response.service}
    assert {*PUBLIC, "grpc.health.v1.Health"} <= names


def test_answers_arrive_in_the_request_log(gateway: Gateway, redis_client: RedisClient) -> None:
    token = recommend(gateway, PERSONAL).answer.request_token

    def logged() -> list[RequestLogEntry]:
        stored = redis_client.xrange(request_log_stream(tiny.PROJECT))
        entries = [RequestLogEntry.FromString(fields[b"entry"]) for _, fields in stored]
        return [entry for entry in entries if entry.answer.request_token == token]

    eventually(logged, "the answer is in the log")
    (entry,) = logged()
    assert entry.method == "Recommend"
    assert len(entry.user_hash) == 32
    assert [item.item_id for item in entry.slate] == ["100", "101", "102", "103", "104"]


def test_one_person_has_one_hash_on_every_worker(
    gateway: Gateway, redis_client: RedisClient
) -> None:
    before = redis_client.xlen(request_log_stream(tiny.PROJECT))
    for _ in range(12):
        recommend(gateway, PERSONAL)
    eventually(
        lambda: redis_client.xlen(request_log_stream(tiny.PROJECT)) >= before + 12, "all are logged"
    )
    stored = redis_client.xrevrange(request_log_stream(tiny.PROJECT), count=12)
    entries = [RequestLogEntry.FromString(fields[b"entry"]) for _, fields in stored]
    assert len({entry.user_hash for entry in entries if entry.user_hash}) == 1


def test_a_worker_holds_none_of_the_offline_libraries(gateway: Gateway) -> None:
    recommend(gateway)
    mapped = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in gateway.workers())
    assert "grpc" in mapped
    assert [name for name in HEAVY if f"/{name}/" in mapped] == []
    printing = "import sys, serving.process.worker, serving.app; print(*sys.modules)"
    imported = subprocess.run(
        [sys.executable, "-c", printing], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "serving.pipeline" in imported
    assert [name for name in imported if name.split(".")[0] in HEAVY] == []
