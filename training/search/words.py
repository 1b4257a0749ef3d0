"""The words of a shelf label that somebody would type."""

import re

NOTE = re.compile(r"\([^)]*(\)|$)")  # in brackets, or in one that the label's width cut off
WORD = re.compile(r"[^\W\d_]+")
VOWELS = frozenset("aeiouy")
SHORTEST = 3
NOT_TYPED = frozenset(
    {"all", "and", "any", "for", "not", "other", "the", "than", "under", "over", "with", "less"}
    | {"misc", "miscellaneous", "including", "products", "items", "exact", "non"}
)


def words(label: str) -> tuple[str, ...]:
    """'BREAD:ITALIAN/FRENCH' gives ('bread', 'italian', 'french'): lower case, each once, as they stand.

    Notes in brackets, joining words and, of plain letters, abbreviations are left out: those are shorter
    than three letters or have no vowel, as FD or FRZN.
    """
    found = WORD.findall(NOTE.sub(" ", label).lower())
    return tuple(dict.fromkeys(word for word in found if _typed(word)))


def _typed(word: str) -> bool:
    if not word.isascii():
        return True
    return len(word) >= SHORTEST and word not in NOT_TYPED and not VOWELS.isdisjoint(word)
