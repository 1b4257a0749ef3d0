import pytest
from recserve.v1 import recommendation_service_pb2 as pb

from tests.unit.training.evaluation.gateways import answering, page
from training.errors import GatewayError
from training.evaluation.gateway_client import CONCURRENCY, degradation, gateway, recommend_all


async def test_answers_come_in_the_order_of_the_requests() -> None:
    told = 0

    def answered() -> None:
        nonlocal told
        told += 1

    asked = [pb.RecommendRequest(user_id=str(n)) for n in range(50)]
    async with answering(lambda request: page(request.user_id)) as (endpoint, service):
        found = await recommend_all(endpoint, asked, answered)
    assert [one.response.items[0].item_id for one in found] == [str(n) for n in range(50)]
    assert told == 50
    assert service.most_under_way <= CONCURRENCY
    assert all(one.milliseconds > 0 for one in found)


async def test_no_gateway_is_one_sentence_that_says_what_to_do() -> None:
    with pytest.raises(
        GatewayError, match=r"^no gateway answers at 127.0.0.1:1; start it with `make up`$"
    ):
        await recommend_all("127.0.0.1:1", [pb.RecommendRequest()], lambda: None)


async def test_a_refused_request_is_told_with_its_status() -> None:
    def refusing(request: pb.RecommendRequest) -> pb.RecommendResponse:
        raise ValueError("user_id: must be digits")

    async with answering(refusing) as (endpoint, _):
        with pytest.raises(GatewayError, match=r"INVALID_ARGUMENT: user_id: must be digits$"):
            await recommend_all(endpoint, [pb.RecommendRequest()], lambda: None)


async def test_a_failure_inside_a_conversation_is_translated_too() -> None:
    with pytest.raises(GatewayError, match="make up"):
        async with gateway("127.0.0.1:1") as service:
            await service.SimilarItems(pb.SimilarItemsRequest())


def test_a_degradation_is_told_in_words() -> None:
    one = pb.Degradation(
        stage="rank",
        reason=pb.DEGRADATION_REASON_TIMEOUT,
        action=pb.DEGRADATION_ACTION_UNRANKED,
        detail="triton-0",
    )
    assert degradation(one) == "rank: timeout, unranked (triton-0)"
