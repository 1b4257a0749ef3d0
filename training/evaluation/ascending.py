"""An argsort of float32 by the hundred thousand, several times as fast as numpy's own."""

import numpy as np
from numpy.typing import NDArray

MOST = 2**32  # values: a place has to fit beside its value


def ascending(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Stable; -0.0 comes before 0.0.

    A value's bits, turned so that they sort as the value does, and its place below them make one integer;
    numpy sorts those with vector instructions, as it can't sort places by values.

    Raises:
        ValueError: the values are not float32, or too many.
    """
    if values.dtype != np.float32 or len(values) > MOST:
        raise ValueError(f"{len(values)} values of {values.dtype}, not up to {MOST} of float32")
    bits = np.ascontiguousarray(values).view(np.uint32)
    turned = bits ^ np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    packed = (turned.astype(np.uint64) << np.uint64(32)) | np.arange(len(bits), dtype=np.uint64)
    packed.sort()
    return (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
