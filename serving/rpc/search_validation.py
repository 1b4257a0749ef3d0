"""Checks a search against the limits that its proto states; all violations are told at once."""

from recserve.v1 import search_service_pb2 as pb

from serving.errors import InvalidRequest
from serving.features.filter_fields import FilterField, FilterFields
from serving.rpc.event_tokens import EventTokens
from serving.rpc.filters import SHOWN
from serving.rpc.page_tokens import PageTokens
from serving.rpc.validation import LONGEST_ID, Check, IdKind
from serving.search.query import Order, Rest, SearchQuery

LONGEST_QUERY, LONGEST_TYPED = 512, 256  # bytes
MOST_FACETS = 8
MOST_SUGGESTED, DEFAULT_SUGGESTED = 20, 10
DESCENDING = " desc"


def search_query(
    request: pb.SearchRequest,
    id_kind: IdKind,
    fields: FilterFields,
    events: EventTokens,
    pages: PageTokens,
) -> SearchQuery:
    """Raises InvalidRequest."""
    check = Check(id_kind)
    if (size := len(request.query.encode())) > LONGEST_QUERY:
        check.fail("query", f"has {size} bytes; at most {LONGEST_QUERY} are allowed")
    query = SearchQuery(
        check.person(request.user_id, request.consent, request.event_token, events),
        request.query,
        check.page_size(request.page_size),
        check.conditions(request.filters, fields),
        _facets(check, request, fields),
        _order(check, request.order_by, fields),
        _rest(check, request, pages),
        check.context(request.context) if request.HasField("context") else None,
    )
    check.request_id(request.request_id)
    check.finish()
    return query


def asked_of(request: pb.SearchRequest) -> bytes:
    """What has to stay the same from page to page."""
    same = pb.SearchRequest()
    same.CopyFrom(request)
    for name in ("page_size", "page_token", "request_id", "context", "event_token"):
        same.ClearField(name)
    return same.SerializeToString(deterministic=True)


def require_suggest(request: pb.SuggestRequest, id_kind: IdKind) -> int:
    """How many completions are wanted. Raises InvalidRequest."""
    check = Check(id_kind)
    if not 1 <= (size := len(request.text.encode())) <= LONGEST_TYPED:
        check.fail("text", f"has {size} bytes; give 1 to {LONGEST_TYPED}")
    if not 0 <= request.page_size <= MOST_SUGGESTED:
        check.fail(
            "page_size",
            f"is {request.page_size}; give 1 to {MOST_SUGGESTED}, or 0 for {DEFAULT_SUGGESTED}",
        )
    check.request_id(request.request_id)
    check.finish()
    return request.page_size or DEFAULT_SUGGESTED


def _facets(
    check: Check, request: pb.SearchRequest, fields: FilterFields
) -> tuple[FilterField, ...]:
    names = request.facet_fields
    if len(names) > MOST_FACETS:
        check.fail("facet_fields", f"has {len(names)} fields; at most {MOST_FACETS} are allowed")
        return ()
    found = [_field(check, f"facet_fields[{at}]", n, "text", fields) for at, n in enumerate(names)]
    return tuple(field for field in found if field is not None)


def _order(check: Check, wanted: str, fields: FilterFields) -> Order | None:
    if not wanted:
        return None
    name = wanted.removesuffix(DESCENDING)
    field = _field(check, "order_by", name, "number", fields)
    return None if field is None else Order(field.column, descending=name != wanted)


def _field(
    check: Check, name: str, wanted: str, kind: str, fields: FilterFields
) -> FilterField | None:
    field = fields.get(wanted)
    if len(wanted.encode()) > LONGEST_ID or field is None or field.kind != kind:
        known = ", ".join(one.name for one in fields.values() if one.kind == kind) or "none here"
        check.fail(name, f"{wanted[:SHOWN]!r} is no field of {kind}s; those are {known}")
        return None
    return field


def _rest(check: Check, request: pb.SearchRequest, pages: PageTokens) -> Rest | None:
    if not request.page_token:
        return None
    try:
        return pages.read(request.page_token, asked_of(request))
    except InvalidRequest as error:
        check.violations += error.violations
        return None
