"""What a query finds, in which order, and how it says that it found something else."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from serving.errors import Failed
from serving.features.keys import string_key
from serving.search.analysis import Analysis
from serving.search.documents import Fields, Item
from serving.search.index import OpenIndex
from serving.search.lexical import Found
from serving.search.query import Match, Order
from serving.search.synonyms import Synonyms
from serving.types import Condition
from tests.unit.serving.search.changes import searched, with_changes
from tests.unit.serving.search.made import BAKERY, DAIRY, DRINKS, ITEMS, item, lexical, opened

SODA = Synonyms({("soda",): (("soft", "drink"), ("cola",))}, 1)
ENGLISH = Analysis("en")


def keys(found: Found) -> set[int]:
    return set(found.keys.tolist())


def words(item: Item, *, title: bool) -> Counter[str]:
    texts = [item.title] if title else [item.title, *item.texts]
    return Counter(word.term for text in texts for word in ENGLISH.indexed(text))


def bm25(term: str, item: Item, *, title: bool) -> float:
    """By the formula, with k1 = 1.2 and b = 0.75."""
    every = [words(one, title=title) for one in ITEMS]
    having = sum(term in one for one in every)
    mean = sum(map(Counter.total, every)) / len(every)
    mine = words(item, title=title)
    rarity = math.log(1 + (len(every) - having + 0.5) / (having + 0.5))
    fading = 1.2 * (0.25 + 0.75 * mine.total() / mean)
    return rarity * mine[term] * 2.2 / (mine[term] + fading)


@pytest.mark.parametrize("query", ["milk", "cheese", "ice", "drinks"])
def test_scores_are_those_of_the_formula_and_a_title_counts_twice(
    index: OpenIndex, query: str
) -> None:
    (term,) = (word.term for word in ENGLISH.asked(query))
    found = lexical(index)(query, 10)
    expected = {
        item.key: max(2 * bm25(term, item, title=True), bm25(term, item, title=False))
        for item in ITEMS
        if words(item, title=False)[term]
    }
    assert dict(zip(found.keys.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(
        expected, rel=1e-5
    )
    assert (np.diff(found.scores) <= 0).all()


def test_scores_of_several_words_add_up(index: OpenIndex) -> None:
    search = lexical(index)
    found = search("chocolate milk", 10)
    parts = [search(word, 10) for word in ("chocolate", "milk")]
    of = [dict(zip(p.keys.tolist(), p.scores.tolist(), strict=True))[11] for p in parts]
    assert found.scores.tolist() == pytest.approx([sum(of)], rel=1e-5)


def test_all_words_are_wanted_and_half_of_them_do_where_none_has_all(index: OpenIndex) -> None:
    search = lexical(index)
    assert keys(search("milk chocolate", 10)) == {11}
    assert search("milk chocolate", 10).match is Match.ALL
    some_words = search("chocolate milk bread", 10)
    assert (keys(some_words), some_words.match) == ({11, 14}, Match.SOME)
    one_word = search("cola cheddar bread", 10)
    assert one_word.match is Match.SOME
    assert keys(one_word) == {12, 14, 16}


def test_a_size_is_found_in_any_spelling(index: OpenIndex) -> None:
    search = lexical(index)
    assert keys(search("milk 1 ga", 10)) == {10}
    assert keys(search("milk 128 oz", 10)) == {10}
    assert keys(search("0.5 litre", 10)) == {11}
    assert keys(search("12 oz", 10)) == {16}


def test_mistakes_and_parts_are_read_and_said(index: OpenIndex) -> None:
    search = lexical(index)
    found = search("chedar chese", 10)
    assert keys(found) == {12}
    assert found.reading.corrected == (("chedar", "cheddar"), ("chese", "cheese"))
    assert keys(search("choc", 10)) == {11}
    assert keys(search("icecream", 10)) == {15}


def test_synonyms_find_what_is_called_otherwise(index: OpenIndex) -> None:
    assert keys(lexical(index)("soda", 10)) == {15}
    found = lexical(index, SODA)("soda", 10)
    assert keys(found) == {15, 16}
    assert found.keys[0] == 15
    assert found.reading.corrected == ()
    assert keys(lexical(index, SODA)("sodda", 10)) == {15, 16}


def test_nothing_like_it_is_said(index: OpenIndex) -> None:
    found = lexical(index)("xyzzy qwerty", 10, facets=["department"])
    assert (found.match, found.total, len(found.keys)) == (Match.NONE, 0, 0)
    assert found.reading.unknown == ("xyzzy", "qwerty")
    assert dict(found.facets) == {}
    half = lexical(index)("xyzzy milk", 10)
    assert (half.match, half.total, half.reading.unknown) == (Match.SOME, 3, ("xyzzy",))


def test_a_blank_text_finds_everything_and_signs_without_words_nothing(index: OpenIndex) -> None:
    for text in ("", "  ", "\t\u3000\n"):
        found = lexical(index)(text, 3)
        assert found.keys.tolist() == [10, 11, 12]
        assert (found.total, found.match) == (len(ITEMS), Match.ALL)
    for text in ("!!!", "?", "🍕", " _ "):
        found = lexical(index)(text, 3, facets=["department"])
        assert (len(found.keys), found.total, found.match) == (0, 0, Match.NONE)
        assert found.reading.unknown == ()


def test_filters_and_facets_count_what_is_left(index: OpenIndex) -> None:
    search = lexical(index)
    found = search("milk", 10, facets=["department"])
    assert found.facets == {"department": ((DAIRY, 2), (BAKERY, 1))}
    dairy = search("milk", 1, [Condition("department", (DAIRY,))], ["department"])
    assert (dairy.total, dairy.facets) == (2, {"department": ((DAIRY, 2),)})
    assert keys(search("milk", 9, [Condition("department", (DAIRY,), exclude=True)])) == {14}
    assert keys(search("", 9, [Condition("department", (DRINKS, BAKERY))])) == {14, 15, 16, 17}
    assert search("milk", 9, [Condition("department", (404,))]).match is Match.NONE


def test_counts_are_whole_over_every_segment_and_thousands_of_values(tmp_path: Path) -> None:
    """Each segment counts by itself, and a live change adds one."""
    brands = [Item(n, "thing", (), {"department": f"brand {n // 2}"}) for n in range(6000)]
    once = Item(6000, "thing", (), {"department": "hot"})
    changed = [Item(7000 + n, "thing", (), {"department": "hot"}) for n in range(50)]
    live = with_changes(tmp_path, changed, items=[*brands, once])
    found = searched(live.current)("thing", 1, facets=["department"])
    assert found.facets["department"][0] == (string_key("hot"), 51)


def test_filters_by_number_leave_out_what_has_none(index: OpenIndex) -> None:
    search = lexical(index)
    assert keys(search("", 9, [Condition("price", minimum=2.5)])) == {10, 12, 17}
    assert keys(search("", 9, [Condition("price", minimum=1.5, maximum=2.0)])) == {11, 14}
    assert keys(search("", 9, [Condition("price", maximum=2.0, exclude=True)])) == {10, 12, 13, 17}


NUMBERS = np.array(
    [0.0, -0.0, 0.1, 1.94, -1.94, 1e-45, 3.4028235e38, np.inf, -np.inf, np.nan], "f4"
)
bounds = some.none() | some.floats(allow_nan=False) | some.sampled_from(NUMBERS[:-1].tolist())


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    items = [
        item(n, "x", "", DAIRY, None if math.isnan(number) else number)
        for n, number in enumerate(NUMBERS.tolist())
    ]
    return opened(tmp_path_factory.mktemp("priced"), items)


@pytest.mark.parametrize("price", [0.1, 1.94])
def test_an_exact_price_finds_what_has_it(priced: OpenIndex, price: float) -> None:
    found = lexical(priced)("", 9, [Condition("price", minimum=price, maximum=price)])
    assert NUMBERS[found.keys].tolist() == [np.float32(price)]


@given(minimum=bounds, maximum=bounds, exclude=some.booleans())
@example(minimum=0.0, maximum=None, exclude=False)
@example(minimum=None, maximum=-0.0, exclude=False)
@example(minimum=1e39, maximum=1e300, exclude=False)
@example(minimum=-1e39, maximum=1e39, exclude=False)
@example(minimum=1.9400000000000002, maximum=None, exclude=True)
def test_bounds_are_those_of_the_snapshot(
    priced: OpenIndex, minimum: float | None, maximum: float | None, *, exclude: bool
) -> None:
    if minimum is None and maximum is None:
        return
    found = lexical(priced)("", 99, [Condition("price", (), minimum, maximum, exclude)])
    within = ~np.isnan(NUMBERS)
    with np.errstate(over="ignore"):
        if minimum is not None:
            within &= np.float32(minimum) <= NUMBERS
        if maximum is not None:
            within &= np.float32(maximum) >= NUMBERS
    assert sorted(found.keys.tolist()) == np.flatnonzero(within ^ exclude).tolist()


def test_a_double_is_indexed_as_feature_rows_hold_it(tmp_path: Path) -> None:
    of = opened(tmp_path, [item(1, "x", "", DAIRY, 0.1), item(2, "x", "", DAIRY, 1e39)])
    exact = float(np.float32(0.1))
    assert keys(lexical(of)("", 9, [Condition("price", minimum=exact, maximum=exact)])) == {1}
    assert keys(lexical(of)("", 9, [Condition("price", minimum=math.inf)])) == {2}


class Broken:
    """An engine that fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def search(self, *_: object, **__: object) -> object:
        raise self._error


