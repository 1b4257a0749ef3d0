"""Which status each error becomes, with the google.rpc details that a program can read."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

from serving.errors import (
    ArtefactError,
    Failed,
    InvalidRequest,
    LayoutMismatch,
    OutsideError,
    RecserveError,
    RequestError,
    SettingsError,
    StreamFull,
    SurfaceNotServed,
    TimedOut,
    Unavailable,
    UnknownItem,
)

DOMAIN = "recserve"
RETRY_AFTER_S = 1.0
LONGEST_MESSAGE = 2_000  # characters; a status travels in metadata, which gRPC keeps small
INTERNAL_MESSAGE = "an error of ours, which was logged; quote the request id"

Details = tuple[Message, ...]
E = TypeVar("E", bound=RecserveError)


def _invalid(error: InvalidRequest) -> Details:
    violation = error_details_pb2.BadRequest.FieldViolation
    return (
        error_details_pb2.BadRequest(
            field_violations=[
                violation(field=v.field, description=v.description) for v in error.violations
            ]
        ),
    )


def _unknown_item(error: UnknownItem) -> Details:
    return (
        error_details_pb2.ResourceInfo(
            resource_type="recserve.v1.Item",
            resource_name=error.item_id,
            description="The item is not in the catalogue that answers.",
        ),
    )


def _not_served(error: SurfaceNotServed) -> Details:
    return (
        error_details_pb2.ErrorInfo(
            reason="SURFACE_NOT_SERVED",
            domain=DOMAIN,
            metadata={"surface": error.surface, "served": ", ".join(error.served)},
        ),
    )


def _retry(error: OutsideError) -> Details:
    del error
    return (_retry_info(RETRY_AFTER_S),)


def _nothing(error: RecserveError) -> Details:
    del error
    return ()


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _row(
    kind: type[E], code: int, details: Callable[[E], Details]
) -> tuple[type[RecserveError], tuple[int, Callable[[E], Details]]]:
    return kind, (code, details)


# Everything that the pipeline may raise. The codes of our own faults tell nothing of the inside.
STATUSES: Mapping[type[RecserveError], tuple[int, Callable[..., Details]]] = dict(
    (
        _row(InvalidRequest, code_pb2.INVALID_ARGUMENT, _invalid),
        _row(UnknownItem, code_pb2.NOT_FOUND, _unknown_item),
        _row(SurfaceNotServed, code_pb2.UNIMPLEMENTED, _not_served),
        _row(RequestError, code_pb2.INVALID_ARGUMENT, _nothing),
        _row(TimedOut, code_pb2.DEADLINE_EXCEEDED, _nothing),
        _row(Unavailable, code_pb2.UNAVAILABLE, _retry),
        _row(Failed, code_pb2.UNAVAILABLE, _retry),
        _row(StreamFull, code_pb2.RESOURCE_EXHAUSTED, _retry),
        _row(OutsideError, code_pb2.UNAVAILABLE, _retry),
        _row(SettingsError, code_pb2.INTERNAL, _nothing),
        _row(ArtefactError, code_pb2.INTERNAL, _nothing),
        _row(LayoutMismatch, code_pb2.INTERNAL, _nothing),
        _row(RecserveError, code_pb2.INTERNAL, _nothing),
    )
)
# What is said of outside failures: which system and endpoint failed is for the log alone.
MESSAGES: Mapping[int, str] = {
    code_pb2.DEADLINE_EXCEEDED: "the deadline passed before there was an answer",
    code_pb2.RESOURCE_EXHAUSTED: "the event stream is full; try again later",
    code_pb2.UNAVAILABLE: "a system that this answer needs did not answer; try again",
    code_pb2.INTERNAL: INTERNAL_MESSAGE,
}


def status_of(error: RecserveError, request_id: str) -> Status:
    """The error as the caller sees it."""
    code, details = STATUSES[type(error)]
    return status(code, MESSAGES.get(code, str(error)), request_id, details(error))


def internal(request_id: str) -> Status:
    """What a caller sees of a fault of ours."""
    return status(code_pb2.INTERNAL, INTERNAL_MESSAGE, request_id)


def resource_exhausted(request_id: str, retry_after_s: float = RETRY_AFTER_S) -> Status:
    """What a caller sees who comes when as many requests are under way as may be."""
    return status(
        code_pb2.RESOURCE_EXHAUSTED,
        f"too many requests are under way; try again in {retry_after_s:g} s",
        request_id,
        (_retry_info(retry_after_s),),
    )


def status(code: int, message: str, request_id: str, details: Details = ()) -> Status:
    """With a RequestInfo detail after the others."""
    made = Status(code=code, message=message[:LONGEST_MESSAGE])
    for detail in (*details, error_details_pb2.RequestInfo(request_id=request_id)):
        packed = Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made
