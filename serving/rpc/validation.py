"""Checks a request against the limits that its proto states; all violations are told at once."""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from recserve.v1 import recommendation_service_pb2 as pb

from serving.errors import FieldViolation, InvalidRequest
from serving.features.filter_fields import NO_FIELDS, FilterFields
from serving.features.keys import id_key
from serving.features.redis_keys import partition_of
from serving.rpc.event_tokens import EventTokens
from serving.rpc.filters import condition
from serving.types import (
    Condition,
    Consent,
    Context,
    Person,
    Position,
    Query,
    RankQuery,
    SimilarQuery,
)

IdKind = Literal["integer", "string"]
LONGEST_ID = 128  # bytes
LONGEST_REQUEST_ID = 64
LARGEST_PAGE = 100
DEFAULT_PAGE = 10
MOST_EXCLUDED = 1000
MOST_RANKED = 1000
MOST_SEEDS = 16
MOST_FILTERS = 16
LONGEST_PLACEMENT_ID = 64
LANGUAGE = re.compile("[A-Za-z0-9-]{0,35}")
NO_TOKENS = EventTokens(secrets.token_bytes(32))  # under that key none was issued
LISTED = 8  # violations named of one repeated field: error details have to fit into gRPC's metadata


@dataclass(slots=True)
class Check:
    """Collects the violations of one request."""

    id_kind: IdKind
    violations: list[FieldViolation] = field(default_factory=list)

    def fail(self, name: str, description: str) -> None:
        self.violations.append(FieldViolation(name, description))

    def finish(self) -> None:
        """Raises InvalidRequest if anything is wrong."""
        if self.violations:
            raise InvalidRequest(tuple(self.violations))

    def person(
        self, user_id: str, consent: pb.Consent, event_token: str, tokens: EventTokens
    ) -> Person:
        key = id_key(user_id, self.id_kind) if user_id else None
        if (size := len(user_id.encode())) > LONGEST_ID:
            self.fail("user_id", f"has {size} bytes; at most {LONGEST_ID} are allowed")
        elif user_id and key is None:
            self.fail(
                "user_id", "must be decimal digits, 0 to 2^63 - 1: this shop's ids are numbers"
            )
        # One person has one hash: 007 is user 7.
        name = str(key) if self.id_kind == "integer" and key is not None else user_id
        until = self._events_until(key, event_token, tokens)
        return Person(name, key, Consent(consent.personalization, consent.logging), until)

    def _events_until(
        self, key: int | None, event_token: str, tokens: EventTokens
    ) -> Position | None:
        """None if the token says nothing of the person's events."""
        if not event_token:
            return None
        try:
            positions = tokens.read(event_token)
        except InvalidRequest as error:
            self.violations += error.violations
            return None
        return None if key is None else positions.get(partition_of(key))

    def surface(self, number: int) -> str:
        names = pb.Surface.DESCRIPTOR.values_by_number
        if number == pb.SURFACE_UNSPECIFIED:
            self.fail("surface", "is required; say where the answer will be shown")
        elif number not in names:
            known = ", ".join(str(n) for n in names if n != pb.SURFACE_UNSPECIFIED)
            self.fail("surface", f"{number} is no surface; the surfaces are {known}")
        return names[number].name if number in names else ""

    def page_size(self, size: int) -> int:
        if not 0 <= size <= LARGEST_PAGE:
            self.fail("page_size", f"is {size}; give 1 to {LARGEST_PAGE}, or 0 for {DEFAULT_PAGE}")
        return size or DEFAULT_PAGE

    def request_id(self, request_id: str) -> None:
        if not valid_request_id(request_id):
            self.fail(
                "request_id",
                f"may have at most {LONGEST_REQUEST_ID} characters, all of them printable ASCII",
            )

    def context(self, context: pb.Context) -> Context:
        self.size("context.session_id", context.session_id)
        if not _printable(context.placement_id, LONGEST_PLACEMENT_ID):
            self.fail(
                "context.placement_id",
                f"may have at most {LONGEST_PLACEMENT_ID} characters, all of them printable ASCII",
            )
        if not LANGUAGE.fullmatch(context.language_code):
            self.fail(
                "context.language_code",
                "must be a tag such as pt-BR: letters, digits and hyphens, at most 35 characters",
            )
        names = pb.Device.DESCRIPTOR.values_by_number
        if context.device not in names:
            known = ", ".join(map(str, names))
            self.fail("context.device", f"{context.device} is no device; the devices are {known}")
        return Context(
            context.session_id,
            context.placement_id,
            names[context.device].name if context.device in names else "",
            context.language_code,
        )

    def seeds(self, item_ids: Sequence[str]) -> tuple[int, ...]:
        """Keys, each once; what can't be an id is ignored."""
        if len(item_ids) > MOST_SEEDS:
            self.fail("seed_item_ids", f"has {len(item_ids)} ids; at most {MOST_SEEDS} are allowed")
            return ()
        self._sizes("seed_item_ids", item_ids, shortest=0)
        keys = (id_key(item_id, self.id_kind) for item_id in item_ids if item_id)
        return tuple(dict.fromkeys(key for key in keys if key is not None))

    def conditions(
        self, filters: Sequence[pb.Filter], fields: FilterFields
    ) -> tuple[Condition, ...]:
        if len(filters) > MOST_FILTERS:
            self.fail("filters", f"has {len(filters)} filters; at most {MOST_FILTERS} are allowed")
            return ()
        found = [
            condition(one, f"filters[{at}]", fields, self.fail) for at, one in enumerate(filters)
        ]
        return tuple(one for one in found if one)

    def size(self, name: str, text: str, shortest: int = 0) -> None:
        if not shortest <= (size := len(text.encode())) <= LONGEST_ID:
            self.fail(name, f"has {size} bytes; {shortest} to {LONGEST_ID} are allowed")

    def excluded(self, item_ids: Sequence[str]) -> frozenset[int]:
        """Keys; what can't be an id is ignored, as any id outside the catalogue is."""
        name = "exclude_item_ids"
        if len(item_ids) > MOST_EXCLUDED:
            self.fail(name, f"has {len(item_ids)} ids; at most {MOST_EXCLUDED} are allowed")
            return frozenset()
        self._sizes(name, item_ids, shortest=0)
        keys = (id_key(item_id, self.id_kind) for item_id in item_ids if item_id)
        return frozenset(key for key in keys if key is not None)

    def candidates(self, item_ids: Sequence[str]) -> tuple[tuple[str, int | None], ...]:
        """Each id once, in order, with its key."""
        if not 1 <= len(item_ids) <= MOST_RANKED:
            self.fail("item_ids", f"has {len(item_ids)} ids; give 1 to {MOST_RANKED}")
            return ()
        self._sizes("item_ids", item_ids, shortest=1)
        return tuple(
            (item_id, id_key(item_id, self.id_kind)) for item_id in dict.fromkeys(item_ids)
        )

    def item(self, item_id: str) -> int | None:
        if not 1 <= (size := len(item_id.encode())) <= LONGEST_ID:
            self.fail("item_id", f"has {size} bytes; give 1 to {LONGEST_ID}")
        return id_key(item_id, self.id_kind)

    def _sizes(self, name: str, ids: Iterable[str], shortest: int) -> None:
        sizes = [len(one.encode()) for one in ids]
        wrong = [i for i, size in enumerate(sizes) if not shortest <= size <= LONGEST_ID]
        for i in wrong[:LISTED]:
            self.fail(
                f"{name}[{i}]", f"has {sizes[i]} bytes; {shortest} to {LONGEST_ID} are allowed"
            )
        if len(wrong) > LISTED:
            self.fail(name, f"{len(wrong) - LISTED} further ids are out of the limits likewise")


