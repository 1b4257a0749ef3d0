"""What the index knows of an item: the words it is found by, what it is filtered, counted and sorted by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tantivy import Document, Schema, SchemaBuilder

from serving.features.filter_fields import as_float32
from serving.features.item_texts import LONGEST_TITLE, bounded
from serving.search.analysis import Analysis, Word

TITLE, TEXT, KEY = "title", "text", "key"
PARTED = "whitespace"  # words are made by Analysis; the engine only parts them


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it is indexed; a field without a value is left out."""

    key: int
    title: str
    texts: Sequence[str] = ()  # what else it is found by: categories, brand, description
    facets: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fields:
    """The columns beside the texts, under names that the engine takes whatever the shop calls them.

    A facet's text is held as its key, as feature rows hold it.
    """

    facets: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()  # those of the facets that say what kind of thing an item is

    def facet(self, name: str) -> str:
        return f"facet{self.facets.index(name)}"

    def number(self, name: str) -> str:
        return f"number{self.numbers.index(name)}"

    def schema(self) -> Schema:
        builder = SchemaBuilder()
        for name in (TITLE, TEXT):
            builder.add_text_field(name, stored=True, tokenizer_name=PARTED, index_option="freq")
        builder.add_integer_field(KEY, indexed=True, fast=True)
        for name in self.facets:
            builder.add_integer_field(self.facet(name), indexed=True, fast=True)
        for name in self.numbers:
            builder.add_float_field(self.number(name), indexed=True, fast=True)
        return builder.build()


@dataclass(frozen=True, slots=True)
class Words:
    """What an item is found by, in its order."""

    title: tuple[Word, ...]
    others: tuple[Word, ...]


def words_of(title: str, texts: Sequence[str], analysis: Analysis) -> Words:
    """Of what is longer than the store keeps, the beginning."""
    others = (word for text in bounded(texts) for word in analysis.indexed(text))
    return Words(tuple(analysis.indexed(title[:LONGEST_TITLE])), tuple(others))


@dataclass(frozen=True, slots=True)
class Terms:
    """An item's words as a document holds them, with a blank between."""

    title: str
    text: str  # the title's too, so that a query may take its words from anywhere

    @property
    def distinct(self) -> frozenset[str]:
        return frozenset(self.text.split())


def terms_of(words: Words) -> Terms:
    title = [word.term for word in words.title]
    return Terms(" ".join(title), " ".join([*title, *(word.term for word in words.others)]))


def document(
    key: int,
    terms: Terms,
    facets: Mapping[str, int],
    numbers: Mapping[str, float],
    fields: Fields,
) -> Document:
    """`facets` are keys of texts."""
    made = Document()
    made.add_text(TITLE, terms.title)
    made.add_text(TEXT, terms.text)
    made.add_integer(KEY, key)
    for name, text in facets.items():
        made.add_integer(fields.facet(name), text)
    for name, number in numbers.items():
        made.add_float(fields.number(name), as_held(number))
    return made


def as_held(number: float) -> float:
    """Of a document or of a bound, as feature rows hold it; the engine takes -0.0 for less than 0.0."""
    return float(as_float32(number)) + 0.0
