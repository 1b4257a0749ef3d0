"""A small shop whose answers can be worked out by hand."""

from pathlib import Path

from serving.features.keys import string_key
from serving.search.documents import Fields, Item
from serving.search.index import OpenIndex, open_index, write_index
from serving.search.lexical import Lexical
from serving.search.phrases import phrases_of
from serving.search.reading import Read
from serving.search.spelling import Spelling
from serving.search.synonyms import Synonyms

DEPARTMENTS = ("DAIRY", "BAKERY", "DRINKS")
FIELDS = Fields(facets=("department", "shop's own, odd name"), numbers=("price",))
DAIRY, BAKERY, DRINKS = map(string_key, DEPARTMENTS)


def item(key: int, title: str, text: str, department: int, price: float | None = None) -> Item:
    numbers = {} if price is None else {"price": price}
    name = next(one for one in DEPARTMENTS if string_key(one) == department)
    return Item(key, title, (text,), {"department": name}, numbers)


ITEMS = [
    item(10, "Whole milk, 1 gallon", "milk dairy", DAIRY, 3.5),
    item(11, "Chocolate milk, 500 ml", "milk dairy", DAIRY, 2.0),
    item(12, "Cheddar cheese", "cheese dairy", DAIRY, 6.25),
    item(13, "Cream cheese, 8 oz", "cheese dairy", DAIRY),
    item(14, "Milk bread", "bread bakery", BAKERY, 1.5),
    item(15, "Ice cream soda", "soda drinks", DRINKS, 1.0),
    item(16, "Cola, 12 fl oz", "soft drink", DRINKS, 1.0),
    item(17, "Crackers", "cheese snacks", BAKERY, 2.5),
]


def opened(folder: Path, items: list[Item] = ITEMS, built_us: int = 0) -> OpenIndex:
    folder.mkdir(parents=True, exist_ok=True)
    phrases = phrases_of((item.title, 1.0) for item in items)
    write_index(items, FIELDS, "en", folder, phrases, built_us=built_us)
    return open_index(folder)


def lexical(of: OpenIndex, synonyms: Synonyms | None = None) -> Lexical:
    read = Read(of.analysis, Spelling(of.vocabulary), synonyms or of.synonyms)
    return Lexical(of, read)
