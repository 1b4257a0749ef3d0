from collections.abc import Callable

import pytest
from recserve.v1 import recommendation_service_pb2 as pb

from serving.errors import InvalidRequest
from serving.features.keys import string_key
from serving.rpc.validation import LISTED, rank_query, recommend_query, similar_query
from serving.types import Consent, Context, Person

LONG = "9" * 129
PRODUCT = pb.SURFACE_PRODUCT


def recommend(**fields: object) -> pb.RecommendRequest:
    return pb.RecommendRequest(**{"surface": PRODUCT, **fields})


def rank(**fields: object) -> pb.RankRequest:
    return pb.RankRequest(**{"surface": PRODUCT, "item_ids": ["1"], **fields})


def similar(**fields: object) -> pb.SimilarItemsRequest:
    return pb.SimilarItemsRequest(**{"item_id": "1", **fields})


def violations(call: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        call()
    return {v.field: v.description for v in caught.value.violations}


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"user_id": LONG}, "user_id", "128"),
        ({"user_id": "é" * 65}, "user_id", "130 bytes"),
        ({"user_id": "anna"}, "user_id", "decimal digits"),
        ({"user_id": "-1"}, "user_id", "decimal digits"),
        ({"user_id": "٣"}, "user_id", "decimal digits"),
        ({"user_id": str(2**63)}, "user_id", "2^63"),
        ({"surface": 0}, "surface", "required"),
        ({"surface": 99}, "surface", "99"),
        ({"page_size": -1}, "page_size", "100"),
        ({"page_size": 101}, "page_size", "100"),
        ({"exclude_item_ids": ["1"] * 1001}, "exclude_item_ids", "1000"),
        ({"exclude_item_ids": ["1", LONG]}, "exclude_item_ids[1]", "128"),
        ({"request_id": "x" * 65}, "request_id", "64"),
        ({"request_id": "a\nb"}, "request_id", "ASCII"),
        ({"request_id": "ä"}, "request_id", "ASCII"),
    ],
)
def test_recommend_names_the_field_and_its_limit(fields: dict[str, object], field: str, limit: str):
    found = violations(lambda: recommend_query(recommend(**fields), "integer"))
    assert list(found) == [field]
    assert limit in found[field]


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"item_ids": []}, "item_ids", "1 to 1000"),
        ({"item_ids": ["1"] * 1001}, "item_ids", "1 to 1000"),
        ({"item_ids": ["1", ""]}, "item_ids[1]", "1 to 128"),
        ({"item_ids": [LONG]}, "item_ids[0]", "129 bytes"),
        ({"user_id": "anna"}, "user_id", "decimal digits"),
        ({"surface": 0}, "surface", "required"),
        ({"request_id": "x" * 65}, "request_id", "64"),
    ],
)
def test_rank_names_the_field_and_its_limit(fields: dict[str, object], field: str, limit: str):
    found = violations(lambda: rank_query(rank(**fields), "integer"))
    assert list(found) == [field]
    assert limit in found[field]


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"item_id": ""}, "item_id", "1 to 128"),
        ({"item_id": LONG}, "item_id", "129 bytes"),
        ({"page_size": 101}, "page_size", "100"),
        ({"exclude_item_ids": [LONG]}, "exclude_item_ids[0]", "128"),
        ({"request_id": "x" * 65}, "request_id", "64"),
    ],
)
def test_similar_names_the_field_and_its_limit(fields: dict[str, object], field: str, limit: str):
    found = violations(lambda: similar_query(similar(**fields), "integer"))
    assert list(found) == [field]
    assert limit in found[field]


@pytest.mark.parametrize(
    ("context", "field", "limit"),
    [
        ({"session_id": LONG}, "session_id", "129 bytes"),
        ({"placement_id": "x" * 65}, "placement_id", "64"),
        ({"placement_id": "é"}, "placement_id", "ASCII"),
        ({"device": 99}, "device", "the devices are 0, 1"),
        ({"language_code": "pt_BR"}, "language_code", "hyphens"),
        ({"language_code": "x" * 36}, "language_code", "35"),
    ],
)
def test_the_context_names_the_field_and_its_limit(
    context: dict[str, object], field: str, limit: str
):
    for ask in (
        lambda: recommend_query(recommend(context=context), "integer"),
        lambda: rank_query(rank(context=context), "integer"),
    ):
        found = violations(ask)
        assert list(found) == [f"context.{field}"]
        assert limit in found[f"context.{field}"]


