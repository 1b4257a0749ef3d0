"""What a caller says. The limits of each field are the server's, which names them when they are passed."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from recserve.client.enums import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the person allowed; nothing, unless it is said.

    Attributes:
        personalization: read the person's own features and history.
        logging: keep a keyed hash of the person's id with the logged answer; keep events.
    """

    personalization: bool = False
    logging: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where and how the person is looking; logged, without effect on the answer."""

    session_id: str | None = None
    placement_id: str | None = None
    device: Device = Device.UNKNOWN
    language_code: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What an item must be like: one of some texts, or a number within bounds, both inclusive.

    `exclude` turns it round.
    """

    field: str
    any_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclude: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a person did. Sent again with the same `event_id`, it counts once.

    Raises:
        ValueError: `event_time` has no time zone, so that no one can tell when it was.
    """

    user_id: str
    item_id: str
    kind: str
    event_time: datetime
    event_id: str = field(default_factory=lambda: str(uuid4()))
    group_id: str | None = None
    quantity: float | None = None
    value: float | None = None
    request_token: str | None = None
    slot: int | None = None

    def __post_init__(self) -> None:
        if self.event_time.utcoffset() is None:
            raise ValueError(
                f"event_time {self.event_time.isoformat()} has no time zone; give one, such as"
                " datetime.now(UTC)"
            )
