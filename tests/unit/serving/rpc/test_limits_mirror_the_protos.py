"""What a field's comment says is refused, the validation refuses, and nothing short of it."""

import re
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import status_service_pb2 as status_pb

from protos.descriptors import Api, read_api, short
from serving.errors import InvalidRequest
from serving.features.filter_fields import filter_fields
from serving.rpc.event_validation import require_events
from serving.rpc.search_validation import require_suggest, search_query
from serving.rpc.validation import (
    IdKind,
    rank_query,
    recommend_query,
    require_request_id,
    similar_query,
)
from tests.fakes.shop import shop_plan
from tests.meta.proto_rules import resolved
from tests.unit.serving.rpc.limit_requests import (
    EVENT_TOKENS,
    NOW_US,
    PAGE_TOKENS,
    TOKEN,
    TOKENS,
    Limit,
)
from tests.unit.serving.rpc.proto_limits import LIMITS

EACH = [(name, limit) for name, limits in LIMITS.items() for limit in limits]
FIELDS = filter_fields(shop_plan())
NUMBER = re.compile(r"\d[\d,-]*(?<![,-])")
# Numbers that are no limits: the start and the default of a page's size, a standard's, a remark's.
REMARKS = {
    "page_size": {"1", "10"},
    "language_code": {"47"},
    "explain": {"100"},
    "query": {"32"},
}


@pytest.fixture(scope="module")
def api() -> Api:
    return read_api()


def test_every_field_that_a_caller_can_send_has_an_entry(api: Api):
    assert set(LIMITS) == {short(f.full_name) for m in api.requests() for f in m.fields}


def test_only_flags_and_messages_with_limits_of_their_own_have_none(api: Api):
    for message in api.requests():
        for field in message.fields:
            composed = field.message_type in api.requests() and not field.is_repeated
            free = field.type == field.TYPE_BOOL or composed
            assert (LIMITS[short(field.full_name)] == ()) == free, field.full_name


@pytest.mark.parametrize(
    ("name", "limit"), EACH, ids=[f"{name} {limit.said}" for name, limit in EACH]
)
def test_a_limit_may_be_reached_and_not_passed(name: str, limit: Limit):
    assert refused(limit.kept, limit.id_kind) == set()
    assert refused(limit.broken, limit.id_kind) == {limit.names}
    assert name.partition(".")[2] in limit.names


@pytest.mark.parametrize("name", LIMITS)
def test_the_comment_states_the_limits_that_are_tested_and_no_others(name: str, api: Api):
    assert unstated(name, api) == set()
    assert untested(name, api) == set()


def test_a_comment_that_drifted_is_noticed(api: Api):
    name = "Event.slot"
    drifted = api.comments[name].replace("999", "1,999")
    other = replace(api, comments={**api.comments, name: drifted})
    assert unstated(name, other) == {"999"}
    assert untested(name, other) == {"1,999"}


def test_the_size_of_a_page_is_by_default_what_the_comment_says(api: Api):
    query = recommend_query(pb.RecommendRequest(surface=pb.SURFACE_PRODUCT), "string")
    assert f"0 means {query.page_size}" in api.comments["RecommendRequest.page_size"]


def test_the_longest_token_is_as_long_as_the_comments_say(api: Api):
    said = f"at most {len(TOKEN)} characters"
    assert said in api.comments["Answer.request_token"]
    assert said in api.comments["Event.request_token"]


def unstated(name: str, api: Api) -> set[str]:
    """Limits that the comment does not tell: numbers as they stand, others word for word."""
    comment = resolved(name, api)
    numbers = set(NUMBER.findall(comment))
    said = {limit.said for limit in LIMITS[name]}
    return {one for one in said if one not in (numbers if NUMBER.fullmatch(one) else comment)}


def untested(name: str, api: Api) -> set[str]:
    """Numbers that the comment tells and the table does not know."""
    said = " ".join(limit.said for limit in LIMITS[name])
    remarks = REMARKS.get(name.partition(".")[2], set())
    return set(NUMBER.findall(resolved(name, api))) - set(NUMBER.findall(said)) - remarks


def refused(request: Message, id_kind: IdKind) -> set[str]:
    """The fields that the validation refuses."""
    try:
        validate(request, id_kind)
    except InvalidRequest as error:
        return {violation.field for violation in error.violations}
    return set()


def validate(request: Message, id_kind: IdKind) -> None:
    match request:
        case pb.RecommendRequest():
            recommend_query(request, id_kind, FIELDS, EVENT_TOKENS)
        case pb.RankRequest():
            rank_query(request, id_kind, EVENT_TOKENS)
        case pb.SimilarItemsRequest():
            similar_query(request, id_kind, FIELDS)
        case search_pb.SearchRequest():
            search_query(request, id_kind, FIELDS, EVENT_TOKENS, PAGE_TOKENS)
        case search_pb.SuggestRequest():
            require_suggest(request, id_kind)
        case event_pb.RecordEventsRequest():
            require_events(request, id_kind, NOW_US, TOKENS)
        case status_pb.GetStatusRequest():
            require_request_id(request.request_id, id_kind)
        case _:
            pytest.fail(f"nothing validates a {type(request).__name__}")
