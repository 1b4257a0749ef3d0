"""Views that events update, as a read plan describes them, and events for them."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2 as recommendation_pb
from recserve.v1 import request_log_pb2 as log_pb

from serving.features.fold import NOTICED, Row
from serving.features.layout import LENGTH, layout_of
from serving.features.read_plan import ReadPlan, parse_read_plan

PROJECT = "events"
NOW_US = 1_700_000_000_000_000
HALF_LIFE_DAYS = 91.0
INTEGER_LISTS = ("owned_item", "owned_last_s", "recent_item", "recent_s", "recent_group", *NOTICED)
FURTHER_HALF_LIFE_DAYS = {"owned_score_28": 28.0, "owned_score_364": 364.0}
FLOAT_LISTS = ("owned_score", *FURTHER_HALF_LIFE_DAYS, "owned_count", "owned_interval_days")


def _lists(length: int, *names: str) -> list[dict[str, Any]]:
    dtypes = dict.fromkeys(INTEGER_LISTS, "int64_list") | dict.fromkeys(FLOAT_LISTS, "float32_list")
    return [{"name": name, "dtype": dtypes[name], "length": length} for name in names]


HISTORY: Mapping[str, Any] = {
    "entity": "user",
    "updates": {
        "by": "history",
        "kinds": ["purchase"],
        "half_life_days": HALF_LIFE_DAYS,
        "further_half_life_days": FURTHER_HALF_LIFE_DAYS,
    },
    "columns": [
        *_lists(32, "owned_item", *FLOAT_LISTS, "owned_last_s"),
        *_lists(128, "recent_item", "recent_s", "recent_group"),
    ],
}
ENGAGEMENT: Mapping[str, Any] = {
    "entity": "user",
    "updates": {
        "by": "engagement",
        "kinds": ["click"],
        "names": ["click"],
        "windows_days": [7, 28],
    },
    "columns": [
        *_lists(128, *NOTICED),
        {"name": "click_7d", "dtype": "float32"},
        {"name": "click_28d", "dtype": "float32"},
    ],
}
ITEM: Mapping[str, Any] = {
    "entity": "item",
    "columns": [{"name": "popularity", "dtype": "float32"}],
}


def described(views: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The `views` of a read plan, whole."""
    return {
        name: {
            **view,
            "join_key": f"{view['entity']}_id",
            "max_age_s": 10**9,
            "stale_action": "serve_marked",
            "fingerprint": f"{layout_of(view['columns']).fingerprint:016x}",
        }
        for name, view in views.items()
    }


def event_plan(id_kind: str = "integer") -> ReadPlan:
    views = {"user_history": HISTORY, "user_engagement": ENGAGEMENT, "item_activity": ITEM}
    document = {
        "version": 1,
        "project": PROJECT,
        "id_kind": id_kind,
        "views": described(views),
        "models": {},
    }
    return parse_read_plan(document, "test")


def logged(
    event_id: str,
    user: int | str = 1,
    item: int | str = 100,
    kind: str = "purchase",
    at_us: int = NOW_US,
    arrived_us: int = NOW_US,
    group: str = "",
    personalization: bool = True,  # noqa: FBT001, FBT002
) -> log_pb.LoggedEvent:
    """As the gateway writes it."""
    when = Timestamp()
    when.FromMicroseconds(at_us)
    return log_pb.LoggedEvent(
        event=pb.Event(
            event_id=event_id,
            user_id=str(user) if personalization else "",
            item_id=str(item),
            kind=kind,
            event_time=when,
            group_id=group,
        ),
        consent=recommendation_pb.Consent(personalization=personalization, logging=True),
        received_at_us=arrived_us,
    )


def listed(row: Row | Any, name: str) -> list[Any]:
    """The elements of a list column of a row."""
    values: list[Any] = row[name][: int(row[name + LENGTH])].tolist()
    return values
