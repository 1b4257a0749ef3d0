"""How a query is understood."""

from pathlib import Path

from serving.search.documents import Fields, Item
from serving.search.index import OpenIndex, open_index, write_index
from serving.search.reading import MOST_GUESSED, MOST_WORDS, Read, Reading
from serving.search.spelling import Spelling
from serving.search.synonyms import Synonyms


def read(index: OpenIndex, text: str, synonyms: Synonyms | None = None) -> Reading:
    return Read(index.analysis, Spelling(index.vocabulary), synonyms or Synonyms())(text)


def meant(of: Reading) -> list[list[tuple[str, ...]]]:
    return [[meaning.terms for meaning in clause.meanings] for clause in of.clauses]


def test_words_that_items_have_mean_themselves(index: OpenIndex) -> None:
    of = read(index, "Milk cheeses")
    assert meant(of) == [[("milk",)], [("chees",)]]
    assert (of.corrected, of.unknown) == ((), ())


def test_synonyms_that_no_item_has_are_left_out(index: OpenIndex) -> None:
    of = read(index, "milk", Synonyms({("milk",): (("cream",), ("xyzzy",))}, 1))
    assert meant(of) == [[("milk",), ("cream",)]]
    assert [m.weight for m in of.clauses[0].meanings] == [1.0, 0.9]


def test_a_word_that_no_item_has_may_have_synonyms_that_some_have(index: OpenIndex) -> None:
    of = read(index, "leche", Synonyms({("lech",): (("milk",),)}, 1))
    assert meant(of) == [[("milk",)]]
    assert of.corrected == ()


def test_what_nothing_is_like_is_unknown(index: OpenIndex) -> None:
    of = read(index, "xyzzy milk")
    assert meant(of) == [[("milk",)]]
    assert of.unknown == ("xyzzy",)


def test_a_pair_of_characters_that_no_item_has_side_by_side_is_both(tmp_path: Path) -> None:
    write_index([Item(1, "有机纯牛奶", ())], Fields(), "zh", tmp_path)
    of = read(open_index(tmp_path), "有机牛奶")
    assert meant(of) == [[("有机",)], [("机", "牛")], [("牛奶",)]]
    assert (of.corrected, of.unknown) == ((), ())
    assert read(open_index(tmp_path), "苹果").unknown == ("苹果",)
    called = Synonyms({("牛有", "机纯"): (("xyzzy",),)}, 2)  # of several words none is left out
    assert read(open_index(tmp_path), "牛有 机纯", called).unknown == ("牛有 机纯",)


def test_no_more_words_are_read_than_the_limit(index: OpenIndex) -> None:
    of = read(index, " ".join(["milk"] * MOST_WORDS + ["cheese"]))
    assert len(of.clauses) == MOST_WORDS
    assert ("chees",) not in [terms for clause in meant(of) for terms in clause]


def test_no_more_words_are_guessed_than_the_limit(index: OpenIndex) -> None:
    of = read(index, " ".join(["chese"] * (MOST_GUESSED + 2)))
    assert len(of.corrected) == MOST_GUESSED
    assert of.unknown == ("chese", "chese")
