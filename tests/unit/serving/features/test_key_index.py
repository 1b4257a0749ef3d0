import numpy as np
import pytest

from serving.features.key_index import KeyIndex

RANDOM = np.random.default_rng(7)
LARGEST = 2**63 - 1
SHAPES = {
    "one": np.array([5]),
    "a run": np.arange(1_000, 3_000),
    "hashes": np.unique(RANDOM.integers(0, LARGEST, 3_000)),
    "the ends": np.array([0, 1, LARGEST - 1, LARGEST]),
    "crowds far apart": np.concatenate([np.arange(500), np.arange(LARGEST - 500, LARGEST)]),
    "with gaps": np.unique(RANDOM.integers(0, 20_000, 5_000)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_key_is_found_and_no_other(shape: str) -> None:
    keys = SHAPES[shape]
    near = np.concatenate([keys, keys[keys < LARGEST] + 1, keys - 1])
    far = np.array([-1, 0, LARGEST, *RANDOM.integers(0, LARGEST, 100)])
    asked = RANDOM.permutation(np.concatenate([near, far]))
    places = {key: place for place, key in enumerate(keys.tolist())}
    expected = [places.get(key, -1) for key in asked.tolist()]
    assert KeyIndex(keys).positions(asked).tolist() == expected


def test_nothing_asked_is_nothing_found() -> None:
    assert KeyIndex(SHAPES["a run"]).positions(np.empty(0, dtype=np.int64)).shape == (0,)
