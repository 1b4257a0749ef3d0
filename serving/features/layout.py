"""Packed feature rows: one per entity and view, little-endian, fixed width (docs/contracts.md)."""

import hashlib
import json
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.keys import NULL_KEY

Scalar = Literal[
    "int64",
    "string",
    "bytes",
    "uuid",
    "time_uuid",
    "decimal",
    "json",
    "unix_timestamp",
    "float64",
    "float32",
    "int32",
    "bool",
]
Listed = Literal[
    "int64_list",
    "string_list",
    "bytes_list",
    "uuid_list",
    "time_uuid_list",
    "decimal_list",
    "json_list",
    "unix_timestamp_list",
    "float64_list",
    "float32_list",
    "int32_list",
    "bool_list",
]
Dtype = Scalar | Listed
LAYOUT_VERSION = 2  # part of every fingerprint; 2 has a bit for each null
LENGTH = "__length"
NULLS = "__nulls"
HEAD = np.dtype([("fingerprint", "<u8"), ("event_time_us", "<i8")])  # every row's first fields
HEAD_BYTES = 16
UNPACK_HEAD = struct.Struct("<Qq").unpack_from  # the same, of one row
# In the order in which columns stand, so that each is at a multiple of its own width.
STORED: Mapping[str, str] = {
    "int64": "<i8",
    "string": "<i8",  # texts and bytes are stored as keys
    "bytes": "<i8",
    "uuid": "<i8",
    "time_uuid": "<i8",
    "decimal": "<i8",
    "json": "<i8",
    "unix_timestamp": "<i8",  # seconds
    "float64": "<f8",
    "float32": "<f4",
    "int32": "<i4",
    "bool": "|b1",
}
KEYED = frozenset({"string", "bytes", "uuid", "time_uuid", "decimal", "json"})
PLACES = {kind: place for place, kind in enumerate(dict.fromkeys(STORED.values()))}


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of a view; `length` is the longest list, 0 for a scalar."""

    name: str
    dtype: Dtype
    length: int = 0

    @property
    def scalar(self) -> Scalar:
        """The type of the value, or of each element."""
        return cast("Scalar", self.dtype.removesuffix("_list"))

    @property
    def stored(self) -> str:
        """The numpy type of what stands in the row."""
        return STORED[self.scalar]

    @property
    def keyed(self) -> bool:
        """Whether the row holds keys, whose texts or bytes are stored beside the rows."""
        return self.scalar in KEYED

    @property
    def integer(self) -> bool:
        """Whether a model reads it as int64."""
        return self.tensor == "int64"

    @property
    def tensor(self) -> Literal["int64", "float32"] | None:
        """As what a model may read it; None: models don't."""
        if self.scalar in ("int64", "string") and self.dtype != "string_list":
            return "int64"
        return "float32" if self.scalar == "float32" else None

    @property
    def null(self) -> int | float:
        """What stands where there is no value: -1, NaN or false."""
        kind = np.dtype(self.stored).kind
        return {"i": NULL_KEY, "f": float("nan"), "b": False}[kind]


@dataclass(frozen=True)
class Layout:
    """How a view's row is laid out in bytes; the fingerprint tells one layout from another."""

    columns: tuple[Column, ...]

    @cached_property
    def fingerprint(self) -> int:
        """First 8 bytes of BLAKE2b over the canonical JSON of the layout's version and columns."""
        described = [LAYOUT_VERSION, [[c.name, c.dtype, c.length] for c in self.columns]]
        canonical = json.dumps(described, separators=(",", ":"))
        return int.from_bytes(hashlib.blake2b(canonical.encode(), digest_size=8).digest(), "little")

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        ordered = sorted(self.columns, key=lambda c: PLACES[c.stored])  # stable: as declared within
        fields: list[Any] = [("fingerprint", "<u8"), ("event_time_us", "<i8")]
        fields += [
            (c.name, c.stored, (c.length,)) if c.length else (c.name, c.stored) for c in ordered
        ]
        fields += [(c.name + LENGTH, "<u2") for c in self.columns if c.length]
        fields.append((NULLS, "u1", (max(1, -(-len(self.columns) // 8)),)))
        return np.dtype(fields)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {c.name: place for place, c in enumerate(self.columns)}

    def empty(self, count: int) -> NDArray[np.void]:
        """`count` rows, null in every column, event time 0."""
        rows = np.zeros(count, dtype=self.dtype)
        rows["fingerprint"] = self.fingerprint
        for c in self.columns:
            rows[c.name] = c.null
        self.set_nulls(rows, np.ones((count, len(self.columns)), dtype=bool))
        return rows

    @cached_property
    def nothing(self) -> bytes:
        """What follows the event time in a row that is null in every column."""
        return self.empty(1).tobytes()[HEAD_BYTES:]

    def set_nulls(self, rows: NDArray[np.void], nulls: NDArray[np.bool_]) -> None:
        """Records which values of (n,) `rows` are null: (n, columns)."""
        packed = np.packbits(nulls, axis=1, bitorder="little")
        rows[NULLS][:, : packed.shape[1]] = packed

    def nulls(self, rows: NDArray[np.void]) -> NDArray[np.bool_]:
        """(n, columns) which values are null; a number that looks like null may be one of its own."""
        bits = np.unpackbits(rows[NULLS], axis=1, count=len(self.columns), bitorder="little")
        return bits.astype(bool)

    def set_present(self, rows: NDArray[np.void], names: Collection[str]) -> None:
        """Says of the columns `names` that they hold values, which are the caller's to write."""
        nulls = self.nulls(rows)
        nulls[:, [self._places[name] for name in names]] = False
        self.set_nulls(rows, nulls)

    def read(self, packed: bytes | memoryview) -> np.void:
        """One row.

        Raises:
            LayoutMismatch: another fingerprint or size; the row is of another layout.
        """
        self.event_time_us(packed)
        row: np.void = np.frombuffer(packed, dtype=self.dtype)[0]
        return row

    def read_all(self, packed: Sequence[bytes]) -> NDArray[np.void]:
        """(n,) rows; raises as `read`."""
        for one in packed:
            self.event_time_us(one)
        rows: NDArray[np.void] = np.frombuffer(b"".join(packed), dtype=self.dtype)
        return rows

    def event_time_us(self, packed: bytes | memoryview) -> int:
        """Of one row; raises as `read`."""
        size = len(packed)
        fingerprint, time_us = UNPACK_HEAD(packed) if size >= HEAD_BYTES else (None, 0)
        if fingerprint not in (None, self.fingerprint):
            raise LayoutMismatch(f"layout {fingerprint:016x}, expected {self.fingerprint:016x}")
        if size != self._size:
            raise LayoutMismatch(f"a row of {size} bytes, expected {self._size}")
        return int(time_us)

    @cached_property
    def _size(self) -> int:
        return self.dtype.itemsize


def layout_of(columns: Sequence[Mapping[str, Any]]) -> Layout:
    """From the read plan's `columns`."""
    return Layout(tuple(Column(c["name"], c["dtype"], int(c.get("length", 0))) for c in columns))
