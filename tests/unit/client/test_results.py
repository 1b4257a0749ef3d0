"""What the clients read, and what can be made of it."""

import json
import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from google.protobuf.json_format import MessageToDict
from recserve.client import QueryMatch, Slate, wire
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import status_service_pb2 as status_pb

from tests.fakes.scripted_gateway import deployment, slate
from tests.fakes.scripted_gateway import page as sent_page

EMPTY = wire.slate(pb.RecommendResponse())


@pytest.fixture
def found() -> Slate:
    return wire.slate(slate())


def test_a_slate_tells_all_that_was_sent(found: Slate) -> None:
    told = found.to_dict()
    sent = _without_prefixes(MessageToDict(slate(), preserving_proto_field_name=True))
    assert told.pop("unknown_item_ids") == []
    assert told.pop("stored_item_ids") == []
    assert told["items"].pop()["item_id"] == sent["items"].pop()["item_id"]
    assert told == sent


def test_a_status_tells_all_that_was_sent() -> None:
    sent = _without_prefixes(MessageToDict(deployment(), preserving_proto_field_name=True))
    sent["server_time"] = sent["server_time"].replace("Z", "+00:00")
    assert wire.status(deployment()).to_dict() == sent


def test_a_status_without_a_search_has_none() -> None:
    told = wire.status(status_pb.GetStatusResponse(project="shop"))
    assert (told.index_version, told.vectors_version) == (None, None)


def test_what_the_server_did_not_know_is_none(found: Slate) -> None:
    assert (found.items[1].score, found.items[1].explanation) == (None, None)
    assert EMPTY.answer.oldest_feature_age_s is None


def test_a_score_of_zero_is_one() -> None:
    assert wire.slate(pb.RecommendResponse(items=[pb.ScoredItem(score=0)])).items[0].score == 0


def test_a_dictionary_is_ready_for_json(found: Slate) -> None:
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_a_polars_frame_has_a_row_an_item(found: Slate) -> None:
    frame = found.to_polars()
    assert frame.to_dicts()[0] == {
        "position": 0,
        "item_id": "item-1",
        "score": 0.25,
        "sources": ["repeat", "two_tower"],
        "target_item_ids": ["a", "b"],
        "log_odds_user_history": 0.5,
        "log_odds_item_price": -0.25,
    }
    assert frame.row(1) == (1, "item-2", None, [], [], None, None)


def test_a_pandas_frame_has_a_row_an_item(found: Slate) -> None:
    frame = found.to_pandas()
    assert list(frame.columns) == found.to_polars().columns
    assert frame["score"].isna().tolist() == [False, True]
    assert frame["sources"][0] == ["repeat", "two_tower"]


def test_an_empty_frame_has_the_same_types_as_a_full_one(found: Slate) -> None:
    plain = [name for name in found.to_polars().columns if not name.startswith("log_odds")]
    assert EMPTY.to_polars().schema == found.to_polars().select(plain).schema
    assert EMPTY.to_pandas()["score"].dtype == "float64"
    assert EMPTY.to_polars().schema["score"] == pl.Float64


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_extra_is_named(library: str) -> None:
    """In a process where the library can't be found."""
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from recserve.client import wire\n"
        "from recserve.v1 import recommendation_service_pb2 as pb\n"
        f"wire.slate(pb.RecommendResponse()).to_{library}()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("ImportError: ")
    assert f'pip install "recserve-client[{library}]"' in done.stderr


def _without_prefixes(told: Any) -> Any:
    """An enum's value as the client words it."""
    prefixes = (
        "CANDIDATE_SOURCE_",
        "DEGRADATION_REASON_",
        "DEGRADATION_ACTION_",
        "REMOVAL_REASON_",
        "SURFACE_",
        "ID_KIND_",
        "FILTER_KIND_",
    )
    if isinstance(told, dict):
        return {name: _without_prefixes(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_without_prefixes(value) for value in told]
    matching = [p for p in prefixes if isinstance(told, str) and told.startswith(p)]
    return told.removeprefix(matching[0]).lower() if matching else told


def test_a_page_tells_all_that_was_sent(found: Slate) -> None:
    page = wire.first_page(sent_page(slate()))
    assert page.slate == found
    assert page.to_dict() | {"slate": None} == {
        "slate": None,
        "next_page_token": "more",
        "total_size": 42,
        "match": "some",
        "corrections": [{"written": "mlik", "taken": "milk"}],
        "unknown_words": ["xyzzy"],
        "facets": [{"field": "department", "values": [{"value": "DAIRY", "count": 40}]}],
    }


def test_a_later_page_does_not_tell_how_many_fit() -> None:
    page = wire.later_page(search_pb.SearchResponse())
    assert (page.total_size, page.next_page_token, page.match) == (None, None, QueryMatch.UNKNOWN)