@pytest.mark.parametrize("error", [ValueError("v"), RuntimeError("r"), OSError("o")])
def test_what_the_engine_raises_is_ours(index: OpenIndex, error: Exception) -> None:
    broken = replace(index, searcher=Broken(error))  # type: ignore[arg-type]
    with pytest.raises(Failed, match=f"search index {index.version} can't search: {error}"):
        lexical(broken)("milk", 9)


def test_a_field_that_the_engine_lacks_is_a_failure_of_its(index: OpenIndex) -> None:
    other = replace(index, fields=Fields(index.fields.facets, ("price", "weight")))
    with pytest.raises(Failed, match=index.version):
        lexical(other)("milk", 9, order=Order("weight"))


def test_a_filter_changes_no_score(index: OpenIndex) -> None:
    search = lexical(index)
    free, held = (search("milk", 9, within) for within in ((), [Condition("department", (DAIRY,))]))
    scores = dict(zip(free.keys.tolist(), free.scores.tolist(), strict=True))
    assert [scores[key] for key in held.keys.tolist()] == held.scores.tolist()


def test_a_sort_goes_by_the_number_with_those_without_one_last(index: OpenIndex) -> None:
    search = lexical(index)
    up, down = (search("cheese", 9, order=Order("price", descending=d)) for d in (False, True))
    assert up.keys.tolist() == [17, 12, 13]
    assert down.keys.tolist() == [12, 17, 13]
    assert np.isnan(up.scores[-1])


def test_alike_come_in_the_order_of_the_index(index: OpenIndex) -> None:
    found = lexical(index)("", 9)
    assert found.keys.tolist() == [item.key for item in ITEMS]


@given(text=some.text(max_size=60))
def test_no_text_is_an_error_or_a_language_of_queries(index: OpenIndex, text: str) -> None:
    found = lexical(index)(text, 5)
    assert found.total >= len(found.keys)
    assert (found.match is Match.NONE) == (found.total == 0)


@given(
    text=some.lists(
        some.sampled_from(
            [*'+-&|!(){}[]^"~*?:\\/<>=', "AND", "OR", "NOT", "IN", "TO", "title:", "milk"]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_signs_of_a_query_language_are_no_more_than_their_words(
    index: OpenIndex, text: str
) -> None:
    search = lexical(index)
    words = ENGLISH.asked(text)
    plain = search(" ".join(word.written for word in words), 9)
    found = search(text, 9).keys.tolist()
    assert found == (plain.keys.tolist() if words or not text.strip() else [])
