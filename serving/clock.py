"""The one clock: wall clock plus a fixed offset, so that historical data lives at its own "now"."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time at which the system believes to be; the offset is zero in production."""

    offset_s: float = 0.0

    def now_s(self) -> float:
        """Seconds since 1970 UTC."""
        return time.time() + self.offset_s

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return (time.time_ns() + round(self.offset_s * 1e9)) // 1_000
