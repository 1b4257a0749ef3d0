"""Filters, seeds, offers and explanations of the running system, against what is stored and ranked."""

import math

import numpy as np
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from serving.features.keys import string_key
from tests.e2e.asking import CONSENT, SECONDS, ids, rank, recommend, scores
from tests.e2e.shop import Shop

OFFERS = [pb.SURFACE_AD, pb.SURFACE_MEMBERSHIP_OFFER, pb.SURFACE_PROMOTION]


def column(shop: Shop, name: str, item_ids: list[str]) -> np.ndarray:
    """What the snapshot holds for these items in `<view>.<column>`."""
    snapshot = shop.snapshot
    rows = snapshot.positions(np.array(item_ids, dtype=np.int64))
    integer = name in snapshot.int64_columns
    block = snapshot.int64 if integer else snapshot.float32
    return block[rows, snapshot.columns("int64" if integer else "float32", [name])[0]]


def test_returned_items_pass_the_filters_by_what_the_snapshot_holds(
    stub: RecommendationServiceStub, shop: Shop
):
    every = stub.Recommend(recommend(shop.regular, page_size=100), timeout=SECONDS)
    middle = float(np.median(column(shop, "item_activity.price_91d", ids(every))))
    dear = [pb.Filter(field="price_91d", minimum=middle)]
    answer = stub.Recommend(recommend(shop.regular, page_size=100, filters=dear), timeout=SECONDS)
    prices = column(shop, "item_activity.price_91d", ids(answer))
    assert len(prices) == 100
    assert (prices >= np.float32(middle)).all()
    (removed,) = answer.answer.removed
    assert removed.reason == pb.REMOVAL_REASON_FILTERED


def test_a_category_is_filtered_by_its_own_words(stub: RecommendationServiceStub, shop: Shop):
    words = shop.vocabulary("department")
    one = [pb.Filter(field="department", any_of=words[:1])]
    others = [pb.Filter(field="department", any_of=words[:1], exclude=True)]
    inside = stub.Recommend(recommend(shop.regular, filters=one), timeout=SECONDS)
    outside = stub.Recommend(recommend(shop.regular, filters=others), timeout=SECONDS)
    key = string_key(words[0])
    assert set(column(shop, "item_profile.department", ids(inside))) == {key}
    assert key not in set(column(shop, "item_profile.department", ids(outside)))


@pytest.mark.parametrize("exclude", [False, True], ids=["few", "many"])
def test_the_tower_fills_its_list_from_within_the_filter(
    stub: RecommendationServiceStub, shop: Shop, *, exclude: bool
):
    word = shop.vocabulary("department")[0]
    wish = pb.Filter(field="department", any_of=[word], exclude=exclude)
    every = [str(key) for key in shop.bundle.catalogue]
    inside = (column(shop, "item_profile.department", every) == string_key(word)) != exclude
    owned = set(shop.history["owned_item"][0])
    fresh = [key for key in shop.bundle.catalogue[inside].tolist() if key not in owned]
    request = recommend(
        shop.regular, page_size=100, filters=[wish], exclude_item_ids=map(str, fresh[:2])
    )
    answer = stub.Recommend(request, timeout=SECONDS)
    proposed = {c.source: c.count for c in answer.answer.candidate_counts}
    most = shop.bundle.manifest["training"]["parameters"]["retrieved"]
    assert shop.searches
    for name in shop.searches:
        source = pb.CandidateSource.Value(f"CANDIDATE_SOURCE_{name.upper()}")
        assert proposed[source] == min(most, len(fresh) - 2)


def test_the_score_of_a_filtered_item_is_the_same_as_without(
    stub: RecommendationServiceStub, shop: Shop
):
    words = shop.vocabulary("department")
    one = [pb.Filter(field="department", any_of=words[:1])]
    inside = stub.Recommend(recommend(shop.regular, filters=one), timeout=SECONDS)
    ranked = stub.Rank(rank(shop.regular, ids(inside)), timeout=SECONDS)
    assert scores(inside) == pytest.approx(scores(ranked), abs=1e-5)


@pytest.mark.parametrize("surface", OFFERS)
def test_an_offer_is_as_probable_as_one_of_its_items(
    stub: RecommendationServiceStub, shop: Shop, surface: int
):
    request = pb.RecommendRequest(
        user_id=shop.regular, surface=surface, page_size=100, consent=CONSENT
    )
    answer = stub.Recommend(request, timeout=SECONDS)
    assert answer.items
    small = [offer for offer in answer.items if len(offer.target_item_ids) < 10]
    for offer in small:
        item_ids = list(offer.target_item_ids)
        p = scores(stub.Rank(rank(shop.regular, item_ids), timeout=SECONDS))
        assert offer.score == pytest.approx(1 - math.prod(1 - p[i] for i in item_ids), abs=1e-5)
        assert item_ids == sorted(item_ids, key=lambda i: -p[i])


def test_explanations_leave_the_answer_as_it_is(stub: RecommendationServiceStub, shop: Shop):
    plain = stub.Recommend(recommend(shop.regular), timeout=SECONDS)
    told = stub.Recommend(recommend(shop.regular, explain=True), timeout=SECONDS)
    assert ids(told) == ids(plain)
    views = {v.name for v in shop.bundle.plan.views.values()}
    for item in told.items:
        assert {c.view for c in item.explanation.contributions} <= views
        sizes = [abs(c.log_odds) for c in item.explanation.contributions]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] > 0


def test_what_is_not_read_of_a_person_moves_nothing(stub: RecommendationServiceStub, shop: Shop):
    """Taking a view away that is missing anyway changes no score."""
    told = stub.Recommend(recommend(shop.regular, consent=None, explain=True), timeout=SECONDS)
    for item in told.items:
        effects = {c.view: c.log_odds for c in item.explanation.contributions}
        assert {name: e for name, e in effects.items() if name.startswith("user_")} == {
            name: pytest.approx(0, abs=1e-4) for name in effects if name.startswith("user_")
        }
