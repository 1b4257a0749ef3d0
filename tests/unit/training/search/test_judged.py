import numpy as np
import pytest

from tests.unit.training.search.conftest import catalogue
from tests.unit.training.search.test_relevance import engine
from training.evaluation.measurements import Subject, value
from training.search.judged import graded_ndcg, judged_values, measure_judged
from training.search.judgements import Judgement, Judgements


def test_ndcg_with_grades_by_hand() -> None:
    grades = {1: 3, 2: 1, 3: 2}
    gained = 1 / np.log2(2) + 7 / np.log2(4)  # grade 1, then nothing, then grade 3
    ideal = 7 + 3 / np.log2(3) + 1 / np.log2(4)
    assert graded_ndcg([2, 9, 1], grades, 10) == pytest.approx(gained / ideal)
    assert graded_ndcg([1, 3, 2], grades, 10) == pytest.approx(1)
    assert graded_ndcg([2, 1], grades, 1) == pytest.approx(1 / 7)
    assert np.isnan(graded_ndcg([1], {}, 10))


def test_recall_is_of_grade_2_and_more_and_can_reach_1() -> None:
    page = np.array([[1, 3, -1], [3, 3, 4]])
    many = dict.fromkeys(range(30), 3)
    found = judged_values(page, [{1: 3, 2: 2, 3: 1}, many])
    assert found["recall@10"] == pytest.approx([1 / 2, 2 / 10])
    assert found["recall@100"] == pytest.approx([1 / 2, 2 / 30])


def test_finding_nothing_is_right_where_there_is_nothing() -> None:
    page = np.array([[-1, -1], [1, -1], [-1, -1], [5, -1]])
    found = judged_values(page, [{1: 3}, {1: 3}, {}, {}])
    assert found["zero_result_rate"] == pytest.approx([1, 0, np.nan, np.nan], nan_ok=True)
    assert found["nothing_found_rate"] == pytest.approx([np.nan, np.nan, 1, 0], nan_ok=True)


def test_engines_are_asked_for_nobody_and_measured_beside_each_other() -> None:
    judgements = Judgements(
        "corner",
        (
            Judgement("pizza", "plain", {3: [{"category": ["FROZEN PIZZA"]}]}),
            Judgement("laptop", "nothing", {}),
        ),
    )
    engines = {
        "good": engine({"pizza": [10, 11, 12], "laptop": []}),
        "bad": engine({"pizza": [13, 10], "laptop": [14]}),
    }
    rows = measure_judged(engines, judgements, catalogue(), Subject("corner", 7, 6))
    assert value(rows, "search_judged", "good", "ndcg@10") == pytest.approx(1)
    assert value(rows, "search_judged", "bad", "recall@100") == pytest.approx(1 / 3)
    assert value(rows, "search_judged", "good", "nothing_found_rate") == 1
    assert value(rows, "search_judged", "bad", "nothing_found_rate") == 0
