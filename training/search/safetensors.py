"""Reads weights from a .safetensors file: 8 bytes of length, a JSON header, the tensors' bytes.

The whole format, at https://github.com/huggingface/safetensors; little-endian, C order.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import EncoderError

DTYPES: Mapping[str, np.dtype[np.generic]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
}
LENGTH = 8


def read_tensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """Every tensor by name, as arrays of their own.

    Raises:
        EncoderError: the file is missing, cut short, or holds a type that isn't read here.
    """
    if not path.is_file():
        raise EncoderError(f"{path} is missing")
    content = path.read_bytes()
    start = LENGTH + int.from_bytes(content[:LENGTH], "little")
    try:
        header = json.loads(content[LENGTH:start])
        return {
            name: _array(content[start:], **described)
            for name, described in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{path} is no whole safetensors file: {error}") from error


def _array(
    content: bytes, dtype: str, shape: list[int], data_offsets: list[int]
) -> NDArray[np.generic]:
    first, last = data_offsets
    values: NDArray[np.generic] = np.frombuffer(content[first:last], dtype=DTYPES[dtype])
    return values.reshape(shape).copy()
