import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.e2e.asking import CONSENT, SECONDS, ids, rank, recommend, scores
from tests.e2e.shop import Shop

UNKNOWN = "999999999"


def test_a_known_person_gets_ten_scored_items_and_the_whole_account_of_them(
    stub: RecommendationServiceStub, shop: Shop
):
    answer = stub.Recommend(recommend(shop.regular, request_id="e2e-1"), timeout=SECONDS)
    assert len(answer.items) == len(set(ids(answer))) == 10
    probabilities = [item.score for item in answer.items]
    assert all(item.HasField("score") and item.sources for item in answer.items)
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 < p < 1 for p in probabilities)
    told = answer.answer
    assert told.request_id == "e2e-1"
    assert told.request_token
    assert told.bundle_id == shop.bundle.bundle_id
    assert told.snapshot_version == shop.snapshot.version
    assert told.treatment == "default"
    assert {"hydrate", "retrieve", "rank"} <= {timing.stage for timing in told.timings}
    assert all(timing.duration_ms >= 0 for timing in told.timings)
    assert {count.source for count in told.candidate_counts} == {
        pb.CandidateSource.Value(f"CANDIDATE_SOURCE_{source.name.upper()}")
        for source in shop.bundle.policy.sources
    }
    assert told.HasField("oldest_feature_age_s")
    assert not told.degradations
    assert not told.cold_start


def test_an_unknown_person_gets_a_useful_cold_start(stub: RecommendationServiceStub):
    answer = stub.Recommend(recommend(UNKNOWN), timeout=SECONDS)
    assert answer.answer.cold_start
    assert len(answer.items) == 10
    assert not answer.answer.degradations
    assert all(item.HasField("score") for item in answer.items)


@pytest.mark.parametrize("consent", [None, pb.Consent(logging=True)])
def test_without_consent_a_known_person_gets_what_an_anonymous_visitor_gets(
    stub: RecommendationServiceStub, shop: Shop, consent: pb.Consent | None
):
    anonymous = stub.Recommend(recommend("", consent=None), timeout=SECONDS)
    answer = stub.Recommend(recommend(shop.regular, consent=consent), timeout=SECONDS)
    personal = stub.Recommend(recommend(shop.regular), timeout=SECONDS)
    assert ids(answer) == ids(anonymous)
    assert scores(answer) == pytest.approx(scores(anonymous), abs=1e-5)
    assert answer.answer.cold_start
    assert ids(personal) != ids(anonymous)


def test_page_size_and_exclusions_are_kept_and_counted(stub: RecommendationServiceStub, shop: Shop):
    first = stub.Recommend(recommend(shop.regular, page_size=3), timeout=SECONDS)
    assert len(first.items) == 3
    second = stub.Recommend(
        recommend(shop.regular, page_size=3, exclude_item_ids=ids(first)), timeout=SECONDS
    )
    assert not set(ids(first)) & set(ids(second))
    assert pb.REMOVAL_REASON_EXCLUDED in {removed.reason for removed in second.answer.removed}


def test_what_was_bought_before_can_be_left_out(stub: RecommendationServiceStub, shop: Shop):
    owned = {str(key) for key in shop.history["owned_item"][0]}
    usual = stub.Recommend(recommend(shop.regular), timeout=SECONDS)
    fresh = stub.Recommend(recommend(shop.regular, exclude_purchased=True), timeout=SECONDS)
    assert owned & set(ids(usual))
    assert not owned & set(ids(fresh))
    assert pb.REMOVAL_REASON_PURCHASED in {removed.reason for removed in fresh.answer.removed}


def test_rank_orders_the_callers_items_and_reports_those_it_does_not_know(
    stub: RecommendationServiceStub, shop: Shop
):
    known = [str(key) for key in shop.catalogue[:5]]
    asked = [known[0], UNKNOWN, *known[1:], "no number", known[0]]
    answer = stub.Rank(rank(shop.regular, asked), timeout=SECONDS)
    assert sorted(ids(answer)) == sorted(known)
    assert list(answer.unknown_item_ids) == [UNKNOWN, "no number"]
    assert [item.score for item in answer.items] == sorted(scores(answer).values(), reverse=True)
    assert {tuple(item.sources) for item in answer.items} == {(pb.CANDIDATE_SOURCE_REQUEST,)}


def test_similar_items_are_ordered_by_cosine_and_never_the_item_itself(
    stub: RecommendationServiceStub, shop: Shop
):
    item = str(shop.catalogue[shop.snapshot.popular[0]])
    answer = stub.SimilarItems(pb.SimilarItemsRequest(item_id=item, page_size=7), timeout=SECONDS)
    assert len(answer.items) == 7
    assert item not in ids(answer)
    cosines = [item.score for item in answer.items]
    assert cosines == sorted(cosines, reverse=True)
    assert all(-1.0001 <= cosine <= 1.0001 for cosine in cosines)


def test_the_log_entry_in_the_stream_is_the_answer_that_was_given(
    stub: RecommendationServiceStub, shop: Shop
):
    answer = stub.Recommend(recommend(shop.regular, request_id="e2e-log"), timeout=SECONDS)
    entry = shop.logged("e2e-log")
    assert entry.method == "Recommend"
    assert entry.answer == answer.answer
    assert entry.consent == CONSENT
    assert len(entry.user_hash) == 32
    assert [(slot.item_id, slot.slot) for slot in entry.slate] == [
        (item_id, slot) for slot, item_id in enumerate(ids(answer))
    ]
    assert [slot.score for slot in entry.slate] == [item.score for item in answer.items]
    views = {view.name for view in shop.bundle.plan.views_of("user")}
    assert {row.view for row in entry.rows} == views


def test_without_consent_to_logging_the_entry_holds_no_trace_of_the_person(
    stub: RecommendationServiceStub, shop: Shop
):
    consent = pb.Consent(personalization=True)
    stub.Recommend(
        recommend(shop.regular, consent=consent, request_id="e2e-private"), timeout=SECONDS
    )
    assert shop.logged("e2e-private").user_hash == b""
