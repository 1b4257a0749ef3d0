"""Whatever a cell or a name holds, as a short line that can neither break a table nor hide in it."""

from unicodedata import bidirectional

WIDEST = 32  # characters of a value
WIDEST_NAME = 60


def shown(text: str, widest: int = WIDEST) -> str:
    """One line of printable characters; others as their code points, long ones cut."""
    cut = text if len(text) <= widest else f"{text[: widest - 1]}…"
    line = "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in cut)
    leftwards = any(bidirectional(c) in ("R", "AL") for c in line)
    # Isolated, so that a terminal that turns text round turns this alone.
    return f"\u2068{line}\u2069" if leftwards else line
