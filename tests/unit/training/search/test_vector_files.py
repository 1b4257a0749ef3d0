from pathlib import Path

import numpy as np
import pytest

from serving.search.vectors import open_vectors
from training.errors import EncoderError
from training.search.vector_files import write_vectors

ARRAYS = {
    "item_key": np.array([3, 5, 9]),
    "text_row": np.array([1, 0, 1], dtype=np.int32),
    "text_key": np.array([2, 8]),
    "vector": np.array([[0, 0], [0.6, 0.8]], dtype=np.float32),
}


def test_the_same_content_is_one_version_and_another_is_current_afterwards(tmp_path: Path):
    first = write_vectors(tmp_path, "enc", ARRAYS)
    assert write_vectors(tmp_path, "enc", ARRAYS) == first
    other = write_vectors(tmp_path, "enc", ARRAYS | {"item_key": np.array([3, 5, 10])})
    assert other != first
    assert (tmp_path / "current").resolve() == other
    assert open_vectors(first).item_key.tolist() == [3, 5, 9]  # who has it open reads on
    assert write_vectors(tmp_path, "another", ARRAYS) not in (first, other)


@pytest.mark.parametrize("wrong", [[0.6, 0.9], [np.nan, 1], [np.inf, 0], [0, 0.01]])
def test_vectors_that_are_none_are_refused_and_the_current_ones_stay(
    tmp_path: Path, wrong: list[float]
):
    before = write_vectors(tmp_path, "enc", ARRAYS)
    vector = np.array([[1, 0], wrong], dtype=np.float32)
    with pytest.raises(EncoderError, match="1 of 2 vectors of encoder enc are neither 0 nor"):
        write_vectors(tmp_path, "enc", ARRAYS | {"vector": vector})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([before.name, "current"])


def test_a_missing_array_leaves_nothing_behind(tmp_path: Path):
    before = write_vectors(tmp_path, "enc", ARRAYS)
    with pytest.raises(KeyError):
        write_vectors(tmp_path, "enc", {n: a for n, a in ARRAYS.items() if n != "text_key"})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([before.name, "current"])


def test_what_a_killed_run_left_half_written_is_never_opened_and_is_cleared(tmp_path: Path):
    half = tmp_path / ".abcdef12"
    half.mkdir()
    (half / "vector.npy").write_bytes(b"half")
    made = write_vectors(tmp_path, "enc", ARRAYS)
    assert not half.exists()
    assert open_vectors(tmp_path / "current").version == made.name
