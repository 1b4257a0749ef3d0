"""Waits for what happens soon, not for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PAUSE_S = 0.05


def eventually(look: Callable[[], Found | None], what: str, seconds: float = 30) -> Found:
    """The first thing that `look` finds; fails if it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(PAUSE_S)
    raise AssertionError(f"{what} was not seen within {seconds:.0f} s")