def require_request_id(request_id: str, id_kind: IdKind) -> None:
    """Raises InvalidRequest; for a request that has nothing else to check."""
    check = Check(id_kind)
    check.request_id(request_id)
    check.finish()


def valid_request_id(request_id: str) -> bool:
    return _printable(request_id, LONGEST_REQUEST_ID)


def _printable(text: str, longest: int) -> bool:
    return len(text) <= longest and all(" " <= c <= "~" for c in text)


def recommend_query(
    request: pb.RecommendRequest,
    id_kind: IdKind,
    fields: FilterFields = NO_FIELDS,
    tokens: EventTokens = NO_TOKENS,
) -> Query:
    """Raises InvalidRequest, as the other two do. `fields` are those that filters may name."""
    check = Check(id_kind)
    query = Query(
        check.person(request.user_id, request.consent, request.event_token, tokens),
        check.surface(request.surface),
        check.page_size(request.page_size),
        request.exclude_purchased,
        check.excluded(request.exclude_item_ids),
        frozenset(request.exclude_item_ids),
        check.conditions(request.filters, fields),
        check.seeds(request.seed_item_ids),
        request.explain,
        check.context(request.context) if request.HasField("context") else None,
    )
    check.request_id(request.request_id)
    check.finish()
    return query


def rank_query(
    request: pb.RankRequest, id_kind: IdKind, tokens: EventTokens = NO_TOKENS
) -> RankQuery:
    check = Check(id_kind)
    query = RankQuery(
        check.person(request.user_id, request.consent, request.event_token, tokens),
        check.surface(request.surface),
        check.candidates(request.item_ids),
        request.explain,
        check.context(request.context) if request.HasField("context") else None,
    )
    check.request_id(request.request_id)
    check.finish()
    return query


def similar_query(
    request: pb.SimilarItemsRequest, id_kind: IdKind, fields: FilterFields = NO_FIELDS
) -> SimilarQuery:
    check = Check(id_kind)
    query = SimilarQuery(
        request.item_id,
        check.item(request.item_id),
        check.page_size(request.page_size),
        check.excluded(request.exclude_item_ids),
        check.conditions(request.filters, fields),
    )
    check.request_id(request.request_id)
    check.finish()
    return query
