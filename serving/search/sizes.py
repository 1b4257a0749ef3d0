"""Quantities with a unit, of one spelling: "22 lb", "22LB" and "352 oz" are the same word.

A label doesn't tell ounces of weight from those of volume, so both are one unit, and a gallon is 128 of them.
"""

import re
from fractions import Fraction

# The spellings of each unit, the unit that it is counted in, and how many of those it is.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("mg", "g", "1/1000"),
    ("g gr gram grams", "g", "1"),
    ("kg kgs kilo kilos kilogram kilograms", "g", "1000"),
    ("oz ozs ounce ounces", "oz", "1"),
    ("lb lbs pound pounds", "oz", "16"),
    ("pt pint pints", "oz", "16"),
    ("qt qts quart quarts", "oz", "32"),
    ("ga gal gals gallon gallons", "oz", "128"),
    ("ml milliliter milliliters millilitre millilitres", "ml", "1"),
    ("cl", "ml", "10"),
    ("dl", "ml", "100"),
    ("l ltr liter liters litre litres", "ml", "1000"),
    ("ct count pc pcs piece pieces", "ct", "1"),
    ("dz doz dozen", "ct", "12"),
    ("pk pack packs", "pk", "1"),
    ("mm", "mm", "1"),
    ("cm", "mm", "10"),
    ("in inch inches", "in", "1"),
    ("ft foot feet", "in", "12"),
    ("gb", "gb", "1"),
    ("tb", "gb", "1024"),
)
_CHINESE = (
    *(("克", "g", "1"), ("千克 公斤", "g", "1000"), ("斤", "g", "500")),
    *(("毫升", "ml", "1"), ("升", "ml", "1000")),
)
_UNITS = {
    spelling: (unit, Fraction(factor))
    for spellings, unit, factor in (*_TABLE, *_CHINESE)
    for spelling in spellings.split()
}
_TOGETHER = "|".join(s for spellings, _, _ in _CHINESE for s in spellings.split())
_WRITTEN_APART = [spelling for spellings, _, _ in _TABLE for spelling in spellings.split()]
_NO_LENGTH = {"in": r"in(?![\s-]*\d)"}  # "2 in 1"
_SPELLINGS = "|".join(_NO_LENGTH.get(s, s) for s in sorted(_WRITTEN_APART, key=len, reverse=True))
MOST_DIGITS = 12  # what is longer is a number, no amount
# Whole or not at all: of a long run of digits no part is tried.
_DIGITS = rf"\d{{1,{MOST_DIGITS}}}+(?!\d)"
_GROUPED = r"\d{1,3}+(?:,\d{3})++(?!\d)(?:\.\d++)?|\d{1,3}+(?:\.\d{3})++(?!\d)(?:,\d++)?"
PATTERN = (
    r"(?:(?<![a-z\d.,])|(?<=\dx))"  # "12x330 ml"
    rf"(?P<amount>(?:{_DIGITS}\s+)?{_DIGITS}/{_DIGITS}|{_GROUPED}|(?:(?:{_DIGITS})?[.,])?{_DIGITS})"
    r"[\s-]*(?:fl\.?\s*)?"
    rf"(?P<unit>(?:{_SPELLINGS})\b|{_TOGETHER})\.?"
)
# How many of a size: "12 x" of "12 x 330 ml".
TIMES = rf"(?<![a-z\d.,])\d{{1,4}}+\s*[x\u00d7]\s*(?={re.sub(r'[?]P<[a-z]+>', '?:', PATTERN)})"
_SIZE = re.compile(PATTERN)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?P<mark>[.,])\d{3}(?:(?P=mark)\d{3})*(?P<rest>[.,]\d+)?$")


def without_sizes(text: str) -> str:
    """In small letters, with one space between words."""
    return " ".join(_SIZE.sub(" ", text.lower()).split())


def size_word(text: str, decimal: str = ".") -> str | None:
    """The one spelling of a lower-case quantity such as "1 1/2 l": "1500ml"; None if it is none.

    `decimal` is the language's mark: before exactly three digits, the other one parts thousands.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or len(found["amount"]) > MOST_DIGITS:
        return None
    unit, factor = _UNITS[found["unit"]]
    amount = _amount(found["amount"], decimal)
    if amount is None:
        return None
    return f"{float(amount * factor):.6f}".rstrip("0").rstrip(".") + unit


def digits_of(amount: str, decimal: str = ".") -> list[str]:
    """The bare numbers of an amount: "1,200" is one of them, "1 1/2" are three."""
    return re.findall(r"\d+", _ungrouped(amount, decimal))


def _amount(text: str, decimal: str) -> Fraction | None:
    """Of "1.5", "1,5", ".5", "1,200", "1/2" or "1 1/2"; None of a fraction by 0, or of no number."""
    parts = _ungrouped(text, decimal).replace(",", ".").split()
    try:
        return sum((Fraction(part) for part in parts), Fraction())
    except (ZeroDivisionError, ValueError):
        return None


def _ungrouped(text: str, decimal: str) -> str:
    """Without marks between thousands: one that comes twice, or before another mark, or isn't the decimal."""
    mark = _THOUSANDS.match(text)
    if mark is None:
        return text
    several, other = text.count(mark["mark"]) > 1, bool(mark["rest"])
    return text.replace(mark["mark"], "") if several or other or mark["mark"] != decimal else text
