import numpy as np
import polars as pl

from training.evaluation.answers import COUNT, alone, pairs
from training.evaluation.held_out import Targets
from training.offline import CandidateLists
from training.ragged import Ragged

LISTS = CandidateLists(
    pl.Series([11, 12, 13]),
    Ragged(np.array([9, 4, 6, 2, 8], np.int64), np.array([0, 3, 3, 5]), -1),
    np.array([0.1, 0.3, 0.3, 0.2, 0.9], np.float32),
    np.array([0b001, 0b010, 0b110, 0b100, 0b001], np.uint8),
    None,
    ("repeat", "two_tower", "popular"),
)


def padded(*rows: list[int]) -> list[list[int]]:
    return [row + [-1] * (COUNT - len(row)) for row in rows]


def test_a_source_alone_keeps_its_own_order_without_what_is_no_longer_sold() -> None:
    proposed = np.array([[9, 4, 7, 2], [7, 7, -1, -1], [-1, 2, 8, 4]])
    assert alone(proposed, np.array([2, 4, 8, 9])).tolist() == padded([9, 4, 2], [], [2, 8, 4])


def test_a_source_alone_answers_with_a_page() -> None:
    proposed = np.arange(2 * COUNT)[None, ::-1]
    assert alone(proposed, np.arange(2 * COUNT)).tolist() == proposed[:, :COUNT].tolist()


def test_a_pair_is_bought_if_that_user_bought_the_item() -> None:
    targets = Targets(
        "any",
        LISTS.user_ids,
        Ragged(np.array([4, 8, 5, 2, 6], np.int64), np.array([0, 2, 3, 5]), -1),
    )
    found = pairs(LISTS, targets)
    assert found.user.tolist() == [0, 0, 0, 2, 2]
    assert found.bought.tolist() == [False, True, False, True, False]
