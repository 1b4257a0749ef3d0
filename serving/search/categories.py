"""Which of the shop's own names a query says in full: what is popular in that category is an answer."""

from collections import defaultdict
from collections.abc import Mapping

from serving.search.analysis import Analysis
from serving.search.reading import MOST_WORDS


class Categories:
    """Texts that items are counted by, found by their words."""

    def __init__(self, texts: Mapping[int, str], analysis: Analysis) -> None:
        self._analysis = analysis
        self._keys: defaultdict[frozenset[str], list[int]] = defaultdict(list)
        for key, text in texts.items():
            if terms := frozenset(word.term for word in analysis.indexed(text)):
                self._keys[terms].append(key)
        self._longest = max(map(len, self._keys), default=0)

    def __call__(self, text: str) -> tuple[int, ...]:
        """Keys of the texts of the most words, all of which stand side by side in the query; or none."""
        terms = [word.term for word in self._analysis.asked(text)[:MOST_WORDS]]
        for length in range(min(self._longest, len(terms)), 0, -1):
            starts = range(len(terms) - length + 1)
            found = [frozenset(terms[start : start + length]) for start in starts]
            if keys := {key: None for one in found for key in self._keys.get(one, ())}:
                return tuple(keys)
        return ()
