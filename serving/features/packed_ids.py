"""Ids that are strings, as arrays that a host's workers share by memory map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PackedIds:
    """N ids in UTF-8, one after the other, and where each ends."""

    text: NDArray[np.uint8]  # (bytes,)
    end: NDArray[np.int64]  # (N,) ascending

    def at(self, rows: NDArray[np.integer[Any]]) -> list[str]:
        """The ids of these rows.

        Raises:
            IndexError: a row is none, -1 included.
        """
        if rows.min(initial=0) < 0:
            raise IndexError("a row below 0 has no id")
        ends = self.end[rows]
        starts = np.where(rows == 0, 0, self.end[rows - 1])
        text = self.text.data
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return [str(text[start:end], "utf-8") for start, end in pairs]


def packed_ids(ids: Sequence[str]) -> PackedIds:
    encoded = [one.encode() for one in ids]
    return PackedIds(
        np.frombuffer(b"".join(encoded), dtype=np.uint8),
        np.cumsum([len(one) for one in encoded], dtype=np.int64),
    )
