"""Which of our errors each gRPC status becomes, with the details that the server sent."""

from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from recserve.client.errors import (
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    NotFound,
    NotServed,
    Overloaded,
    RecserveError,
    ServerFault,
    Told,
    Unavailable,
)
from recserve.v1 import event_service_pb2 as events_pb

Code = grpc.StatusCode
ERRORS: Mapping[grpc.StatusCode, type[RecserveError]] = {
    Code.CANCELLED: Unavailable,  # by the server, which is stopping
    Code.UNKNOWN: ServerFault,
    Code.INVALID_ARGUMENT: InvalidRequest,
    Code.DEADLINE_EXCEEDED: DeadlineExceeded,
    Code.NOT_FOUND: NotFound,
    Code.ALREADY_EXISTS: ServerFault,
    Code.PERMISSION_DENIED: ServerFault,
    Code.UNAUTHENTICATED: ServerFault,
    Code.RESOURCE_EXHAUSTED: Overloaded,
    Code.FAILED_PRECONDITION: ServerFault,
    Code.ABORTED: ServerFault,
    Code.OUT_OF_RANGE: ServerFault,
    Code.UNIMPLEMENTED: NotServed,
    Code.INTERNAL: ServerFault,
    Code.UNAVAILABLE: Unavailable,
    Code.DATA_LOSS: ServerFault,
}
# What grpc.aio says, now and then, of a stream whose connection ended under a write.
CUT_OFF = (Code.INTERNAL, "Internal error from Core")
CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in Code}


def error_of(failed: Any, request_id: str | None) -> RecserveError:
    """`failed` is a grpc.RpcError of a call with that id, which holds unless the server tells one."""
    details = _details(failed)
    violations = tuple(
        FieldViolation(v.field, v.description)
        for v in _detail(details, BadRequest()).field_violations
    )
    retry = _detail(details, RetryInfo())
    told = Told(
        failed.code(),
        failed.details() or "",
        _detail(details, RequestInfo()).request_id or request_id,
        violations,
        retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None,
    )
    if (told.code, told.message) == CUT_OFF:
        return Unavailable(told)
    return ERRORS.get(told.code, ServerFault)(told)


def error_of_batch(refused: events_pb.BatchError) -> RecserveError:
    """What a stream says of one batch."""
    code = CODES.get(refused.code, Code.UNKNOWN)
    violations = tuple(FieldViolation(v.field, v.description) for v in refused.invalid_fields)
    told = Told(code, refused.message, refused.request_id or None, violations)
    return ERRORS.get(code, ServerFault)(told)


def _details(failed: Any) -> Status:
    """Empty if there are none, or if something between here and the server garbled them."""
    try:
        return rpc_status.from_call(failed) or Status()
    except (ValueError, DecodeError):
        return Status()


def _detail(status: Status, kind: Any) -> Any:
    """The detail of that kind; `kind` itself, empty, if there is none that can be read."""
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            try:
                packed.Unpack(kind)
            except DecodeError:
                kind.Clear()
    return kind
