"""What else a word is called: a file of lines, as Solr and Elasticsearch read them.

`soda, pop, soft drink` are the same in every direction; `nappy => diaper` finds diapers by nappy alone. Words
go through the index's own analysis, so that plurals need no line of their own; `#` begins a remark.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serving.errors import ArtefactError
from serving.search.analysis import Analysis, Word

MOST_LINES, MOST_WORDS = 20_000, 8
Terms = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Words of a query that stand together, and all that may stand for them, themselves first."""

    words: tuple[Word, ...]
    readings: tuple[Terms, ...]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """By the terms of what may be written, the terms of all that is meant as well."""

    meant: Mapping[Terms, tuple[Terms, ...]] = field(default_factory=dict)
    longest: int = 1

    def parts(self, words: Sequence[Word]) -> list[Part]:
        """The query in parts, the longest that has synonyms first, from its beginning."""
        return list(self._parts(words))

    def _parts(self, words: Sequence[Word]) -> Iterator[Part]:
        place = 0
        while place < len(words):
            length, meant = self._meant(words[place : place + self.longest])
            own = tuple(words[place : place + length])
            yield Part(own, (tuple(word.term for word in own), *meant))
            place += length

    def _meant(self, words: Sequence[Word]) -> tuple[int, tuple[Terms, ...]]:
        for length in range(len(words), 0, -1):
            found = self.meant.get(tuple(word.term for word in words[:length]))
            if found:
                return length, found
        return 1, ()


def read_synonyms(path: Path, analysis: Analysis) -> Synonyms:
    """Raises ArtefactError, which names the line: no two sides, nothing on one, too many words or lines."""
    meant: dict[Terms, list[Terms]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path} can't be read as UTF-8: {error}") from error
    if len(lines) > MOST_LINES:
        raise ArtefactError(f"{path} has {len(lines):,} lines; at most {MOST_LINES:,} are read")
    for number, line in enumerate(lines, 1):
        rule = line.partition("#")[0].strip()
        if rule:
            for of, others in _rules(rule, f"{path}, line {number}", analysis):
                known = meant.setdefault(of, [])
                known += [other for other in others if other != of and other not in known]
    longest = max((len(of) for of in meant), default=1)
    return Synonyms({of: tuple(others) for of, others in meant.items()}, longest)


def _rules(rule: str, place: str, analysis: Analysis) -> Iterator[tuple[Terms, list[Terms]]]:
    left, arrow, right = rule.partition("=>")
    written = _sides(left, place, analysis)
    others = _sides(right, place, analysis) if arrow else written
    if not arrow and len(written) < 2:
        raise ArtefactError(
            f"{place}: {rule!r} names one thing alone; give two, with a comma between"
        )
    for of in written:
        yield of, others


def _sides(text: str, place: str, analysis: Analysis) -> list[Terms]:
    sides = [tuple(word.term for word in analysis.asked(one)) for one in text.split(",")]
    for side, written in zip(sides, text.split(","), strict=True):
        if not 1 <= len(side) <= MOST_WORDS:
            raise ArtefactError(
                f"{place}: {written.strip()!r} has {len(side)} words; 1 to {MOST_WORDS} are read"
            )
    return sides
