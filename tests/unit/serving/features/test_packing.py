"""Packed rows hold what went in, by a reference that unpacks them value by value."""

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import LayoutMismatch
from serving.features.fields import view_layout
from serving.features.packing import Lists, Scalars, pack

LAYOUT = view_layout(
    "view",
    [
        {"name": "share", "dtype": "float32"},
        {"name": "key", "dtype": "int64"},
        {"name": "items", "dtype": "int64_list", "max_length": 4},
        {"name": "scores", "dtype": "float32_list", "max_length": 3},
    ],
)
INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False)
ROW = st.tuples(INT64, FLOAT32, INT64, st.lists(INT64, max_size=4), st.lists(FLOAT32, max_size=3))


def lists_of(values: list[list[float]], dtype: type) -> Lists:
    flat = np.array([element for one in values for element in one], dtype=dtype)
    lengths = np.array([len(one) for one in values], dtype=np.int64)
    return Lists(flat, lengths, np.zeros(len(values), dtype=bool))


def scalars_of(values: Sequence[float], dtype: type) -> Scalars:
    return Scalars(np.array(values, dtype=dtype), np.zeros(len(values), dtype=bool))


def unpacked(row: bytes) -> tuple[int, float, int, list[int], list[float]]:
    """Reads the bytes as docs/contracts.md describes them."""
    _, time, key, *rest, nulls = struct.unpack("<Qqq4qf3f2HB", row)
    assert nulls == 0
    items, share, scores, lengths = rest[:4], rest[4], rest[5:8], rest[8:]
    assert items[lengths[0] :] == [-1] * (4 - lengths[0])
    assert np.isnan(scores[lengths[1] :]).all()
    return time, share, key, items[: lengths[0]], scores[: lengths[1]]


@settings(deadline=None)
@given(st.lists(ROW, max_size=20))
def test_what_is_packed_comes_back(rows: list[tuple]) -> None:
    times, shares, keys, items, scores = zip(*rows, strict=True) if rows else ([],) * 5
    packed = pack(
        "view",
        LAYOUT,
        {
            "share": scalars_of(shares, np.float32),
            "key": scalars_of(keys, np.int64),
            "items": lists_of(list(items), np.int64),
            "scores": lists_of(list(scores), np.float32),
        },
        np.array(times, dtype=np.int64),
    )
    assert [unpacked(row.tobytes()) for row in packed] == [
        (time, share, key, list(item), list(score)) for time, share, key, item, score in rows
    ]
    assert set(packed["fingerprint"].tolist()) <= {LAYOUT.fingerprint}


def test_a_list_longer_than_its_column_is_refused_by_name() -> None:
    columns = {
        "share": scalars_of([0, 0], np.float32),
        "key": scalars_of([0, 0], np.int64),
        "items": lists_of([[1], [1, 2, 3, 4, 5]], np.int64),
        "scores": lists_of([[], []], np.float32),
    }
    with pytest.raises(LayoutMismatch, match=r"view\.items: a list of 5 .* holds 4"):
        pack("view", LAYOUT, columns, np.zeros(2, dtype=np.int64))
