"""Packed feature rows: one per entity and view, little-endian, fixed width (docs/contracts.md)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.keys import NULL_KEY

Dtype = Literal["int64", "float32", "string", "int64_list", "float32_list"]
INTEGER_DTYPES = ("int64", "string", "int64_list")  # strings are stored as keys
LENGTH = "__length"
HEAD_BYTES = 16  # fingerprint and event time


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of a view; `length` is the longest list, 0 for a scalar."""

    name: str
    dtype: Dtype
    length: int = 0

    @property
    def integer(self) -> bool:
        return self.dtype in INTEGER_DTYPES

    @property
    def null(self) -> int | float:
        return NULL_KEY if self.integer else float("nan")


@dataclass(frozen=True)
class Layout:
    """How a view's row is laid out in bytes; the fingerprint tells one layout from another."""

    columns: tuple[Column, ...]

    @cached_property
    def fingerprint(self) -> int:
        """First 8 bytes of BLAKE2b over the canonical JSON of the columns."""
        described = [[c.name, c.dtype, c.length] for c in self.columns]
        canonical = json.dumps(described, separators=(",", ":"))
        return int.from_bytes(hashlib.blake2b(canonical.encode(), digest_size=8).digest(), "little")

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        ordered = sorted(self.columns, key=lambda c: not c.integer)  # stable: declared order within
        fields: list[Any] = [("fingerprint", "<u8"), ("event_time_us", "<i8")]
        for c in ordered:
            kind = "<i8" if c.integer else "<f4"
            fields.append((c.name, kind, (c.length,)) if c.length else (c.name, kind))
        fields += [(c.name + LENGTH, "<u2") for c in self.columns if c.length]
        return np.dtype(fields)

    def empty(self, count: int) -> NDArray[np.void]:
        """`count` rows, null in every column, event time 0."""
        rows = np.zeros(count, dtype=self.dtype)
        rows["fingerprint"] = self.fingerprint
        for c in self.columns:
            rows[c.name] = c.null
        return rows

    @cached_property
    def nothing(self) -> bytes:
        """What follows the event time in a row that is null in every column."""
        return self.empty(1).tobytes()[HEAD_BYTES:]

    def read(self, packed: bytes | memoryview) -> np.void:
        """One row.

        Raises:
            LayoutMismatch: another fingerprint or size; the row is of another layout.
        """
        if len(packed) != self.dtype.itemsize:
            raise LayoutMismatch(f"a row of {len(packed)} bytes, expected {self.dtype.itemsize}")
        row: np.void = np.frombuffer(packed, dtype=self.dtype)[0]
        if int(row["fingerprint"]) != self.fingerprint:
            raise LayoutMismatch(
                f"layout {int(row['fingerprint']):016x}, expected {self.fingerprint:016x}"
            )
        return row


def layout_of(columns: Sequence[Mapping[str, Any]]) -> Layout:
    """From the read plan's `columns`."""
    return Layout(tuple(Column(c["name"], c["dtype"], int(c.get("length", 0))) for c in columns))
