"""Signs that stand with a letter and are none themselves: inside words they part nothing."""

import re
import unicodedata
from collections.abc import Iterator

_FIRST, _BEYOND = 0x300, 0x1F000  # where Unicode has them, but for some variation selectors


def _ranges() -> Iterator[str]:
    """Those that follow one another as `first-last`."""
    marks = (c for c in range(_FIRST, _BEYOND) if unicodedata.category(chr(c)) in {"Mn", "Mc"})
    first = last = next(marks)
    for mark in marks:
        if mark != last + 1:
            yield f"{chr(first)}-{chr(last)}"
            first = mark
        last = mark
    yield f"{chr(first)}-{chr(last)}"


MARKS = "".join(_ranges())  # for a class of a regular expression
# What is not written always, or isn't seen: accents that fold into no letter, and the dot that folding leaves
# of a Turkish capital I; the vowel signs of Hebrew and Arabic; hyphens of a line's end, joiners, selectors.
UNWRITTEN = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"
    "\u00ad\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
