"""How a text becomes words: the same for what is indexed and for what is asked.

Letters are folded (NFKC, case, accents, the vowel signs of Arabic and Hebrew), quantities get one spelling,
words are stemmed by Snowball's rules for the language. Chinese, Japanese and Korean, which put no spaces
between words, become overlapping pairs of characters (as Lucene's CJKAnalyzer does), whatever the language.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from serving.search.marks import MARKS, UNWRITTEN
from serving.search.sizes import PATTERN, TIMES, digits_of, size_word

# Of BCP 47 tags: Snowball's stemmer; "und" has none, for texts of several languages, nor has Chinese.
LANGUAGES = {
    "und": "",
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "ja": "",
    "ko": "",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "zh": "",
}
ELIDING = {"fr", "it"}  # what is before an apostrophe is an article: "l'eau"; elsewhere: "men's"
# Languages that write 1.200,5 where others write 1,200.5.
COMMA = {"da", "de", "el", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ro", "ru", "sv", "tr"}
# Snowball's languages of which the engine has no list of words like "the".
UNSTOPPED = {"", "arabic", "greek", "romanian", "tamil", "turkish"}
APOSTROPHE = re.compile("['\u2019]")
KEPT = 100_000  # words of which it is remembered what they become
LONGEST = 64  # characters of a word; what is longer is cut
_UNSPACED = r"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
PAIR = re.compile(rf"[{_UNSPACED}]{{2}}")  # what stands for a word where none are parted
_SPACED = rf"(?:(?![{_UNSPACED}])[^\W_])"  # a letter or digit
_FRACTION = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215f\u2189])")  # between number and sign
_SPELLED = re.compile(rf"[{_UNSPACED}]|{_SPACED}(?:(?![_{_UNSPACED}])[\w'\u2019{MARKS}])*")
_PARTS = re.compile(
    rf"(?P<size>{PATTERN})|(?P<times>{TIMES})|(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<word>{_SPACED}(?:(?![{_UNSPACED}])[\w'\u2019{MARKS}])*)"
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the index has it, and as it was written, folded."""

    term: str
    written: str


class Analysis:
    """Of one language, one of LANGUAGES."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._decimal = "," if language in COMMA else "."
        self._stemmer = _analyzer(_stemming(LANGUAGES[language]))
        self._folding = _analyzer([Filter.ascii_fold()])
        self._stopping = _analyzer(_stopping(LANGUAGES[language]))
        self._term = lru_cache(KEPT)(self._stemmed)
        self._is_small = lru_cache(KEPT)(self._stopped)

    def asked(self, text: str) -> list[Word]:
        """The words of a query, in its order; without those like "the", if there are others."""
        words = list(self._words(text, every=False))
        return [word for word in words if not self._is_small(word.written)] or words

    def indexed(self, text: str) -> list[Word]:
        """The words by which a text is found: of a quantity its bare number too, of pairs each character."""
        return list(self._words(text, every=True))

    def spelled(self, text: str) -> list[str]:
        """The words as they are written, letters folded: by which what is being typed is completed."""
        words = (APOSTROPHE.sub("", word) for word in _SPELLED.findall(_folded(text)))
        return ["".join(self._folding.analyze(word)) for word in words]

    def _words(self, text: str, *, every: bool) -> Iterator[Word]:
        for part in _PARTS.finditer(_folded(text)):
            written = part[0]
            if part["size"]:
                yield from self._size(written, part["amount"], every=every)
            elif part["times"]:
                count = written.rstrip("x\u00d7 \t\n")
                yield Word(count, count)
            elif part["unspaced"]:
                yield from _pairs(written, every=every)
            else:
                yield from self._spaced(written)

    def _size(self, written: str, amount: str, *, every: bool) -> Iterator[Word]:
        size = size_word(written, self._decimal)
        if size is not None:
            yield Word(size, written)
        if size is None or every:
            yield from (Word(digits, digits) for digits in digits_of(amount, self._decimal))

    def _spaced(self, written: str) -> Iterator[Word]:
        if self.language in ELIDING:
            written = APOSTROPHE.split(written.rstrip("'\u2019"))[-1]
        for word in APOSTROPHE.sub("", written).replace("_", " ").split():
            if term := self._term(word[:LONGEST]):
                yield Word(term, word[:LONGEST])

    def _stopped(self, word: str) -> bool:
        return not self._stopping.analyze(word)

    def _stemmed(self, word: str) -> str:
        return "".join(self._stemmer.analyze(word))


def _folded(text: str) -> str:
    """Of "1½" too, which NFKC would make 11 halves."""
    apart = unicodedata.normalize("NFKC", _FRACTION.sub(" ", text)).replace("\u2044", "/")
    return UNWRITTEN.sub("", apart.casefold())


def _pairs(written: str, *, every: bool) -> Iterator[Word]:
    if every or len(written) == 1:
        yield from (Word(one, one) for one in written)
    for start in range(len(written) - 1):
        pair = written[start : start + 2]
        yield Word(pair, pair)


def _stemming(language: str) -> list[Filter]:
    return [*([Filter.stemmer(language)] if language else []), Filter.ascii_fold()]


def _stopping(language: str) -> list[Filter]:
    return [] if language in UNSTOPPED else [Filter.stopword(language)]


def _analyzer(filters: list[Filter]) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.raw())
    for one in filters:
        builder = builder.filter(one)
    return builder.build()
