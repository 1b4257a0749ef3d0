"""Items by what their texts mean: vectors as a memory map that a host's workers share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.artefacts import MANIFEST, digest, read_json
from serving.errors import ArtefactError
from serving.search.graph import NAME, Graph
from serving.types import Keys, Mask

VERSION = 1
ARRAYS: Mapping[str, tuple[np.dtype[np.generic], int]] = {  # dtype and dimensions of <name>.npy
    "item_key": (np.dtype("<i8"), 1),
    "text_row": (np.dtype("<i4"), 1),
    "text_key": (np.dtype("<i8"), 1),
    "vector": (np.dtype("<f4"), 2),
}
MOST_BARRED = 0.05  # share of the items that are not eligible, up to which a graph is asked
REBUILD = "make them anew with `python -m training.search.embed`"


@dataclass(frozen=True, slots=True)
class Nearest:
    """Items, the nearest first; of equally near ones, the lowest key."""

    item_key: Keys  # (k,)
    score: NDArray[np.float32]  # (k,) cosine


@dataclass(frozen=True)
class ItemVectors:
    """N items with U different texts. A text is computed once, so items that share it score alike."""

    version: str
    encoder_id: str  # whose queries compare with these vectors
    item_key: Keys  # (N,) ascending
    text_row: NDArray[np.int32]  # (N,) row of the item's text
    text_key: Keys  # (U,) ascending: serving.features.keys.string_key of the text
    vector: NDArray[np.float32]  # (U, D) of length 1, or 0 where the encoder can't read the text

    graph: Graph | None = None  # where the nearest may be missed now and then; None: never

    def nearest(
        self,
        query: NDArray[np.float32],
        count: int,
        eligible: Mask | None = None,
        least: float = -1.0,
    ) -> Nearest:
        """The `count` items with the highest cosine, from `least` on, of the `eligible` (N,) if given.

        Exact, in time in proportion to U x D and N, unless there is a graph and hardly any are not eligible.
        """
        if self.graph is not None:
            found = self._by_graph(self.graph, query, count, eligible, least)
            if found is not None:
                return found
        by_text = self.vector @ query
        near = (by_text >= least)[self.text_row]
        rows = np.flatnonzero(near if eligible is None else near & eligible)
        return self._highest(rows, by_text[self.text_row[rows]], count)

    def _by_graph(
        self,
        graph: Graph,
        query: NDArray[np.float32],
        count: int,
        eligible: Mask | None,
        least: float,
    ) -> Nearest | None:
        """None: too many are not eligible, in all or among what it finds."""
        if eligible is None:
            rows = self._items_of(texts := np.sort(graph.nearest(query, count)))
        else:
            if np.count_nonzero(eligible) < len(eligible) * (1 - MOST_BARRED):
                return None
            texts = np.sort(graph.nearest(query, count + ceil(2 * count * MOST_BARRED)))
            rows = self._items_of(texts)
            rows = rows[eligible[rows]]
            if len(rows) < count:
                return None
        cosines = (self.vector[texts] @ query)[np.searchsorted(texts, self.text_row[rows])]
        near = cosines >= least
        return self._highest(rows[near], cosines[near], count)

    def cosines(self, query: NDArray[np.float32], keys: Keys) -> NDArray[np.float32]:
        """(n,) of these items with `query` (D,), 0 of one that has no text here."""
        places = np.searchsorted(self.item_key, keys).clip(max=len(self.item_key) - 1)
        there = self.item_key[places] == keys
        texts, which = np.unique(self.text_row[places[there]], return_inverse=True)
        found = np.zeros(len(keys), dtype=np.float32)
        found[there] = (self.vector[texts] @ query)[which]
        return found

    def _highest(
        self, rows: NDArray[np.int64], cosines: NDArray[np.float32], count: int
    ) -> Nearest:
        best = highest(cosines, count)
        return Nearest(self.item_key[rows[best]], cosines[best])

    def _items_of(self, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ascending rows of the items that have one of these texts."""
        order, offsets = self._by_text
        parts = [order[offsets[text] : offsets[text + 1]] for text in texts.tolist()]
        return np.sort(np.concatenate(parts)) if parts else order[:0]

    @cached_property
    def _by_text(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of items, text after text, and (U + 1,) where each text's begin."""
        order = np.argsort(self.text_row, kind="stable")
        counts = np.bincount(self.text_row, minlength=len(self.text_key))
        return order, np.concatenate([[0], np.cumsum(counts)])


def highest(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Places of the `count` highest but 0, the highest first; of equal ones, the first.

    Exactly 0 is what an inner product with a vector of 0 gives.
    """
    chosen = np.flatnonzero(scores)
    if not count:
        return chosen[:0]
    if len(chosen) > count:
        kept = scores[chosen]
        last = np.partition(kept, len(kept) - count)[len(kept) - count]
        above, even = np.flatnonzero(kept > last), np.flatnonzero(kept == last)
        chosen = chosen[np.concatenate([above, even[: count - len(above)]])]
    return chosen[np.lexsort((chosen, -scores[chosen]))]


def open_vectors(folder: Path, encoder_id: str | None = None) -> ItemVectors:
    """Opens `folder`, or what it links to, for queries of the encoder, if it is given.

    Raises:
        ArtefactError: a file is missing or changed, or the vectors are another encoder's.
    """
    folder = Path(os.path.realpath(folder))
    manifest = _manifest(folder / MANIFEST)
    if encoder_id not in (None, manifest["encoder_id"]):
        raise ArtefactError(
            f"{folder} holds vectors of encoder {manifest['encoder_id']}, queries are of {encoder_id}; "
            f"{REBUILD}"
        )
    arrays = {name: _array(folder / f"{name}.npy", manifest["sha256"]) for name in ARRAYS}
    if problem := _problem(arrays):
        raise ArtefactError(f"{folder}: {problem}; {REBUILD}")
    graph = None
    if NAME in manifest["sha256"]:
        path = folder / NAME
        _require_whole(path, manifest["sha256"])
        graph = Graph(path, *arrays["vector"].shape)
    return ItemVectors(manifest["vectors_version"], manifest["encoder_id"], **arrays, graph=graph)


def _manifest(path: Path) -> Mapping[str, Any]:
    manifest = read_json(path, REBUILD)
    needed = {"version": int, "vectors_version": str, "encoder_id": str, "sha256": dict}
    if not isinstance(manifest, dict) or any(
        not isinstance(manifest.get(name), kind) for name, kind in needed.items()
    ):
        raise ArtefactError(f"{path} lacks some of {', '.join(needed)}; {REBUILD}")
    if manifest["version"] != VERSION:
        raise ArtefactError(
            f"{path} is version {manifest['version']}, this program reads {VERSION}; {REBUILD}"
        )
    return manifest


def _require_whole(path: Path, digests: Mapping[str, str]) -> None:
    if not path.is_file():
        raise ArtefactError(f"{path} is missing; {REBUILD}")
    if digest(path) != digests.get(path.name):
        raise ArtefactError(f"{path} was changed after it was written; {REBUILD}")


def _array(path: Path, digests: Mapping[str, str]) -> NDArray[Any]:
    _require_whole(path, digests)
    dtype, dimensions = ARRAYS[path.stem]
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype != dtype or array.ndim != dimensions:
        raise ArtefactError(f"{path} is {array.dtype} {array.shape}, not {dtype}; {REBUILD}")
    return array


def _problem(arrays: Mapping[str, NDArray[Any]]) -> str | None:
    items, texts = len(arrays["item_key"]), len(arrays["text_key"])
    rows = arrays["text_row"]
    if not items or len(rows) != items or len(arrays["vector"]) != texts:
        return (
            f"{items} items have {len(rows)} texts, of {texts} with {len(arrays['vector'])} vectors"
        )
    if rows.min() < 0 or rows.max() >= texts:
        return f"texts are numbered {rows.min()} to {rows.max()}, there are {texts}"
    for name in ("item_key", "text_key"):
        if not (arrays[name][1:] > arrays[name][:-1]).all():
            return f"{name} is not ascending"
    return None
