"""The items nearest to a query, exactly beside a plain product, and by a graph beside that."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.search.graph import Graph, write_graph
from serving.search.sought import MOST_NEAR
from serving.search.vectors import ItemVectors
from tests.load.figures import Baseline, Figure, higher, lower
from tests.load.turns import in_turns, times

DIMENSION, KINDS, SPREAD = (
    384,
    1_500,
    0.04,
)  # of texts: some 1,500 kinds of things, each in many wordings
SEED = 16
MOST_IN_GRAPH = 100_000  # a graph of more takes longer to build than all else


def nearest(items: int, queries: int, rounds: int, said: str) -> list[Figure]:
    """Of as many different texts as items, as wide as the encoder's vectors."""
    draw = np.random.default_rng(SEED)
    kinds = draw.standard_normal((KINDS, DIMENSION), dtype=np.float32) / np.sqrt(DIMENSION)
    vectors = _unit(_near(kinds, items, draw))
    asked = _unit(_near(kinds, queries, draw))
    keys = np.arange(items, dtype=np.int64)
    exact = ItemVectors("bench", "bench", keys, keys.astype(np.int32), keys, vectors)
    measures = {
        "exact": lambda: [_seconds(lambda q=q: exact.nearest(q, MOST_NEAR)) for q in asked],
        "product": lambda: [_seconds(lambda q=q: exact.vector @ q) for q in asked],
    }
    further: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="recserve-bench-") as folder:
        if items <= MOST_IN_GRAPH:
            path = Path(folder) / "graph"
            building_s = _seconds(lambda: write_graph(path, vectors))
            by_graph = replace(exact, graph=Graph(path, *vectors.shape))
            measures["graph"] = lambda: [
                _seconds(lambda q=q: by_graph.nearest(q, MOST_NEAR)) for q in asked
            ]
            further = [
                lower(f"search.graph.{items}.building", building_s, "s", None, said),
                higher(
                    f"search.graph.{items}.recall", _recall(by_graph, exact, asked), "", None, said
                ),
            ]
        found = times(in_turns(measures, rounds))
    product, name = found["product"], f"search.nearest.{items}"
    told = [
        lower(name, found["exact"].p50_ms, "ms", Baseline("the product", product.p50_ms), said),
        lower(
            f"{name}.p99",
            found["exact"].p99_ms,
            "ms",
            Baseline("the product", product.p99_ms),
            said,
        ),
    ]
    if "graph" in found:
        beside = Baseline("exactly", found["exact"].p50_ms)
        told.append(lower(f"search.graph.{items}", found["graph"].p50_ms, "ms", beside, said))
    return told + further


def _near(kinds: NDArray[np.float32], count: int, draw: np.random.Generator) -> NDArray[np.float32]:
    found = draw.standard_normal((count, DIMENSION), dtype=np.float32)
    found *= np.float32(SPREAD)
    found += kinds[draw.integers(0, len(kinds), count)]
    return found


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _recall(found: ItemVectors, wanted: ItemVectors, asked: NDArray[np.float32]) -> float:
    """Share of the truly nearest that are found."""
    shares = [
        np.isin(
            wanted.nearest(query, MOST_NEAR).item_key, found.nearest(query, MOST_NEAR).item_key
        ).mean()
        for query in asked
    ]
    return float(np.mean(shares))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
