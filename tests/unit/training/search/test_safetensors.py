import json
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.encoders import write_tensors
from training.errors import EncoderError
from training.search.safetensors import read_tensors


def test_tensors_come_back_as_they_were_written(tmp_path: Path):
    draw = np.random.default_rng(0)
    written = {
        "a.weight": draw.normal(size=(3, 5)).astype(np.float32),
        "half": draw.normal(size=(2, 1, 2)).astype(np.float16),
        "places": np.arange(7)[None],
        "scalar": np.array(2.5, dtype=np.float32),
    }
    write_tensors(tmp_path / "w.safetensors", written)
    found = read_tensors(tmp_path / "w.safetensors")
    assert list(found) == list(written)
    for name, values in written.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(EncoderError, match=r"none\.safetensors is missing"):
        read_tensors(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept", [4, 30, -1])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, kept: int):
    path = tmp_path / "w.safetensors"
    write_tensors(path, {"a": np.ones(4, np.float32)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(EncoderError, match="is no whole safetensors file"):
        read_tensors(path)


@pytest.mark.parametrize(
    "described",
    [
        {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1]},
    ],
)
def test_what_a_header_can_not_mean_is_refused(tmp_path: Path, described: dict[str, object]):
    path = tmp_path / "w.safetensors"
    header = json.dumps({"a": described}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(EncoderError, match="is no whole safetensors file"):
        read_tensors(path)
