"""What a search engine is asked, and how it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Asked:
    user_id: int | str | None  # None: nobody whom the engine knows
    text: str


# (Q queries, count) to (Q, count) int64 item keys, best first, -1 where there are fewer.
Engine = Callable[[Sequence[Asked], int], NDArray[np.int64]]
