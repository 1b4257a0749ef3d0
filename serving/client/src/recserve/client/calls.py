"""The calls: what is asked, and how the answer is read. Both clients send what is built here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from recserve.client import wire
from recserve.client.enums import Surface
from recserve.client.requests import Consent, Context, Event, Filter
from recserve.client.results import Page, Recorded, Slate, Status
from recserve.v1 import event_service_pb2 as events_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import status_service_pb2 as status_pb

T = TypeVar("T")
NOTHING = Consent()


def _methods(file: Any) -> dict[str, MethodDescriptor]:
    services = file.DESCRIPTOR.services_by_name.values()
    return {method.name: method for service in services for method in service.methods}


METHODS = _methods(pb) | _methods(events_pb) | _methods(search_pb) | _methods(status_pb)
STREAM = METHODS["StreamEvents"]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request on its way. Without `timeout_s` the client's own holds."""

    method: MethodDescriptor
    request: Message
    read: Callable[[Any], T]
    timeout_s: float | None

    @property
    def request_id(self) -> str | None:
        return getattr(self.request, "request_id", None) or None


def recommend(
    surface: Surface,
    *,
    user_id: str | None = None,
    page_size: int | None = None,
    exclude_purchased: bool = False,
    exclude_item_ids: Iterable[str] = (),
    consent: Consent = NOTHING,
    request_id: str | None = None,
    context: Context | None = None,
    filters: Iterable[Filter] = (),
    seed_item_ids: Iterable[str] = (),
    explain: bool = False,
    event_token: str | None = None,
    timeout_s: float | None = None,
) -> Call[Slate]:
    """What this person should see here, best first; without a user, what an anonymous visitor should."""
    request = pb.RecommendRequest(
        user_id=user_id,
        surface=pb.Surface.Name(wire.number(surface)),
        page_size=page_size,
        exclude_purchased=exclude_purchased,
        exclude_item_ids=wire.texts("exclude_item_ids", exclude_item_ids),
        consent=wire.consent(consent),
        request_id=request_id,
        context=wire.context(context) if context else None,
        filters=map(wire.item_filter, filters),
        seed_item_ids=wire.texts("seed_item_ids", seed_item_ids),
        explain=explain,
        event_token=event_token,
    )
    return Call(METHODS["Recommend"], request, wire.slate, timeout_s)


def rank(
    surface: Surface,
    item_ids: Iterable[str],
    *,
    user_id: str | None = None,
    consent: Consent = NOTHING,
    request_id: str | None = None,
    context: Context | None = None,
    explain: bool = False,
    event_token: str | None = None,
    timeout_s: float | None = None,
) -> Call[Slate]:
    """The caller's own candidates, most probable first."""
    request = pb.RankRequest(
        user_id=user_id,
        surface=pb.Surface.Name(wire.number(surface)),
        item_ids=wire.texts("item_ids", item_ids),
        consent=wire.consent(consent),
        request_id=request_id,
        context=wire.context(context) if context else None,
        explain=explain,
        event_token=event_token,
    )
    return Call(METHODS["Rank"], request, wire.ranked, timeout_s)


def similar(
    item_id: str,
    *,
    page_size: int | None = None,
    exclude_item_ids: Iterable[str] = (),
    request_id: str | None = None,
    filters: Iterable[Filter] = (),
    timeout_s: float | None = None,
) -> Call[Slate]:
    """The items nearest to one item, the same for everybody."""
    request = pb.SimilarItemsRequest(
        item_id=item_id,
        page_size=page_size,
        exclude_item_ids=wire.texts("exclude_item_ids", exclude_item_ids),
        request_id=request_id,
        filters=map(wire.item_filter, filters),
    )
    return Call(METHODS["SimilarItems"], request, wire.slate, timeout_s)


def search(
    query: str,
    *,
    user_id: str | None = None,
    page_size: int | None = None,
    page_token: str | None = None,
    filters: Iterable[Filter] = (),
    facet_fields: Iterable[str] = (),
    order_by: str | None = None,
    consent: Consent = NOTHING,
    request_id: str | None = None,
    context: Context | None = None,
    event_token: str | None = None,
    timeout_s: float | None = None,
) -> Call[Page]:
    """The items that fit the words of a query, likeliest for this person first; "" finds all."""
    request = search_pb.SearchRequest(
        user_id=user_id,
        query=query,
        page_size=page_size,
        page_token=page_token,
        filters=map(wire.item_filter, filters),
        facet_fields=wire.texts("facet_fields", facet_fields),
        order_by=order_by,
        consent=wire.consent(consent),
        request_id=request_id,
        context=wire.context(context) if context else None,
        event_token=event_token,
    )
    read = wire.later_page if page_token else wire.first_page
    return Call(METHODS["Search"], request, read, timeout_s)


def suggest(
    text: str,
    *,
    page_size: int | None = None,
    request_id: str | None = None,
    timeout_s: float | None = None,
) -> Call[tuple[str, ...]]:
    """What completes the text that is being typed, the most popular first."""
    request = search_pb.SuggestRequest(text=text, page_size=page_size, request_id=request_id)
    return Call(METHODS["Suggest"], request, wire.suggested, timeout_s)


def record(
    events: Iterable[Event],
    *,
    consent: Consent = NOTHING,
    request_id: str | None = None,
    timeout_s: float | None = None,
) -> Call[Recorded]:
    """Hands over 1 to 500 events, all or none; without consent to logging none is kept."""
    request = events_pb.RecordEventsRequest(
        events=map(wire.event, events), consent=wire.consent(consent), request_id=request_id
    )
    return Call(METHODS["RecordEvents"], request, wire.recorded, timeout_s)


def status(*, timeout_s: float | None = None) -> Call[Status]:
    """What the deployment serves."""
    return Call(METHODS["GetStatus"], status_pb.GetStatusRequest(), wire.status, timeout_s)
