"""What can go wrong while serving. `api.py` gives each a status, `policy.py` what is done instead.

RecserveError
├── SettingsError      a setting is unknown, missing or out of its range
├── ArtefactError      a bundle, snapshot or clock file is missing, incomplete or of another version
├── LayoutMismatch     a stored row has another layout than the read plan says
├── RequestError       the caller can mend it
│   ├── InvalidRequest     fields out of their limits; all of them at once
│   ├── UnknownItem        the item asked about is outside the catalogue
│   └── SurfaceNotServed   the bundle has no model for the surface
└── OutsideError       another system did not do its part
    ├── Unavailable        it can't be reached
    ├── TimedOut           it did not answer within its share of the deadline
    ├── Failed             it answered with an error
    └── StreamFull         the event stream takes no more until its events are worked off
"""

from dataclasses import dataclass


class RecserveError(Exception):
    """The message says what is wrong and, where there is something to do, what."""


class SettingsError(RecserveError):
    """All wrong settings at once."""


class ArtefactError(RecserveError):
    """The message names the file."""


class LayoutMismatch(RecserveError):
    """The row was written by another version of its view; it must not be read as this one."""


class RequestError(RecserveError):
    """The caller sent something that can't be answered."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field out of its limits."""

    field: str  # empty: the request as a whole
    description: str  # the problem and the limit

    def __str__(self) -> str:
        return f"{self.field or 'the request'}: {self.description}"


class InvalidRequest(RequestError):
    def __init__(self, violations: tuple[FieldViolation, ...]) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations


class UnknownItem(RequestError):
    def __init__(self, item_id: str) -> None:
        super().__init__(f"item {item_id!r} is not in the catalogue")
        self.item_id = item_id


class SurfaceNotServed(RequestError):
    def __init__(self, surface: str, served: tuple[str, ...]) -> None:
        super().__init__(
            f"{surface} is not served by this deployment; it serves {', '.join(served)}"
        )
        self.surface = surface
        self.served = served


class OutsideError(RecserveError):
    """Another system did not do its part; a degradation, not a failure, wherever policy allows."""


class Unavailable(OutsideError):
    pass


class TimedOut(OutsideError):
    pass


class Failed(OutsideError):
    pass


class StreamFull(OutsideError):
    pass
