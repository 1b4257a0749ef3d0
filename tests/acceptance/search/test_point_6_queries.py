"""Queries are words, whatever signs they hold, and are kept of those who agreed alone."""

from collections.abc import Callable
from random import Random

import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from tests.acceptance.made import Made
from tests.e2e.asking import SECONDS
from tests.e2e.shop import Shop

SIGNS = list("\"'()[]{}+-!^~*?:\\/&|<>=@#$%;,. \t\n\u0000\u200b\u202e")
WORDS = ["title:", "AND", "OR", "NOT", "TO", "milk", "*:*", "brand:[* TO *]", "/.*/", "洗发水", "é"]
FUZZED = 600


def test_point_6a_no_query_is_a_language(
    search: SearchServiceStub, measured: Callable[[str], None]
) -> None:
    draw = Random(6)
    for _ in range(FUZZED):
        query = "".join(draw.choices(SIGNS + WORDS, k=draw.randint(1, 30)))
        page = search.Search(search_pb.SearchRequest(query=query), timeout=SECONDS)
        assert len(page.items) > 0, query

    def total(query: str) -> int:
        found = search.Search(search_pb.SearchRequest(query=query), timeout=SECONDS)
        return int(found.total_size)

    assert total("milk") > 0
    for query in ("+(milk)", "-milk", '"milk', "/milk/ \\", "milk\n\u0000", "(((milk:"):
        assert total(query) == total("milk"), query
    measured(f"{FUZZED} queries of signs and words answered; signs change nothing")


@pytest.mark.parametrize("allowed", [True, False])
def test_point_6b_queries_are_logged_of_those_who_agree(
    search: SearchServiceStub,
    generated_shop: Made,
    allowed: bool,  # noqa: FBT001
    measured: Callable[[str], None],
) -> None:
    query = f"milk {'yes' if allowed else 'no'} zqzq"
    shop = Shop(generated_shop.state)
    request = search_pb.SearchRequest(
        user_id=shop.users(1)[0],
        query=query,
        request_id=f"accept-{allowed}",
        consent=pb.Consent(personalization=True, logging=allowed),
    )
    search.Search(request, timeout=SECONDS)

    entry = shop.logged(f"accept-{allowed}")
    told = query.encode() in entry.SerializeToString()
    measured(f"consent to logging {allowed}: the query {'is' if told else 'is not'} in the log")
    assert told is allowed
