"""The int64 form of ids and categories, fixed by KEY_VERSION: other versions can't share a store."""

import struct
from collections.abc import Iterable, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

KEY_VERSION = 1
NULL_KEY = -1
_SIGN = 2**63 - 1
NOBODY = (
    xxhash.xxh64_intdigest(b"", KEY_VERSION) & _SIGN
)  # the one entity of a view without join keys


def string_key(text: str) -> int:
    """XXH64 of the UTF-8 bytes, seeded by the version, without its top bit: 0 to 2^63 - 1."""
    return bytes_key(text.encode())


def bytes_key(content: bytes) -> int:
    """As `string_key`, of bytes that are no text."""
    return xxhash.xxh64_intdigest(content, KEY_VERSION) & _SIGN


def string_keys(texts: Iterable[str]) -> NDArray[np.int64]:
    """(n,) keys, in order."""
    return np.fromiter(map(string_key, texts), dtype=np.int64)


def composite_key(keys: Sequence[int]) -> int:
    """Of an entity with several join keys: XXH64 over their own keys, 8 bytes each, by their names' order."""
    return bytes_key(struct.pack(f"<{len(keys)}q", *keys))


def id_key(text: str, id_kind: str) -> int | None:
    """The key of a shop's id as written on the wire; None if it can't be one.

    An integer id is its own key: decimal digits, 0 to 2^63 - 1.
    """
    if id_kind == "string":
        return string_key(text)
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        return None
    key = int(text)
    return key if key <= _SIGN else None
