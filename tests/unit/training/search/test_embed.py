from pathlib import Path

import numpy as np
import pytest

from tests.fakes.encoders import write_encoder
from training.search.embed import before
from training.search.vector_files import write_vectors


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Vectors of texts 10, 20 and 30 by the encoder of `tmp_path`."""
    files = write_encoder(tmp_path / "encoder")
    write_vectors(
        tmp_path / "vectors",
        files.encoder_id,
        {
            "item_key": np.array([1]),
            "text_row": np.array([0], dtype=np.int32),
            "text_key": np.array([10, 20, 30]),
            "vector": np.eye(3, dtype=np.float32),
        },
    )
    return tmp_path / "vectors"


def test_texts_that_have_a_vector_keep_it(vectors: Path, tmp_path: Path):
    files = write_encoder(tmp_path / "encoder")
    vector, known = before(vectors, files, np.array([5, 10, 25, 30, 99]))
    assert known.tolist() == [False, True, False, True, False]
    assert vector.tolist() == [[0] * 3, [1, 0, 0], [0] * 3, [0, 0, 1], [0] * 3]


def test_vectors_of_another_encoder_broken_ones_and_none_are_not_kept(
    vectors: Path, tmp_path: Path
):
    files = write_encoder(tmp_path / "encoder")
    other = write_encoder(tmp_path / "other", dimension=4)
    keys = np.array([10, 20])
    assert before(vectors, other, keys)[0].shape == (2, 4)
    assert not before(vectors, other, keys)[1].any()
    assert not before(tmp_path / "nowhere", files, keys)[1].any()
    (vectors / "current/vector.npy").write_bytes(b"broken")
    assert not before(vectors, files, keys)[1].any()
