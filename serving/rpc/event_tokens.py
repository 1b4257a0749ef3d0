"""Event tokens: how far the streams of some people's partitions have to be known."""

import struct
from collections.abc import Mapping

from serving.errors import FieldViolation, InvalidRequest
from serving.rpc.seal import Seal
from serving.types import Position

VERSION = b"\x01"
LONGEST_TOKEN = 1_132  # characters: of one with all partitions
_ENTRY = struct.Struct("<BqI")  # partition, milliseconds, number


class EventTokens:
    """Issues url-safe tokens, and reads only those issued under the same key.

    A token seals a version byte and an entry a partition.
    """

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)

    def issue(self, positions: Mapping[int, Position]) -> str:
        """Empty without positions."""
        if not positions:
            return ""
        entries = (_ENTRY.pack(part, *position) for part, position in sorted(positions.items()))
        return self._seal.closed(VERSION + b"".join(entries))

    def read(self, token: str) -> dict[int, Position]:
        """By partition; raises InvalidRequest for anything that this key didn't issue."""
        content = self._seal.opened(token) if len(token) <= LONGEST_TOKEN else None
        if content is None or len(entries := content[1:]) % _ENTRY.size:
            raise _refused()
        return {part: (ms, number) for part, ms, number in _ENTRY.iter_unpack(entries)}


def _refused() -> InvalidRequest:
    description = "was not issued by this service; send RecordEventsResponse.event_token unchanged"
    return InvalidRequest((FieldViolation("event_token", description),))
