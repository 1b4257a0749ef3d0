"""Completes what is being typed by what the shop has: the most popular phrases of which a word begins so."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serving.search.analysis import Analysis
from serving.search.phrases import Phrase
from serving.search.reading import MOST_GUESSED
from serving.search.spelling import Meaning, Spelling

END = "\U0010ffff"
APIECE = 4  # times that a phrase is looked for at first, as several of its words may begin so


class Suggest:
    """Phrases, given in the order in which they are suggested, from any of their words on, sorted."""

    def __init__(self, phrases: Sequence[Phrase], analysis: Analysis, spelling: Spelling) -> None:
        self._analysis, self._spelling = analysis, spelling
        self._texts = [phrase.text for phrase in phrases]
        found = sorted(
            (begun, at)
            for at, text in enumerate(self._texts)
            for begun in _from_each_word(analysis.spelled(text))
        )
        self._begun = [begun for begun, _ in found]
        self._phrase = np.array([at for _, at in found], dtype=np.int64)

    def __call__(self, typed: str, count: int) -> list[str]:
        """At most `count` phrases, the most popular first.

        What completes nothing is tried once more with unknown words taken for the nearest.
        """
        words = self._analysis.spelled(typed)
        if not words:
            return []
        found = self._completed(words, ends=typed[-1:].isspace())
        if not len(found):
            found = self._completed(self._corrected(typed), ends=False)
        return [self._texts[at] for at in _lowest(found, count).tolist()]

    def _completed(self, words: Sequence[str], *, ends: bool) -> NDArray[np.int64]:
        """(n,) places of the phrases, some of them several times; `ends`: the last word is whole."""
        prefix = " ".join(words)
        begun = self._begun_with(prefix + " " if ends else prefix)
        if not ends:
            return begun
        alone = slice(bisect_left(self._begun, prefix), bisect_right(self._begun, prefix))
        return np.concatenate([self._phrase[alone], begun])

    def _begun_with(self, prefix: str) -> NDArray[np.int64]:
        begin = bisect_left(self._begun, prefix)
        return self._phrase[begin : bisect_left(self._begun, prefix + END, begin)]

    def _corrected(self, typed: str) -> list[str]:
        words, tried = [], 0
        for word in self._analysis.asked(typed):
            guesses: tuple[Meaning, ...] = ()
            if tried < MOST_GUESSED and not self._spelling.knows(word.term):
                tried += 1
                guesses = self._spelling.meanings(word.term)
            terms = guesses[0].terms if guesses else ()
            words += [self._spelling.written(term) for term in terms] or [word.written]
        return self._analysis.spelled(" ".join(words))


def _lowest(places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` different ones, ascending, without a sort of all where they are many."""
    most = APIECE * count
    while most < len(places):
        lowest = np.unique(np.partition(places, most)[:most])
        if len(lowest) >= count:
            return lowest[:count]
        most *= APIECE
    return np.unique(places)[:count]


def _from_each_word(words: Sequence[str]) -> list[str]:
    return [" ".join(words[start:]) for start in range(len(words))]
