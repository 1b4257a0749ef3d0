"""Orders candidates and cuts the slate."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from serving.stages.merge import Merged
from serving.types import Keys, ServedItem

Names = Callable[[Keys], Sequence[str]]  # the ids of keys, in their order


def order(keys: Keys, probability: NDArray[np.float32] | None, page_size: int) -> NDArray[np.int64]:
    """Positions among the candidates: most probable first, ties by key ascending.

    Without probabilities the candidates keep their order.
    """
    if probability is None:
        return np.arange(len(keys), dtype=np.int64)[:page_size]
    return np.lexsort((keys, -probability))[:page_size].astype(np.int64, copy=False)


def slate(
    candidates: Merged,
    positions: NDArray[np.int64],
    scores: NDArray[np.float32] | None,
    names: Names,
) -> tuple[ServedItem, ...]:
    """The candidates at `positions`, as they are served."""
    chosen = positions.tolist()
    found = [None] * len(chosen) if scores is None else scores[positions].tolist()
    ids = names(candidates.keys[positions])
    return tuple(
        ServedItem(item_id, score, candidates.sources[at])
        for item_id, score, at in zip(ids, found, chosen, strict=True)
    )
