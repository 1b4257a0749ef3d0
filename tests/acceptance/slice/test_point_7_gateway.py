"""The gateway as a caller meets it."""

import re
import urllib.request
from collections.abc import Callable, Iterator

import grpc
import pytest
import redis
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs
from recserve.v1 import request_log_pb2

from serving.local.addresses import redis_url
from tests.acceptance.made import Made
from tests.e2e.asking import SECONDS, ids, rank, recommend
from tests.e2e.patience import eventually
from training.demo import lively_user
from training.evaluation.held_out import read_purchases

SERVICE = "recserve.v1.RecommendationService"
CALLS = 40


@pytest.fixture
def channel(quick: Made) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(quick.system.gateway) as channel:
        yield channel


@pytest.fixture
def service(channel: grpc.Channel) -> stubs.RecommendationServiceStub:
    return stubs.RecommendationServiceStub(channel)


@pytest.fixture(scope="module")
def known(quick: Made) -> str:
    purchases = read_purchases(quick.state)
    return lively_user(purchases, purchases["time"].max())


def refusal(call: grpc.UnaryUnaryMultiCallable, request: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=SECONDS)
    return caught.value


def test_point_7a_recommend_rank_and_similar(
    service: stubs.RecommendationServiceStub, known: str, measured: Callable[[str], None]
) -> None:
    answer = service.Recommend(recommend(known, page_size=20), timeout=SECONDS)
    scores = [item.score for item in answer.items]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    assert not answer.answer.cold_start
    assert not answer.answer.degradations
    ranked = service.Rank(rank(known, [*reversed(ids(answer)), "999999999"]), timeout=SECONDS)
    assert ids(ranked) == ids(answer)
    assert list(ranked.unknown_item_ids) == ["999999999"]
    near = service.SimilarItems(
        pb.SimilarItemsRequest(item_id=answer.items[0].item_id), timeout=SECONDS
    )
    assert len(near.items) == 10
    assert answer.items[0].item_id not in ids(near)
    stages = sum(t.duration_ms for t in answer.answer.timings)
    measured(
        f"{stages:.0f} ms in stages, oldest feature {answer.answer.oldest_feature_age_s:.0f} s"
    )


def test_point_7b_cold_start_and_consent(
    service: stubs.RecommendationServiceStub, known: str, measured: Callable[[str], None]
) -> None:
    nobody = service.Recommend(recommend("999999999"), timeout=SECONDS)
    assert nobody.answer.cold_start
    assert len(nobody.items) == 10
    without = service.Recommend(recommend(known, consent=pb.Consent()), timeout=SECONDS)
    assert without.answer.cold_start
    assert ids(without) == ids(nobody)
    personal = service.Recommend(recommend(known), timeout=SECONDS)
    assert ids(personal) != ids(nobody)
    measured("10 items for nobody; without consent the same")


def test_point_7c_errors_tell_what_to_mend(
    service: stubs.RecommendationServiceStub, measured: Callable[[str], None]
) -> None:
    unserved = refusal(service.Recommend, pb.RecommendRequest(surface=pb.SURFACE_AD))
    assert unserved.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "SURFACE_AD" in unserved.details()
    wrong = refusal(service.Recommend, pb.RecommendRequest(page_size=101, request_id="r-1"))
    assert wrong.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(wrong)
    assert status is not None
    bad, info = error_details_pb2.BadRequest(), error_details_pb2.RequestInfo()
    assert any(detail.Unpack(bad) for detail in status.details)
    assert any(detail.Unpack(info) for detail in status.details)
    assert {v.field for v in bad.field_violations} == {"surface", "page_size"}
    assert info.request_id == "r-1"
    missing = refusal(service.SimilarItems, pb.SimilarItemsRequest(item_id="999999999"))
    assert missing.code() is grpc.StatusCode.NOT_FOUND
    measured("UNIMPLEMENTED, INVALID_ARGUMENT with 2 fields, NOT_FOUND")


def test_point_7d_health_and_reflection(
    channel: grpc.Channel, quick: Made, measured: Callable[[str], None]
) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", SERVICE):
        request = health_pb2.HealthCheckRequest(service=name)
        answer = health.Check(request, timeout=SECONDS)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert SERVICE in ProtoReflectionDescriptorDatabase(channel).get_services()
    for path in ("/livez", "/readyz"):
        with urllib.request.urlopen(quick.system.http + path, timeout=SECONDS) as answer:
            assert answer.status == 200
    measured("SERVING")


def answered(quick: Made) -> int:
    """Recommend calls answered OK, summed over the workers."""
    with urllib.request.urlopen(quick.system.http + "/metrics", timeout=SECONDS) as page:
        lines = page.read().decode().splitlines()
    counts = (re.match(r"recserve_requests_total\{(.*)\} (\S+)$", line) for line in lines)
    return sum(
        int(float(found[2]))
        for found in counts
        if found and 'method="Recommend"' in found[1] and 'code="OK"' in found[1]
    )


def test_point_7e_metrics_count_every_worker(quick: Made, measured: Callable[[str], None]) -> None:
    before = answered(quick)
    for _ in range(CALLS):
        options = [("grpc.use_local_subchannel_pool", 1)]  # a connection each: another worker's
        with grpc.insecure_channel(quick.system.gateway, options=options) as one:
            stubs.RecommendationServiceStub(one).Recommend(recommend(), timeout=SECONDS)
    eventually(lambda: answered(quick) == before + CALLS or None, f"{CALLS} more answers")
    measured(f"{CALLS} of {CALLS} answers counted")


def test_point_7f_the_request_log_holds_the_answer(
    quick: Made,
    service: stubs.RecommendationServiceStub,
    known: str,
    measured: Callable[[str], None],
) -> None:
    asked = recommend(known, request_id="accept-logged")
    answer = service.Recommend(asked, timeout=SECONDS)
    store = redis.Redis.from_url(redis_url(quick.state))
    (stream,) = store.keys("recserve:{*}:request_log")

    def logged() -> request_log_pb2.RequestLogEntry | None:
        for _, fields in store.xrevrange(stream, count=50):
            entry = request_log_pb2.RequestLogEntry.FromString(fields[b"entry"])
            if entry.answer.request_id == "accept-logged":
                return entry
        return None

    entry = eventually(logged, "the log entry")
    store.close()
    assert [item.item_id for item in entry.slate] == ids(answer)
    assert known.encode() not in entry.user_hash
    assert len(entry.user_hash) == 32
    measured(f"{len(entry.slate)} slots, {len(entry.rows)} feature rows")
