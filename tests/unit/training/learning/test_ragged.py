import numpy as np
import polars as pl

from training.ragged import ragged

LISTS = pl.Series([[3, 1, 2], None, [], [7]], dtype=pl.List(pl.Int64))


def test_null_and_empty_lists_are_empty() -> None:
    assert ragged(LISTS, np.int64, 5).lengths.tolist() == [3, 0, 0, 1]


def test_lists_are_cut_and_filled_with_their_types_null() -> None:
    lists = ragged(LISTS, np.int64, 5)
    assert lists.pad(np.array([3, 0, 1]), 2).tolist() == [[7, -1], [3, 1], [-1, -1]]
    floats = ragged(LISTS.cast(pl.List(pl.Float32)), np.float32, 5).pad(np.array([1]), 2)
    assert np.isnan(floats).all()
    assert floats.dtype == np.float32


def test_lists_longer_than_the_longest_keep_their_head() -> None:
    lists = ragged(LISTS, np.int64, 2)
    assert lists.pad(np.array([0]), 4).tolist() == [[3, 1, -1, -1]]


def test_a_null_inside_a_list_keeps_its_place() -> None:
    lists = ragged(pl.Series([[1.0, None, 2.0]], dtype=pl.List(pl.Float32)), np.float32, 5)
    assert np.isnan(lists.pad(np.array([0]), 3)).tolist() == [[False, True, False]]


def test_nobody_at_all_is_no_error() -> None:
    nobody = ragged(pl.Series([], dtype=pl.List(pl.Int64)), np.int64, 3)
    assert nobody.pad(np.array([], dtype=np.int64), 3).shape == (0, 3)
