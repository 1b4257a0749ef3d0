"""The items nearest to a query, exactly, beside the product of all vectors with it alone."""

import time
from collections.abc import Callable

import numpy as np

from serving.search.sought import MOST_NEAR
from serving.search.vectors import ItemVectors
from tests.load.figures import Baseline, Figure, lower
from tests.load.turns import in_turns, times

DIMENSION = 384
SEED = 16


def nearest(items: int, queries: int, rounds: int, said: str) -> list[Figure]:
    """Of as many different texts as items: random directions, as wide as the encoder's."""
    draw = np.random.default_rng(SEED)
    vectors = draw.standard_normal((items, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = np.arange(items, dtype=np.int64)
    of = ItemVectors("bench", "bench", keys, keys.astype(np.int32), keys, vectors)
    asked = vectors[draw.integers(0, items, queries)]

    def ours() -> list[float]:
        return [_seconds(lambda q=q: of.nearest(of.cosines(q), MOST_NEAR)) for q in asked]

    def product() -> list[float]:
        return [_seconds(lambda q=q: of.vector @ q) for q in asked]

    found = times(in_turns({"ours": ours, "product": product}, rounds))
    name = f"search.nearest.{items}"
    alone = Baseline("the product alone", found["product"].p50_ms)
    tail = Baseline("the product alone", found["product"].p99_ms)
    return [
        lower(name, found["ours"].p50_ms, "ms", alone, said),
        lower(f"{name}.p99", found["ours"].p99_ms, "ms", tail, said),
        lower(f"{name}.bytes_an_item", vectors.nbytes / items, "B", None, said),
    ]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
