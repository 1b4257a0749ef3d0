"""What the index knows of an item: the words it is found by, what it is filtered, counted and sorted by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tantivy import Document, Schema, SchemaBuilder

from serving.features.keys import string_key
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

    def facet(self, name: str) -> str:
        return f"facet{self.facets.index(name)}"

    def number(self, name: str) -> str:
        return f"number{self.numbers.index(name)}"

    def schema(self) -> Schema:
        builder = SchemaBuilder()
        builder.add_text_field(TITLE, tokenizer_name=PARTED, index_option="freq")
        builder.add_text_field(TEXT, tokenizer_name=PARTED, index_option="freq")
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


def words_of(item: Item, analysis: Analysis) -> Words:
    others = (word for text in item.texts for word in analysis.indexed(text))
    return Words(tuple(analysis.indexed(item.title)), tuple(others))


def document(item: Item, words: Words, fields: Fields) -> Document:
    """A title's words are found as text too, so that a query may take its words from anywhere."""
    title = [word.term for word in words.title]
    made = Document()
    made.add_text(TITLE, " ".join(title))
    made.add_text(TEXT, " ".join([*title, *(word.term for word in words.others)]))
    made.add_integer(KEY, item.key)
    for name, text in item.facets.items():
        made.add_integer(fields.facet(name), string_key(text))
    for name, number in item.numbers.items():
        made.add_float(fields.number(name), number)
    return made
