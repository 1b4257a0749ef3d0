"""Every field that a caller can send, with its limits."""

import math
from collections.abc import Callable, Mapping

from google.protobuf.message import Message
from recserve.v1 import recommendation_service_pb2 as pb

from tests.unit.serving.rpc import limit_requests as make
from tests.unit.serving.rpc.limit_requests import (
    EVENT_TOKEN,
    LARGEST,
    NOW_US,
    PAGE_TOKEN,
    SMALLEST,
    TOKEN,
    Limit,
    of,
)

Limits = tuple[Limit, ...]
NONE: Limits = ()  # true or false, or a message whose own fields have them
AHEAD_US = NOW_US + 5 * 60 * 1_000_000


def person(build: Callable[..., Message]) -> Limits:
    field = of(build, "user_id")
    return make.longest(128, "user_id", field), make.digits("user_id", field)


def surface(build: Callable[..., Message]) -> Limits:
    field, last = of(build, "surface"), max(pb.Surface.values())
    return (
        make.edge("UNSPECIFIED", "surface", field, 1, 0),
        make.edge("no surface", "surface", field, last, last + 1),
    )


def page(build: Callable[..., Message]) -> Limits:
    field = of(build, "page_size")
    return make.edge("0", "page_size", field, 0, -1), make.edge("100", "page_size", field, 100, 101)


def ids(build: Callable[..., Message], name: str, most: int) -> Limits:
    field = of(build, name)
    return make.most(most, name, field), make.longest_of(128, name, field)


def filters(build: Callable[..., Message]) -> Limits:
    one = pb.Filter(field="brand", any_of=["x"])
    return (make.most(16, "filters", of(build, "filters"), one),)


def request_id(build: Callable[..., Message]) -> Limits:
    field = of(build, "request_id")
    return make.longest(64, "request_id", field), make.ascii_only("request_id", field)


def event_token(build: Callable[..., Message]) -> Limits:
    field = of(build, "event_token")
    return (make.edge("1,132", "event_token", field, EVENT_TOKEN, f"{EVENT_TOKEN}A"),)


def event_text(name: str, longest: int) -> Limits:
    field, names = of(make.event, name), f"events[0].{name}"
    return make.not_empty(names, field), make.longest(longest, names, field)


def event_edge(said: str, name: str, kept: object, broken: object) -> Limit:
    return make.edge(said, f"events[0].{name}", of(make.event, name), kept, broken)


def event_digits(name: str) -> Limit:
    return make.digits(f"events[0].{name}", of(make.event, name))


def bound(name: str, kept: float, broken: float) -> Limits:
    names = f"filters[0].{name}"
    number = make.edge("finite", names, of(make.number_filter, name), kept, broken)
    of_texts = make.text_filter(**{name: 0})
    return number, Limit("NUMBER", names, make.number_filter(**{name: 0}), of_texts)


def from_0_to(most: float) -> Message:
    return make.number_filter(minimum=0, maximum=most)


def slot_of(token: str) -> Message:
    return make.event(slot=0, request_token=token)