def test_a_context_is_taken_as_given():
    looking = {"session_id": "s", "placement_id": "top", "device": 2, "language_code": "pt-BR"}
    found = recommend_query(recommend(context=looking), "integer").context
    assert found == Context("s", "top", "DEVICE_PHONE", "pt-BR")
    assert recommend_query(recommend(), "integer").context is None


def test_seeds_are_taken_once_each_and_no_more_than_sixteen():
    query = recommend_query(recommend(seed_item_ids=["7", "no id", "007", "8", ""]), "integer")
    assert query.seeds == (7, 8)
    found = violations(lambda: recommend_query(recommend(seed_item_ids=["7"] * 17), "integer"))
    assert found == {"seed_item_ids": "has 17 ids; at most 16 are allowed"}
    found = violations(lambda: recommend_query(recommend(seed_item_ids=["7", LONG]), "integer"))
    assert list(found) == ["seed_item_ids[1]"]


def test_no_more_than_sixteen_filters_are_read():
    for ask in (
        lambda: recommend_query(recommend(filters=[pb.Filter()] * 17), "integer"),
        lambda: similar_query(similar(filters=[pb.Filter()] * 17), "integer"),
    ):
        assert violations(ask) == {"filters": "has 17 filters; at most 16 are allowed"}


def test_all_violations_are_told_at_once():
    request = recommend(user_id="anna", surface=0, page_size=101, request_id="x" * 65)
    found = violations(lambda: recommend_query(request, "integer"))
    assert set(found) == {"user_id", "surface", "page_size", "request_id"}


def test_many_bad_ids_are_summed_up():
    found = violations(
        lambda: recommend_query(recommend(exclude_item_ids=[LONG] * 1000), "integer")
    )
    assert len(found) == LISTED + 1
    assert str(1000 - LISTED) in found["exclude_item_ids"]


def test_the_limits_themselves_are_allowed():
    request = recommend(
        user_id=str(2**63 - 1),
        page_size=100,
        exclude_item_ids=["9" * 128] * 1000,
        request_id="~" * 64,
    )
    query = recommend_query(request, "integer")
    assert query.page_size == 100
    assert query.person.key == 2**63 - 1
    assert len(rank_query(rank(item_ids=map(str, range(1000))), "integer").items) == 1000


def test_what_is_not_given_takes_its_default():
    query = recommend_query(recommend(), "integer")
    assert query.person == Person("", None, Consent())
    assert (query.page_size, query.exclude_purchased, query.excluded) == (10, False, frozenset())


def test_consent_is_taken_as_given():
    request = recommend(user_id="5", consent=pb.Consent(personalization=True))
    assert recommend_query(request, "integer").person.consent == Consent(True, False)


def test_text_ids_are_keys_of_their_text():
    request = recommend(user_id="anna", exclude_item_ids=["b", ""])
    query = recommend_query(request, "string")
    assert query.person.key == string_key("anna")
    assert query.excluded == {string_key("b")}


def test_ids_that_cannot_be_items_are_ignored_or_unknown():
    assert recommend_query(recommend(exclude_item_ids=["x", "7"]), "integer").excluded == {7}
    assert rank_query(rank(item_ids=["x", "7", "x"]), "integer").items == (("x", None), ("7", 7))
    assert similar_query(similar(item_id="x"), "integer").item_key is None


def test_one_person_is_one_person_however_the_number_is_written():
    asked = [recommend_query(recommend(user_id=u), "integer").person for u in ("7", "007")]
    assert asked[0] == asked[1]
    texts = [recommend_query(recommend(user_id=u), "string").person for u in ("7", "007")]
    assert texts[0] != texts[1]
