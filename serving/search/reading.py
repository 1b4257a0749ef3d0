"""How a query is understood: its words, their synonyms, and what unknown words may have meant."""

from collections.abc import Iterator
from dataclasses import dataclass

from serving.search.analysis import PAIR, Analysis
from serving.search.index import UNCHANGED, WordChanges
from serving.search.spelling import SPLIT, Meaning, Spelling
from serving.search.synonyms import Part, Synonyms

MOST_WORDS = 32  # of a query; further ones are not read
MOST_GUESSED = 6  # words that nobody has: each is compared to the whole vocabulary
SYNONYM = 0.9  # what one is worth beside the word itself


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the query: any of its meanings finds it."""

    meanings: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A query as it is searched; words with no meaning are in `unknown` alone."""

    clauses: tuple[Clause, ...]
    corrected: tuple[tuple[str, str], ...]  # as it was written, as it was taken
    unknown: tuple[str, ...]


class Read:
    """Reads queries for one index; guesses are among the words that its folder has."""

    def __init__(
        self,
        analysis: Analysis,
        spelling: Spelling,
        synonyms: Synonyms,
        changes: WordChanges = UNCHANGED,
    ) -> None:
        self._analysis, self._spelling, self._synonyms = analysis, spelling, synonyms
        self._changes = changes

    def __call__(self, text: str) -> Reading:
        parts = self._synonyms.parts(self._analysis.asked(text)[:MOST_WORDS])
        clauses, corrected, unknown = list[Clause](), list[tuple[str, str]](), list[str]()
        for part in parts:
            meanings = self._known(part)
            tried = len(corrected) + len(unknown) < MOST_GUESSED
            guesses = self._guessed(part) if tried and not meanings else ()
            if meanings or guesses:
                clauses.append(Clause(tuple(meanings) or guesses))
            written = " ".join(word.written for word in part.words)
            if not meanings and guesses:
                best = " ".join(map(self._spelling.written, guesses[0].terms))
                corrected.append((written, best))
            elif not meanings:
                unknown.append(written)
        return Reading(tuple(clauses), tuple(corrected), tuple(unknown))

    def _known(self, part: Part) -> list[Meaning]:
        """The readings whose words some item has, itself first; of a pair of characters at least both."""
        found = [
            Meaning(terms, SYNONYM if at else 1.0)
            for at, terms in enumerate(part.readings)
            if all(map(self._knows, terms))
        ]
        if found or len(part.words) > 1 or not PAIR.fullmatch(part.words[0].term):
            return found
        apart = tuple(part.words[0].term)
        return [Meaning(apart, SPLIT)] if all(map(self._knows, apart)) else []

    def _knows(self, term: str) -> bool:
        """Whether some item has the word."""
        changes = self._changes
        return term in changes.come or (self._spelling.knows(term) and term not in changes.gone)

    def _guessed(self, part: Part) -> tuple[Meaning, ...]:
        """Guesses of a single word, and what else those are called."""
        if len(part.words) > 1:
            return ()
        guesses = self._spelling.meanings(part.words[0].term)
        found = tuple(guess for guess in guesses if all(map(self._knows, guess.terms)))
        return (*found, *self._else(found))

    def _else(self, found: tuple[Meaning, ...]) -> Iterator[Meaning]:
        for meaning in found:
            for terms in self._synonyms.meant.get(meaning.terms, ()):
                if all(map(self._knows, terms)):
                    yield Meaning(terms, SYNONYM * meaning.weight)
