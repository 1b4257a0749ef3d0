from pathlib import Path

import numpy as np
import pytest

from serving.errors import ArtefactError
from serving.features.offer_file import read_offers, write_offers

ITEM_KEY = np.array([10, 20, 30], dtype=np.int64)


def written(folder: Path) -> Path:
    path = folder / "offers.npz"
    write_offers(
        path,
        ["sommer-☀", "ad-1"],
        ["promotion", "ad"],
        np.array([[1, 5], [2, 6]], dtype=np.int64),
        np.array([1.0, 2.5], dtype=np.float32),
        np.array([1, 0, 0], dtype=np.int64),
        np.array([20, 30, 99], dtype=np.int64),
    )
    return path


def test_what_is_written_is_read(tmp_path: Path):
    table = read_offers(written(tmp_path), ITEM_KEY)
    assert table.offer_id == ("sommer-☀", "ad-1")
    assert table.surface == ("SURFACE_PROMOTION", "SURFACE_AD")
    assert (table.start_us.tolist(), table.end_us.tolist()) == ([1, 2], [5, 6])
    assert table.weight.tolist() == [1.0, 2.5]


def test_targets_become_rows_and_those_that_are_not_held_go(tmp_path: Path):
    table = read_offers(written(tmp_path), ITEM_KEY)
    assert list(zip(table.offer.tolist(), table.row.tolist(), strict=True)) == [(0, 2), (1, 1)]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path: Path, content: bytes):
    path = tmp_path / "offers.npz"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"offers\.npz"):
        read_offers(path, ITEM_KEY)


def test_an_archive_of_something_else_is_refused(tmp_path: Path):
    path = tmp_path / "offers.npz"
    np.savez(path, weight=np.ones(2))
    with pytest.raises(ArtefactError, match="id_text"):
        read_offers(path, ITEM_KEY)
