"""The one clock: wall clock plus a fixed offset, so that historical data lives at its own "now"."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ArtefactError


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


def read_clock(path: Path | None) -> Clock:
    """The clock of a clock file (docs/contracts.md); without a file, the wall clock.

    Raises:
        ArtefactError: the file is missing, is no JSON object or has no finite `offset_s`.
    """
    if path is None:
        return Clock()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtefactError(f"the clock file {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ArtefactError(f"the clock file {path} is no JSON: {error}") from error
    offset = document.get("offset_s") if isinstance(document, dict) else None
    if isinstance(offset, bool) or not isinstance(offset, int | float) or not math.isfinite(offset):
        raise ArtefactError(f"the clock file {path} needs a finite number offset_s, got {offset!r}")
    return Clock(float(offset))
