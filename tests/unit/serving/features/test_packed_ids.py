"""Ids as arrays give back what was put in."""

import numpy as np
import pytest

from serving.features.packed_ids import packed_ids

IDS = ["", "milk", "naïve", "日本", "", "x" * 300]


@pytest.mark.parametrize("rows", [[], [0], [5, 0, 2, 2], [0, 1, 2, 3, 4, 5]])
def test_the_ids_of_rows_come_in_the_rows_order(rows: list[int]) -> None:
    assert packed_ids(IDS).at(np.array(rows, dtype=np.int32)) == [IDS[row] for row in rows]


def test_no_ids_are_no_bytes() -> None:
    none = packed_ids([])
    assert (len(none.text), len(none.end)) == (0, 0)
    assert none.at(np.arange(0)) == []


@pytest.mark.parametrize("row", [-1, len(IDS)])
def test_a_row_that_is_none_is_refused(row: int) -> None:
    with pytest.raises(IndexError):
        packed_ids(IDS).at(np.array([0, row]))
