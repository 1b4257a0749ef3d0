"""The nearest texts, not always all of them: a graph of neighbours, as a memory map.

HNSW (Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical
navigable small world graphs", 2018), by usearch.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from serving.errors import ArtefactError

NAME = "graph.usearch"
METRIC, DTYPE = "ip", "f32"
NEIGHBOURS, LOOKED_AT_TO_ADD, LOOKED_AT_TO_FIND = 16, 128, 256


class Graph:
    """Over the rows of one matrix."""

    def __init__(self, path: Path, texts: int, dimension: int) -> None:
        """Raises ArtefactError: it can't be read, or is of other vectors."""
        try:
            index = Index(
                ndim=dimension, metric=METRIC, dtype=DTYPE, expansion_search=LOOKED_AT_TO_FIND
            )
            index.view(str(path))
        except (RuntimeError, ValueError) as error:
            raise ArtefactError(f"{path} can't be read: {error}") from error
        if (len(index), index.ndim) != (texts, dimension):
            raise ArtefactError(f"{path} is not of {texts} vectors of {dimension} numbers")
        self._index = index

    def nearest(self, query: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """At most `count` rows, in no order that matters."""
        found: NDArray[np.int64] = self._index.search(query, count).keys.astype(np.int64)
        return found


def write_graph(path: Path, vectors: NDArray[np.float32], threads: int = 0) -> None:
    """Of (U, D) vectors; takes minutes for each 100,000 on a core. 0 threads: as many as cores."""
    index = Index(
        ndim=vectors.shape[1],
        metric=METRIC,
        dtype=DTYPE,
        connectivity=NEIGHBOURS,
        expansion_add=LOOKED_AT_TO_ADD,
    )
    index.add(np.arange(len(vectors)), vectors, threads=threads)
    index.save(str(path))
