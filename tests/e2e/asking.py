"""Requests as a shop's own backend would send them."""

from collections.abc import Sequence

from recserve.v1 import recommendation_service_pb2 as pb

SECONDS = 5  # a busy machine; what is slow is another test's question
CONSENT = pb.Consent(personalization=True, logging=True)


def recommend(user: str = "", consent: pb.Consent | None = CONSENT, **more: object):
    """A request for products; `more` are further fields."""
    return pb.RecommendRequest(user_id=user, surface=pb.SURFACE_PRODUCT, consent=consent, **more)


def rank(user: str, item_ids: Sequence[str], consent: pb.Consent | None = CONSENT):
    return pb.RankRequest(
        user_id=user, surface=pb.SURFACE_PRODUCT, item_ids=item_ids, consent=consent
    )


def ids(answer: "pb.RecommendResponse | pb.RankResponse | pb.SimilarItemsResponse") -> list[str]:
    return [item.item_id for item in answer.items]


def scores(answer: "pb.RecommendResponse | pb.RankResponse") -> dict[str, float]:
    return {item.item_id: item.score for item in answer.items}
