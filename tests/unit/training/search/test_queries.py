from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.unit.training.search.conftest import CUTOFF, catalogue, purchases, unflat
from training.errors import PreparedError, ScoreRefused
from training.prepare.contract import DataSet
from training.search.queries import QuerySet, item_labels, make_queries, query_set

# Items 10 to 12 have two labels of two words, 13 one; 14 has one-word labels alone, 15 none.
HOLDING = {"frozen": 3, "pizza": 3, "premium": 2, "economy": 1, "cream": 1, "cheese": 1}
TAKEN = {1: {10, 12}, 2: {13}, 3: {11}}
HELD = {
    "frozen": {10, 11, 12},
    "pizza": {10, 11, 12},
    "premium": {10, 11},
    "economy": {12},
    "cream": {13},
    "cheese": {13},
}


def test_labels_are_below_the_department(data: DataSet) -> None:
    labels = item_labels(catalogue(), data)
    assert labels[10] == (("frozen", "pizza"), ("pizza", "premium"))
    assert labels[15] == ((), ())


def test_relevant_is_what_the_household_took_that_holds_the_words(queries: QuerySet) -> None:
    plain = queries.variants["plain"]
    assert {asked.user_id for asked in plain.asked} == {1, 2, 3}
    for asked, relevant, matching in zip(
        plain.asked, unflat(plain.relevant), plain.matching, strict=True
    ):
        assert set(relevant) == HELD[asked.text] & TAKEN[asked.user_id]
        assert matching == HOLDING[asked.text]


def test_what_it_had_bought_before_is_not_new(queries: QuerySet) -> None:
    plain = queries.variants["plain"]
    for asked, relevant, new in zip(
        plain.asked, unflat(plain.relevant), unflat(plain.new), strict=True
    ):
        assert set(new) == set(relevant) - {1: {10}, 2: {13}, 3: set()}[asked.user_id]
    assert unflat(queries.bought) == [[10, 14], [13], []]


def test_what_has_no_label_of_two_words_is_counted_and_not_asked_for(queries: QuerySet) -> None:
    assert queries.purchases == 6
    assert queries.nameless == 2  # the butter and the thing without labels
    assert not {"butter", ""} & {asked.text for asked in queries.variants["plain"].asked}


def test_a_query_is_never_the_whole_label_that_it_is_of(data: DataSet) -> None:
    labels = item_labels(catalogue(), data).values()
    long = {frozenset(label) for of_item in labels for label in of_item if len(label) > 1}
    for seed in range(30):
        found = make_queries(purchases(), catalogue(), data, CUTOFF, 20, seed)
        asked = {frozenset(one.text.split()) for one in found.variants["plain"].asked}
        assert asked.isdisjoint(long)


def test_of_three_words_one_or_two_are_asked_for_in_any_order(data: DataSet) -> None:
    long = catalogue().with_columns(
        category=pl.lit("BREAD:ITALIAN/FRENCH"), type=pl.lit(None, pl.String)
    )
    texts = {
        one.text
        for seed in range(60)
        for one in make_queries(purchases(), long, data, CUTOFF, 20, seed).variants["plain"].asked
    }
    words = ("bread", "italian", "french")
    pairs = {f"{one} {other}" for one in words for other in words if one != other}
    assert texts == {*words, *pairs}


def test_variants_are_of_the_same_purchases(queries: QuerySet) -> None:
    plain, typo = queries.variants["plain"], queries.variants["typo"]
    assert len(typo.asked) == len(plain.asked)
    assert np.array_equal(typo.household, plain.household)
    assert unflat(typo.relevant) == unflat(plain.relevant)
    for one, other in zip(plain.asked, typo.asked, strict=True):
        assert one.text != other.text
    for one, other in zip(plain.asked, queries.variants["partial"].asked, strict=True):
        assert one.text.startswith(other.text)
        assert len(other.text) < len(one.text)


def test_a_household_asks_so_much_and_no_more(data: DataSet) -> None:
    found = make_queries(purchases(), catalogue(), data, CUTOFF, 1, 3).variants["plain"]
    assert found.household.tolist() == [0, 1, 2]


def test_the_seed_decides(data: DataSet) -> None:
    one, same, other = (
        make_queries(purchases(), catalogue(), data, CUTOFF, 20, seed).variants["typo"].asked
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_an_engine_may_know_only_what_was_before_the_cut_off(state: Path) -> None:
    found = query_set(state)
    assert found.cutoff == CUTOFF
    assert found.dataset == "corner"
    assert found.history["time"].max() < CUTOFF
    assert found.user_ids.to_list() == [1, 2, 3]


def test_what_is_kept_for_the_end_is_not_looked_at(state: Path) -> None:
    with pytest.raises(ScoreRefused, match="make final"):
        query_set(state, CUTOFF + timedelta(days=14))


def test_without_purchases_there_is_nothing_to_ask(state: Path) -> None:
    with pytest.raises(PreparedError, match="nobody took anything"):
        query_set(state, CUTOFF - timedelta(days=200))
