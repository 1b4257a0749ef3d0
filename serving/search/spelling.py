"""What a word may have meant that no item has: its completions, and known words a letter or two away."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from serving.search.index import Vocabulary

SHORTEST_PREFIX, SHORTEST_TYPO, SHORTEST_TWO = (
    2,
    4,
    8,
)  # letters of a word, by what is tried with it
MOST = 8  # meanings of one word
COMPLETION = 0.9  # what each is worth beside the word itself
BY_DISTANCE = (1.0, 0.8, 0.5)
SPLIT = 0.9


@dataclass(frozen=True, slots=True)
class Meaning:
    """Words that may stand for one that was written; `weight` says how good a guess it is, up to 1."""

    terms: tuple[str, ...]
    weight: float


class Spelling:
    """Of one vocabulary. Letters that were swapped are one mistake (optimal string alignment)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._words = vocabulary
        self._place = {term: at for at, term in enumerate(vocabulary.terms)}
        self._of_length: defaultdict[int, list[str]] = defaultdict(list)
        for term in vocabulary.terms:
            self._of_length[len(term)].append(term)
        self.meanings = lru_cache(10_000)(self._meanings)

    def knows(self, term: str) -> bool:
        return term in self._place

    def written(self, term: str) -> str:
        """How items write a known word."""
        return self._words.written[self._place[term]]

    def completions(self, prefix: str) -> list[str]:
        """Words that begin so, those of most items first; the word itself is none."""
        terms = self._words.terms
        begin = bisect_left(terms, prefix)
        end = bisect_left(terms, prefix + "\U0010ffff")
        found = [at for at in range(begin, end) if terms[at] != prefix]
        return [terms[at] for at in self._by_items(found)]

    def _meanings(self, term: str) -> tuple[Meaning, ...]:
        """At most MOST, the best guess first."""
        found: dict[tuple[str, ...], float] = {}
        for meaning in self._guesses(term):
            found[meaning.terms] = max(meaning.weight, found.get(meaning.terms, 0.0))
        best = sorted(found, key=lambda terms: (-found[terms], -self._least(terms), terms))
        return tuple(Meaning(terms, found[terms]) for terms in best[:MOST])

    def _guesses(self, term: str) -> Iterator[Meaning]:
        if len(term) >= SHORTEST_PREFIX:
            yield from (Meaning((one,), COMPLETION) for one in self.completions(term)[:MOST])
        if len(term) >= SHORTEST_TYPO and not term[0].isdigit():
            near = self._near(term, 2 if len(term) >= SHORTEST_TWO else 1)
            yield from (Meaning((one,), BY_DISTANCE[distance]) for distance, one in near)
        for cut in range(2, len(term) - 1):
            if self.knows(term[:cut]) and self.knows(term[cut:]):
                yield Meaning((term[:cut], term[cut:]), SPLIT)

    def _near(self, term: str, most: int) -> list[tuple[int, str]]:
        """At most 4 x MOST words, nearest first, and how many letters away they are.

        Words of one length at a time: while it compares, nothing else of this process runs.
        """
        found = [
            (int(distance), one)
            for length in range(len(term) - most, len(term) + most + 1)
            for one, distance, _ in process.extract(
                term,
                self._of_length.get(length, ()),
                scorer=OSA.distance,
                score_cutoff=most,
                limit=4 * MOST,
            )
        ]
        return sorted(found)[: 4 * MOST]

    def _by_items(self, places: list[int]) -> list[int]:
        items = self._words.items
        return sorted(places, key=lambda at: (-int(items[at]), at))

    def _least(self, terms: tuple[str, ...]) -> int:
        """Items that have the rarest of the words."""
        return min(int(self._words.items[self._place[term]]) for term in terms)
