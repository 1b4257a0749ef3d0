import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.e2e.asking import SECONDS, recommend


def refusal(call: grpc.UnaryUnaryMultiCallable, request: object):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=SECONDS)
    return caught.value


def violations(error: grpc.RpcError) -> set[str]:
    """The fields that a google.rpc.BadRequest names."""
    status = rpc_status.from_call(error)
    assert status is not None
    found = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(found.DESCRIPTOR):
            detail.Unpack(found)
    return {violation.field for violation in found.field_violations}


def test_a_surface_that_is_not_served_is_unimplemented_and_named(stub: RecommendationServiceStub):
    error = refusal(stub.Recommend, pb.RecommendRequest(surface=pb.SURFACE_SEARCH))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "SURFACE_SEARCH" in error.details()


def test_every_wrong_field_is_named_at_once(stub: RecommendationServiceStub):
    wrong = pb.RecommendRequest(user_id="x" * 200, page_size=1_000)
    error = refusal(stub.Recommend, wrong)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == {"user_id", "surface", "page_size"}


def test_rank_without_items_names_the_field(stub: RecommendationServiceStub):
    error = refusal(stub.Rank, pb.RankRequest(surface=pb.SURFACE_PRODUCT))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error) == {"item_ids"}


def test_similar_items_of_an_unknown_item_are_not_found(stub: RecommendationServiceStub):
    error = refusal(stub.SimilarItems, pb.SimilarItemsRequest(item_id="999999999"))
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert "999999999" in error.details()


def test_deadlines_too_short_for_an_answer_end_the_calls_and_not_the_service(
    stub: RecommendationServiceStub,
):
    calls = [stub.Recommend.future(recommend(), timeout=ms / 1000) for ms in range(20)]
    codes = {call.code() for call in calls}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in codes
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert stub.Recommend(recommend(), timeout=SECONDS).items


def test_a_caller_without_a_deadline_is_answered(stub: RecommendationServiceStub):
    answer = stub.Recommend(recommend())
    assert answer.items
