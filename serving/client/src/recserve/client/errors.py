"""What can go wrong with a call.

RecserveError
    InvalidRequest      the request breaks a limit: `violations` names each field
    NotFound            the item is outside the catalogue
    NotServed           this deployment has no such surface or method
    Overloaded          as many requests as may be are under way, or an event stream is full: `retry_after_s`
    DeadlineExceeded    no answer in time
    Unavailable         no server can be reached, or one lacks what it needs: `retry_after_s`
    ServerFault         any other status, mostly a fault of the server's, which logged it

Each is raised from the grpc error behind it.
"""

from dataclasses import dataclass
from typing import ClassVar

import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field, by its path in the request, such as `filters[0].field`."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a failed call says of itself.

    Attributes:
        request_id: to quote when asking the operators; None if there is none.
    """

    code: grpc.StatusCode
    message: str
    request_id: str | None = None
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s: float | None = None


class RecserveError(Exception):
    """Any failed call. `in_doubt` tells whether some of its events may have been kept all the same."""

    in_doubt: ClassVar[bool] = True

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self.told = told

    def __str__(self) -> str:
        quoted = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.code.name}: {self.told.message}{quoted}"

    @property
    def code(self) -> grpc.StatusCode:
        return self.told.code

    @property
    def request_id(self) -> str | None:
        return self.told.request_id


class InvalidRequest(RecserveError):
    """The request breaks a limit; it would break it again."""

    in_doubt: ClassVar[bool] = False

    @property
    def violations(self) -> tuple[FieldViolation, ...]:
        return self.told.violations


class NotFound(RecserveError):
    """The item is outside the catalogue that answers."""

    in_doubt: ClassVar[bool] = False


class NotServed(RecserveError):
    """This deployment has no such surface or method."""

    in_doubt: ClassVar[bool] = False


class Overloaded(RecserveError):
    """As many requests as may be are under way; of events, also: one of their streams is full."""

    @property
    def retry_after_s(self) -> float | None:
        return self.told.retry_after_s


class DeadlineExceeded(RecserveError):
    """There was no answer in time."""


class Unavailable(RecserveError):
    """No server can be reached, or the one that was lacks what it needs; retries didn't help."""

    @property
    def retry_after_s(self) -> float | None:
        return self.told.retry_after_s


class ServerFault(RecserveError):
    """Any other status; mostly a fault of the server's, which logged it under the request id."""
