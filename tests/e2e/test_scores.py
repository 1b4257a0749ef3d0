from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tritonclient.grpc as triton
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from serving.features.store import RowStore
from serving.local.addresses import redis_url
from tests.e2e.asking import SECONDS, ids, rank, recommend, scores
from tests.e2e.recomputed import probabilities
from tests.e2e.shop import Shop
from tests.e2e.system import System
from training.offline import Models

TOLERANCE = 1e-4
PEOPLE = 12
VIEW = "user_activity"
Overwrite = Callable[[str], int]


def test_the_answer_equals_an_offline_recomputation_from_the_same_rows(
    stub: RecommendationServiceStub, shop: Shop, models: Models
):
    for user in shop.users(PEOPLE):
        answer = stub.Recommend(
            recommend(user, page_size=50, request_id=f"re-{user}"), timeout=SECONDS
        )
        at_us = shop.logged(f"re-{user}").admitted_at_us
        expected = probabilities(models, shop, user, ids(answer), at_us)
        np.testing.assert_allclose(list(scores(answer).values()), expected, atol=TOLERANCE)


def test_a_strangers_answer_equals_the_recomputation_without_rows(
    stub: RecommendationServiceStub, shop: Shop, models: Models
):
    answer = stub.Recommend(recommend(page_size=50, request_id="re-nobody"), timeout=SECONDS)
    at_us = shop.logged("re-nobody").admitted_at_us
    expected = probabilities(models, shop, None, ids(answer), at_us)
    np.testing.assert_allclose(list(scores(answer).values()), expected, atol=TOLERANCE)


@pytest.fixture
def overwrite(shop: Shop, system: System) -> Iterator[Overwrite]:
    """Replaces a user's activity, as a job would, by a year without a purchase; undone afterwards."""
    layout = shop.bundle.plan.views[VIEW].layout
    stored: dict[bytes, bytes] = {}

    def write(user: str) -> int:
        key = shop.row_key(user, VIEW)
        packed = shop.redis.get(key)
        assert packed is not None
        stored[key] = packed
        row = layout.empty(1)
        row["event_time_us"] = layout.read(packed)["event_time_us"] + 1_000_000
        for column in layout.columns:
            row[column.name] = 0
        with RowStore(redis_url(system.state), shop.bundle.plan.project) as store:
            return store.write(VIEW, "user_id", np.array([int(user)]), row)

    yield write
    for key, packed in stored.items():
        shop.redis.set(key, packed)


def test_a_changed_row_changes_the_scores_to_what_the_new_row_says(
    stub: RecommendationServiceStub, shop: Shop, models: Models, overwrite: Overwrite
):
    user = shop.regular
    items = ids(stub.Recommend(recommend(user, page_size=20), timeout=SECONDS))
    before = scores(stub.Rank(rank(user, items), timeout=SECONDS))
    assert overwrite(user) == 1
    request = rank(user, items)
    request.request_id = "re-changed"
    after = stub.Rank(request, timeout=SECONDS)
    moved = [abs(scores(after)[item] - before[item]) for item in items]
    assert max(moved) > 10 * TOLERANCE
    at_us = shop.logged("re-changed").admitted_at_us
    expected = probabilities(models, shop, user, ids(after), at_us)
    np.testing.assert_allclose(list(scores(after).values()), expected, atol=TOLERANCE)


def test_an_items_score_does_not_depend_on_the_items_asked_with_it(
    stub: RecommendationServiceStub, shop: Shop
):
    items = [str(key) for key in shop.catalogue[:70]]  # two widths: 70 are padded to 128
    together = scores(stub.Rank(rank(shop.regular, items), timeout=SECONDS))
    for item in items[:5]:
        alone = scores(stub.Rank(rank(shop.regular, [item]), timeout=SECONDS))
        assert alone[item] == pytest.approx(together[item], abs=1e-5)


def executions(client: triton.InferenceServerClient, model: str) -> tuple[int, int]:
    found = client.get_inference_statistics(model).model_stats[0]
    return int(found.inference_count), int(found.execution_count)


def test_concurrent_requests_share_executions(
    stub: RecommendationServiceStub, shop: Shop, system: System
):
    """While one is executed the others wait, and are then executed together."""
    users = shop.users(6)
    items, member = [str(key) for key in shop.catalogue[:50]], shop.bundle.policy.members[0]
    with triton.InferenceServerClient(system.triton) as client:
        for _ in range(200):
            inferences, runs = executions(client, member)
            calls = [stub.Rank.future(rank(user, items), timeout=SECONDS) for user in users]
            assert [len(call.result().items) for call in calls] == [50] * len(users)
            more_inferences, more_runs = executions(client, member)
            assert more_inferences - inferences == len(users)
            if more_runs - runs < len(users):
                return
    pytest.fail("no two of six concurrent requests ran as one execution")
