from collections.abc import Iterator

import pytest
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from serving.errors import (
    Failed,
    FieldViolation,
    InvalidRequest,
    RecserveError,
    SurfaceNotServed,
    TimedOut,
    Unavailable,
    UnknownItem,
)
from serving.rpc.statuses import STATUSES, internal, resource_exhausted, status_of
from serving.rpc.validation import LISTED, LONGEST_ID

GRPC_METADATA_LIMIT = 8 * 1024


def kinds(error: type[RecserveError]) -> Iterator[type[RecserveError]]:
    yield error
    for kind in error.__subclasses__():
        if kind.__module__ == "serving.errors":
            yield from kinds(kind)


def detail(status: Status, kind: type) -> object:
    found = kind()
    assert any(packed.Unpack(found) for packed in status.details), f"no {kind.__name__}"
    return found


@pytest.mark.parametrize("kind", list(kinds(RecserveError)), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_a_status(kind: type[RecserveError]):
    assert kind in STATUSES


def test_invalid_fields_are_listed():
    violations = (FieldViolation("a", "too long"), FieldViolation("b", "missing"))
    status = status_of(InvalidRequest(violations), "request-1")
    assert status.code == code_pb2.INVALID_ARGUMENT
    bad = detail(status, error_details_pb2.BadRequest)
    assert [(v.field, v.description) for v in bad.field_violations] == [
        ("a", "too long"),
        ("b", "missing"),
    ]


def test_an_unknown_item_is_named_as_a_resource():
    status = status_of(UnknownItem("7"), "request-1")
    assert status.code == code_pb2.NOT_FOUND
    assert detail(status, error_details_pb2.ResourceInfo).resource_name == "7"


def test_a_surface_that_is_not_served_is_named_with_those_that_are():
    status = status_of(SurfaceNotServed("SURFACE_AD", ("SURFACE_PRODUCT",)), "request-1")
    assert status.code == code_pb2.UNIMPLEMENTED
    info = detail(status, error_details_pb2.ErrorInfo)
    assert dict(info.metadata) == {"surface": "SURFACE_AD", "served": "SURFACE_PRODUCT"}
    assert "SURFACE_AD" in status.message
    assert "SURFACE_PRODUCT" in status.message


@pytest.mark.parametrize("error", [Unavailable("redis:6379"), Failed("redis:6379")])
def test_outside_failures_say_when_to_try_again_and_nothing_of_the_inside(error: RecserveError):
    status = status_of(error, "request-1")
    assert status.code == code_pb2.UNAVAILABLE
    assert detail(status, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 1000
    assert "redis" not in str(status)


def test_a_deadline_that_passed_is_said_so():
    status = status_of(TimedOut("similar at 10.0.0.7"), "request-1")
    assert status.code == code_pb2.DEADLINE_EXCEEDED
    assert "10.0.0.7" not in str(status)


def test_too_many_requests_say_when_to_try_again():
    status = resource_exhausted("request-1", 0.25)
    assert status.code == code_pb2.RESOURCE_EXHAUSTED
    assert detail(status, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 250


@pytest.mark.parametrize(
    "status",
    [
        status_of(UnknownItem("7"), "request-1"),
        internal("request-1"),
        resource_exhausted("request-1"),
    ],
)
def test_every_status_carries_the_request_id(status: Status):
    assert detail(status, error_details_pb2.RequestInfo).request_id == "request-1"


def test_the_longest_details_fit_into_grpcs_metadata():
    worst = [
        FieldViolation(f"exclude_item_ids[{i}]", f"has 123456 bytes; 0 to {LONGEST_ID} are allowed")
        for i in range(LISTED + 1)
    ] * 2
    status = status_of(InvalidRequest(tuple(worst)), "x" * 64)
    assert 2 * len(status.SerializeToString()) + len(status.message) < GRPC_METADATA_LIMIT
