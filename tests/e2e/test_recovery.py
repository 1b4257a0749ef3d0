import json
import os
import signal

from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.e2e.asking import SECONDS, recommend
from tests.e2e.patience import eventually
from tests.e2e.shop import Shop
from tests.e2e.system import System


def test_without_triton_answers_are_unranked_and_after_a_start_they_are_scored_again(
    stub: RecommendationServiceStub, shop: Shop, system: System
):
    triton = json.loads((system.state / "run/triton.json").read_text())
    os.kill(triton["pid"], signal.SIGKILL)
    answer = stub.Recommend(recommend(shop.regular), timeout=SECONDS)
    assert len(answer.items) == 10
    assert not any(item.HasField("score") for item in answer.items)
    done = {d.stage: d.action for d in answer.answer.degradations}
    assert done["rank"] == pb.DEGRADATION_ACTION_UNRANKED
    assert shop.searches
    for name in shop.searches:
        assert done[name] == pb.DEGRADATION_ACTION_DROPPED_SOURCE

    assert "Triton starts: it had ended by itself" in system.make("start").stdout

    def whole() -> pb.RecommendResponse | None:
        again = stub.Recommend(recommend(shop.regular), timeout=SECONDS)
        return None if again.answer.degradations else again

    assert all(item.HasField("score") for item in eventually(whole, "a whole answer").items)
