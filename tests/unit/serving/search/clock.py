"""How the time of a function grows with its text."""

from collections.abc import Callable
from time import process_time

SHORT, LONG = 1_000, 8_000  # characters


def growth(of: Callable[[str], object], part: str) -> float:
    """Of eight times the text, the time as a multiple of eight; the least of several tries."""
    short, long = (min(_seconds(of, part, size) for _ in range(5)) for size in (SHORT, LONG))
    return long / short / (LONG / SHORT)


def _seconds(of: Callable[[str], object], part: str, size: int) -> float:
    text = part * (size // len(part))
    began = process_time()
    of(text)
    return process_time() - began
