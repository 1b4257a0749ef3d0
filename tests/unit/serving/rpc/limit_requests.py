"""Requests that just keep a limit of the API, and requests that just break it."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import status_service_pb2 as status_pb

from serving.features.redis_keys import PARTITIONS
from serving.rpc.event_tokens import EventTokens
from serving.rpc.page_tokens import MOST_KEYS, PageTokens
from serving.rpc.search_validation import asked_of
from serving.rpc.tokens import RequestTokens, TokenContent
from serving.rpc.validation import IdKind
from serving.search.query import Match, Rest

NOW_US = 1_800_000_000_000_000
TOKENS = RequestTokens(b"k" * 32)
TOKEN = TOKENS.issue(TokenContent(NOW_US, "r" * 64, "0123456789abcdef"))  # none is longer
EVENT_TOKENS = EventTokens(b"k" * 32)
EVENT_TOKEN = EVENT_TOKENS.issue(dict.fromkeys(range(PARTITIONS), (NOW_US, 0)))  # none is longer
PAGE_TOKENS = PageTokens(b"k" * 32)
PAGE_TOKEN = PAGE_TOKENS.issue(  # none is longer
    asked_of(search_pb.SearchRequest()),
    Rest(np.arange(MOST_KEYS, dtype=np.int64), np.ones(MOST_KEYS, dtype=np.bool_), Match.ALL),
)
SMALLEST, LARGEST = math.ulp(0.0), sys.float_info.max
Make: TypeAlias = Callable[[Any], Message]  # a request with this value in the field


@dataclass(frozen=True, slots=True)
class Limit:
    """`said` is how the field's comment puts it, `names` what the refusal says is wrong."""

    said: str
    names: str
    kept: Message
    broken: Message
    id_kind: IdKind = "string"


def recommend(**fields: Any) -> Message:
    return pb.RecommendRequest(**{"surface": pb.SURFACE_PRODUCT, **fields})


def rank(**fields: Any) -> Message:
    return pb.RankRequest(**{"surface": pb.SURFACE_PRODUCT, "item_ids": ["1"], **fields})


def similar(**fields: Any) -> Message:
    return pb.SimilarItemsRequest(**{"item_id": "1", **fields})


def search(**fields: Any) -> Message:
    return search_pb.SearchRequest(**fields)


def suggest(**fields: Any) -> Message:
    return search_pb.SuggestRequest(**{"text": "x", **fields})


def context(**fields: Any) -> Message:
    return recommend(context=pb.Context(**fields))


def text_filter(**fields: Any) -> Message:
    return recommend(filters=[pb.Filter(**{"field": "brand", "any_of": ["x"], **fields})])


def number_filter(**fields: Any) -> Message:
    return recommend(filters=[pb.Filter(field="price", **fields)])


def status(**fields: Any) -> Message:
    return status_pb.GetStatusRequest(**fields)


def event(**fields: Any) -> Message:
    return record(events=[one_event(**fields)])


def batch(count: int) -> Message:
    return record(events=[one_event(event_id=f"e-{n}") for n in range(count)])


def record(**fields: Any) -> Message:
    return event_pb.RecordEventsRequest(**{"events": [one_event()], **fields})


def one_event(**fields: Any) -> event_pb.Event:
    whole = {
        "event_id": "e",
        "user_id": "5",
        "item_id": "7",
        "kind": "click",
        "event_time": instant(0),
        "request_token": TOKEN,
    }
    return event_pb.Event(**(whole | fields))


def instant(time_us: int) -> Timestamp:
    found = Timestamp()
    found.FromMicroseconds(time_us)
    return found


def of(build: Callable[..., Message], field: str) -> Make:
    return lambda value: build(**{field: value})


def edge(said: str, names: str, make: Make, kept: object, broken: object) -> Limit:
    return Limit(said, names, make(kept), make(broken))


def longest(count: int, names: str, make: Make) -> Limit:
    return edge(f"{count:,}", names, make, "x" * count, "x" * (count + 1))


def not_empty(names: str, make: Make) -> Limit:
    return edge("1", names, make, "x", "")


def most(count: int, names: str, make: Make, one: object = "1") -> Limit:
    return edge(f"{count:,}", names, make, [one] * count, [one] * (count + 1))


def not_none(names: str, make: Make) -> Limit:
    return edge("1", names, make, ["1"], [])


def longest_of(count: int, names: str, make: Make) -> Limit:
    """Of the texts of a repeated field."""
    return longest(count, f"{names}[0]", lambda value: make([value]))


def digits(names: str, make: Make) -> Limit:
    return Limit("decimal digits", names, make("7"), make("anna"), "integer")


def ascii_only(names: str, make: Make) -> Limit:
    return edge("ASCII", names, make, "~", "\x7f")
