"""Reads what may be known of the person."""

from serving.features.rows import NOTHING, UserRows, UserRowsReader
from serving.types import Person


class Hydrate:
    """Without consent to personalization, or without an id, nothing is read."""

    def __init__(self, reader: UserRowsReader) -> None:
        self._read = reader

    async def __call__(self, person: Person, now_us: int, timeout_s: float) -> UserRows:
        """Raises OutsideError if the store doesn't answer in time."""
        key = person.readable_key
        if key is None:
            return NOTHING
        return await self._read(key, now_us, timeout_s, person.events_until)