LIMITS: Mapping[str, Limits] = {
    "RecommendRequest.user_id": person(make.recommend),
    "RecommendRequest.surface": surface(make.recommend),
    "RecommendRequest.page_size": page(make.recommend),
    "RecommendRequest.exclude_purchased": NONE,
    "RecommendRequest.exclude_item_ids": ids(make.recommend, "exclude_item_ids", 1000),
    "RecommendRequest.consent": NONE,
    "RecommendRequest.request_id": request_id(make.recommend),
    "RecommendRequest.context": NONE,
    "RecommendRequest.filters": filters(make.recommend),
    "RecommendRequest.seed_item_ids": ids(make.recommend, "seed_item_ids", 16),
    "RecommendRequest.explain": NONE,
    "RecommendRequest.event_token": event_token(make.recommend),
    "RankRequest.user_id": person(make.rank),
    "RankRequest.surface": surface(make.rank),
    "RankRequest.item_ids": (
        make.not_none("item_ids", of(make.rank, "item_ids")),
        make.not_empty("item_ids[0]", lambda one: make.rank(item_ids=[one])),
        *ids(make.rank, "item_ids", 1000),
    ),
    "RankRequest.consent": NONE,
    "RankRequest.request_id": request_id(make.rank),
    "RankRequest.context": NONE,
    "RankRequest.explain": NONE,
    "RankRequest.event_token": event_token(make.rank),
    "SimilarItemsRequest.item_id": (
        make.not_empty("item_id", of(make.similar, "item_id")),
        make.longest(128, "item_id", of(make.similar, "item_id")),
    ),
    "SimilarItemsRequest.page_size": page(make.similar),
    "SimilarItemsRequest.exclude_item_ids": ids(make.similar, "exclude_item_ids", 1000),
    "SimilarItemsRequest.request_id": request_id(make.similar),
    "SimilarItemsRequest.filters": filters(make.similar),
    "SearchRequest.user_id": person(make.search),
    "SearchRequest.query": (make.longest(512, "query", of(make.search, "query")),),
    "SearchRequest.page_size": page(make.search),
    "SearchRequest.page_token": (
        make.edge(
            "7,499", "page_token", of(make.search, "page_token"), PAGE_TOKEN, f"{PAGE_TOKEN}A"
        ),
    ),
    "SearchRequest.filters": (
        make.most(
            16, "filters", of(make.search, "filters"), pb.Filter(field="brand", any_of=["x"])
        ),
    ),
    "SearchRequest.facet_fields": (
        make.most(8, "facet_fields", of(make.search, "facet_fields"), "brand"),
        make.edge("TEXT", "facet_fields[0]", of(make.search, "facet_fields"), ["brand"], ["price"]),
    ),
    "SearchRequest.order_by": (
        make.edge("NUMBER", "order_by", of(make.search, "order_by"), "price desc", "brand"),
        make.edge('" desc"', "order_by", of(make.search, "order_by"), "price", "price asc"),
    ),
    "SearchRequest.consent": NONE,
    "SearchRequest.request_id": request_id(make.search),
    "SearchRequest.context": NONE,
    "SearchRequest.event_token": event_token(make.search),
    "SuggestRequest.text": (
        make.not_empty("text", of(make.suggest, "text")),
        make.longest(256, "text", of(make.suggest, "text")),
    ),
    "SuggestRequest.page_size": (
        make.edge("0", "page_size", of(make.suggest, "page_size"), 0, -1),
        make.edge("20", "page_size", of(make.suggest, "page_size"), 20, 21),
    ),
    "SuggestRequest.request_id": request_id(make.suggest),
    "Consent.personalization": NONE,
    "Consent.logging": NONE,
    "Context.session_id": (
        make.longest(128, "context.session_id", of(make.context, "session_id")),
    ),
    "Context.placement_id": (
        make.longest(64, "context.placement_id", of(make.context, "placement_id")),
        make.ascii_only("context.placement_id", of(make.context, "placement_id")),
    ),
    "Context.device": (make.edge("no device", "context.device", of(make.context, "device"), 5, 6),),
    "Context.language_code": (
        make.longest(35, "context.language_code", of(make.context, "language_code")),
        make.edge("hyphens", "context.language_code", of(make.context, "language_code"), "-", "_"),
    ),
    "Filter.field": (
        make.edge(
            "GetStatusResponse.filter_fields",
            "filters[0].field",
            of(make.text_filter, "field"),
            "brand",
            "item_profile.brand",
        ),
    ),
    "Filter.any_of": (
        make.edge("then a bound", "filters[0].any_of", of(make.text_filter, "any_of"), ["x"], []),
        make.most(100, "filters[0].any_of", of(make.text_filter, "any_of")),
        make.longest_of(1024, "filters[0].any_of", of(make.text_filter, "any_of")),
        make.edge("TEXT", "filters[0].any_of", of(make.text_filter, "field"), "brand", "price"),
    ),
    "Filter.minimum": bound("minimum", -LARGEST, -math.inf),
    "Filter.maximum": (
        *bound("maximum", LARGEST, math.inf),
        make.edge("`minimum`", "filters[0].maximum", from_0_to, 0, -SMALLEST),
    ),
    "Filter.exclude": NONE,
    "RecordEventsRequest.events": (
        make.edge("1", "events", make.batch, 1, 0),
        make.edge("500", "events", make.batch, 500, 501),
    ),
    "RecordEventsRequest.consent": NONE,
    "StreamEventsRequest.batch": NONE,
    "RecordEventsRequest.request_id": request_id(make.record),
    "Event.event_id": event_text("event_id", 128),
    "Event.user_id": (*event_text("user_id", 128), event_digits("user_id")),
    "Event.item_id": (*event_text("item_id", 128), event_digits("item_id")),
    "Event.kind": (
        *event_text("kind", 128),
        event_edge("without control characters", "kind", "K\u00e4ufe!", "a\n1"),
    ),
    "Event.event_time": (
        event_edge("1970-01-01", "event_time", make.instant(0), make.instant(-1)),
        event_edge("5 minutes", "event_time", make.instant(AHEAD_US), make.instant(AHEAD_US + 1)),
    ),
    "Event.group_id": (event_text("group_id", 128)[1],),
    "Event.quantity": (
        event_edge("above 0", "quantity", SMALLEST, 0),
        event_edge("finite", "quantity", LARGEST, math.inf),
    ),
    "Event.value": (
        event_edge("0 or more", "value", 0, -SMALLEST),
        event_edge("finite", "value", LARGEST, math.inf),
    ),
    "Event.request_token": (event_edge("142", "request_token", TOKEN, f"{TOKEN}A"),),
    "Event.slot": (
        event_edge("0", "slot", 0, -1),
        event_edge("999", "slot", 999, 1000),
        make.edge("Needs a request_token", "events[0].slot", slot_of, TOKEN, ""),
    ),
    "GetStatusRequest.request_id": request_id(make.status),
}
