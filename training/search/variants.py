"""A query as people mistype it, and as it is while they still type."""

from collections.abc import Callable, Collection, Sequence
from typing import Literal, get_args

import numpy as np

Variant = Literal["plain", "typo", "partial"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
LONG_ENOUGH = 4  # letters of a word that is mistyped or not yet whole
SHORTEST_PREFIX = 3
TRIES = 20


def with_typo(
    words: Sequence[str],
    alphabet: Sequence[str],
    known: Collection[str],
    random: np.random.Generator,
) -> tuple[str, ...] | None:
    """One letter swapped with the next, dropped, inserted or replaced, in one word of four letters or more.

    What comes out is no word of `known`, so that the typo can be noticed; None where there is no such word.
    """
    long = [place for place, word in enumerate(words) if len(word) >= LONG_ENOUGH]
    for _ in range(TRIES if long else 0):
        place = long[random.integers(len(long))]
        edit = EDITS[random.integers(len(EDITS))]
        word = words[place]
        letter = alphabet[int(random.integers(len(alphabet)))]
        changed = edit(word, int(random.integers(len(word))), letter)
        if changed != word and changed not in known:
            return (*words[:place], changed, *words[place + 1 :])
    return None


def partial(words: Sequence[str], random: np.random.Generator) -> tuple[str, ...] | None:
    """The last word cut to three letters or more; None where it has fewer than four."""
    last = words[-1]
    if len(last) < LONG_ENOUGH:
        return None
    return (*words[:-1], last[: random.integers(SHORTEST_PREFIX, len(last))])


def swapped(word: str, at: int, letter: str) -> str:
    del letter
    return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


def dropped(word: str, at: int, letter: str) -> str:
    del letter
    return word[:at] + word[at + 1 :]


def inserted(word: str, at: int, letter: str) -> str:
    return word[:at] + letter + word[at:]


def replaced(word: str, at: int, letter: str) -> str:
    return word[:at] + letter + word[at + 1 :]


EDITS: tuple[Callable[[str, int, str], str], ...] = (swapped, dropped, inserted, replaced)
