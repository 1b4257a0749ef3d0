"""Figures of two made-up engines against sums by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tests.unit.training.search.conftest import CUTOFF, lists
from training.errors import AnswersError
from training.evaluation.measurements import Measurement, Subject
from training.search.asked import Asked, Engine
from training.search.queries import Queries, QuerySet
from training.search.relevance import by_chance, measure, without

SECOND = 1 / np.log2(3)  # the gain at the second place
SUBJECT = Subject("corner", 7, 6)


def engine(pages: dict[str, list[int]]) -> Engine:
    def answers(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        found = np.full((len(asked), count), -1, dtype=np.int64)
        for row, one in zip(found, asked, strict=True):
            row[: len(pages[one.text])] = pages[one.text]
        return found

    return answers


@pytest.fixture
def two_households() -> QuerySet:
    """Household 0 asks twice, household 1 once; item 10 is nothing new to household 0."""
    plain = Queries(
        (Asked(1, "pizza"), Asked(1, "cheese"), Asked(2, "pizza")),
        np.array([0, 0, 1]),
        lists([10, 12], [13], [11]),
        lists([12], [13], [11]),
        np.array([3, 1, 3]),
    )
    empty = Queries((), np.zeros(0, np.int64), lists(), lists(), np.zeros(0, np.int64))
    return QuerySet(
        "corner",
        CUTOFF,
        pl.DataFrame(),
        pl.Series([1, 2]),
        lists([10], []),
        4,
        0,
        {"plain": plain, "typo": empty, "partial": empty},
    )


@pytest.fixture
def engines() -> dict[str, Engine]:
    return {
        "words": engine({"pizza": [11, 10, 12], "cheese": []}),
        "better": engine({"pizza": [10, 11, 12], "cheese": [13]}),
    }


def figure(rows: list[Measurement], task: str, model: str, metric: str) -> Measurement:
    return next(r for r in rows if (r.task, r.model, r.metric) == (task, model, metric))


def test_a_figure_is_the_mean_of_households_means(
    two_households: QuerySet, engines: dict[str, Engine]
) -> None:
    rows = measure(engines, two_households, SUBJECT, "words")
    # pizza of household 0: right at places 2 and 3 of an ideal of two; cheese: nothing; pizza of 1: first.
    pizza = (SECOND + 1 / 2) / (1 + SECOND)
    assert figure(rows, "search", "words", "ndcg@10").value == pytest.approx((pizza / 2 + 1) / 2)
    assert figure(rows, "search", "words", "recall@10").value == pytest.approx((1 / 2 + 1) / 2)
    assert figure(rows, "search", "words", "zero_result_rate").value == pytest.approx(1 / 4)
    assert figure(rows, "search", "better", "zero_result_rate").value == 0
    better = (1 + 1 / 2) / (1 + SECOND)
    of_better = ((better + 1) / 2 + SECOND) / 2
    assert figure(rows, "search", "better", "ndcg@10").value == pytest.approx(of_better)


def test_the_ratio_is_that_of_the_figures_and_its_interval_is_paired(
    two_households: QuerySet, engines: dict[str, Engine]
) -> None:
    rows = measure(engines, two_households, SUBJECT, "words")
    found = figure(rows, "search", "better", "ndcg@10/words")
    one = figure(rows, "search", "better", "ndcg@10").value
    assert found.value == pytest.approx(one / figure(rows, "search", "words", "ndcg@10").value)
    # Draws are of one household twice, or of both: of household 1 alone it is the second place.
    assert found.low == pytest.approx(SECOND)
    pizza = (SECOND + 1 / 2) / (1 + SECOND)
    assert found.high == pytest.approx(((1 + 1 / 2) / (1 + SECOND) + 1) / pizza)
    assert not [r for r in rows if r.model == "words" and "/" in r.metric]


def test_what_is_new_is_judged_without_what_was_bought_before(
    two_households: QuerySet, engines: dict[str, Engine]
) -> None:
    rows = measure(engines, two_households, SUBJECT, "words")
    # Without item 10, item 12 is second for household 0 under both engines; household 1 loses none.
    assert figure(rows, "search_new", "words", "ndcg@10").value == pytest.approx(
        (SECOND / 2 + 1) / 2
    )
    assert figure(rows, "search_new", "better", "ndcg@10").value == pytest.approx(
        ((SECOND + 1) / 2 + SECOND) / 2
    )


def test_who_takes_nothing_new_is_no_part_of_it(
    two_households: QuerySet, engines: dict[str, Engine]
) -> None:
    plain = replace(two_households.variants["plain"], new=lists([], [], [11]))
    only = replace(two_households, variants={"plain": plain})
    rows = measure(engines, only, SUBJECT, "words")
    assert figure(rows, "search_new", "words", "ndcg@10").value == pytest.approx(1)
    none = replace(plain, new=lists([], [], []))
    rows = measure(engines, replace(two_households, variants={"plain": none}), SUBJECT, "words")
    assert {row.task for row in rows} == {"search"}


def test_a_variant_has_a_task_of_its_own(
    two_households: QuerySet, engines: dict[str, Engine]
) -> None:
    plain = two_households.variants["plain"]
    both = replace(two_households, variants={"plain": plain, "typo": plain})
    rows = measure(engines, both, SUBJECT, "words")
    assert {row.task for row in rows} == {
        "search",
        "search_new",
        "search_typo",
        "search_typo_new",
    }


def test_each_baseline_that_takes_part_has_its_ratios(
    two_households: QuerySet, engines: dict[str, Engine]
) -> None:
    rows = measure(engines, two_households, SUBJECT, "words", "better", "absent")
    ratios = {(row.model, row.metric) for row in rows if "/" in row.metric}
    assert ratios == {("better", "ndcg@10/words"), ("words", "ndcg@10/better")}
    one, other = (
        figure(rows, "search", model, f"ndcg@10/{baseline}").value
        for model, baseline in (("better", "words"), ("words", "better"))
    )
    assert one * other == pytest.approx(1)


def test_a_baseline_that_finds_nothing_has_no_ratio(two_households: QuerySet) -> None:
    silent = {"pizza": [], "cheese": []}
    rows = measure(
        {"words": engine(silent), "other": engine(silent)}, two_households, SUBJECT, "words"
    )
    assert not [row for row in rows if "/" in row.metric]


def test_chance_is_the_mean_over_all_orders() -> None:
    # Of 3 items 1 is right: it is first, second or third equally often.
    found = by_chance(np.array([3, 1]), np.array([1, 1]))
    assert found == pytest.approx([(1 + SECOND + 1 / 2) / 3, 1])


def test_chance_is_what_drawing_orders_gives() -> None:
    draw = np.random.default_rng(4)
    gains = 1 / np.log2(np.arange(2, 12))
    right = np.arange(40) < 3
    drawn = [draw.permutation(right)[:10] @ gains / gains[:3].sum() for _ in range(20_000)]
    assert by_chance(np.array([40]), np.array([3]))[0] == pytest.approx(np.mean(drawn), rel=0.03)


def test_what_is_taken_out_leaves_no_gap() -> None:
    slates = np.array([[5, 7, 6, -1], [7, 5, 6, 8]])
    found = without(slates, np.array([1, 0]), lists([6, 99], [5, 6]))
    assert found.tolist() == [[7, -1, -1, -1], [7, 5, 8, -1]]
    assert without(slates, np.array([0, 0]), lists([], [])) is slates


def test_an_answer_of_another_shape_is_refused(two_households: QuerySet) -> None:
    def short(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        return np.zeros((len(asked), 3), dtype=np.int64)

    with pytest.raises(
        AnswersError, match=r"words answered with int64 \(3, 3\), not with int64 \(3, 100\)"
    ):
        measure({"words": short}, two_households, SUBJECT, "words")
