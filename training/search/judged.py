"""How good engines are at the hand-written judgements, which nobody's purchases stand behind.

NDCG with the gains 2^grade - 1 (Burges et al., 2005) and the ideal order of the whole catalogue; recall of
what is graded 2 or more. The queries are drawn again for the intervals: they are few, so these are wide.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.intervals import user_weights
from training.evaluation.measurements import Measurement, Subject
from training.evaluation.sampled import means
from training.search.asked import Asked, Engine
from training.search.judgements import Judgements
from training.search.relevance import ZERO, answer

TASK = "search_judged"
RIGHT = 2  # the least grade of what recall counts
NOTHING = "nothing_found_rate"  # of the queries that should find nothing


def measure_judged(
    engines: Mapping[str, Engine], judgements: Judgements, catalogue: pl.DataFrame, subject: Subject
) -> list[Measurement]:
    """Every engine on all queries, asked for nobody.

    Raises:
        JudgementsError: a condition names a column that the catalogue hasn't.
        AnswersError: an engine's answer has not the asked shape or type.
    """
    grades = [judgement.graded(catalogue) for judgement in judgements.queries]
    asked = [Asked(None, judgement.query) for judgement in judgements.queries]
    weights = user_weights(len(asked), subject.seed)
    found = []
    for name, engine in engines.items():
        values = judged_values(answer(name, engine, asked), grades)
        figures = means(np.stack(list(values.values()), axis=1), weights)
        for metric, figure in zip(values, figures, strict=True):
            if np.isfinite(figure.value):
                found.append(subject.measured(TASK, name, metric, figure.interval))
    return found


def judged_values(
    slates: NDArray[np.int64], grades: Sequence[Mapping[int, int]]
) -> dict[str, NDArray[np.float64]]:
    """(Q,) of each metric, NaN of a query that is no part of it."""
    empty = np.asarray((slates < 0).all(axis=1), dtype=np.float64)
    some = np.array([bool(one) for one in grades])
    right = [{key for key, grade in one.items() if grade >= RIGHT} for one in grades]
    pages = [list(dict.fromkeys(row[row >= 0].tolist())) for row in slates]
    return {
        "ndcg@10": np.array([graded_ndcg(*pair, 10) for pair in zip(pages, grades, strict=True)]),
        "recall@10": np.array([_recall(*pair, 10) for pair in zip(pages, right, strict=True)]),
        "recall@100": np.array([_recall(*pair, 100) for pair in zip(pages, right, strict=True)]),
        ZERO: np.where(some, empty, np.nan),
        NOTHING: np.where(some, np.nan, empty),
    }


def graded_ndcg(page: Sequence[int], grades: Mapping[int, int], k: int) -> float:
    """Of a page of distinct item keys, best first; NaN without grades."""
    if not grades:
        return float("nan")
    best = sorted(grades.values(), reverse=True)
    return _gained([grades.get(key, 0) for key in page[:k]]) / _gained(best[:k])


def _gained(grades: Sequence[int]) -> float:
    gains = 2.0 ** np.array(grades, dtype=np.float64) - 1
    return float(gains @ (1 / np.log2(np.arange(2, len(grades) + 2))))


def _recall(page: Sequence[int], right: set[int], k: int) -> float:
    """The share of `right` that is found, of at most k: a page of k right ones is all that it can be."""
    return len(right.intersection(page[:k])) / min(k, len(right)) if right else float("nan")
