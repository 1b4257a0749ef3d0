"""Made-up requests at the edges of what a model may be sent: its inputs' raw tensors.

Every batch goes round the kinds of user and of item below, so that odd ones sit beside plain ones.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.bundle.shipped import ShippedModel, Tensors
from training.schema import Input

USERS = ("plain", "empty", "single", "longest", "null", "unknown", "huge", "nan", "negative")
ITEMS = ("plain", "plain", "plain", "null", "unknown", "huge", "plain", "negative")
NOW_S = 1_511_758_800
YEAR_S = 365 * 86_400
UNKNOWN_KEY = 2**62  # beyond any integer id in use, and no string's key but by a chance of 2^-63
ELIGIBLE = {"plain": 1.0, "null": 0.0, "single": 0.02}  # share of the catalogue; of others half
HUGE = {"huge": float("inf"), "negative": -1e30}


def probe(model: ShippedModel, users: int, candidates: int, seed: int) -> Tensors:
    """Raw tensors of `users` requests, each with `candidates` items, none of them padding."""
    maker = _Maker(model, np.random.default_rng(seed), candidates)
    kinds = [USERS[(seed + k) % len(USERS)] for k in range(users)]
    rows = [maker.request(kind) for kind in kinds]
    return {i.name: np.stack([row[i.name] for row in rows]) for i in model.inputs}


def padded(model: ShippedModel, raw: Tensors, width: int) -> Tensors:
    """The same requests with their candidates padded by null to `width`."""
    kinds = {i.name: i for i in model.inputs}
    return {name: _pad(kinds[name], values, width) for name, values in raw.items()}


def _pad(wanted: Input, values: NDArray[np.generic], width: int) -> NDArray[np.generic]:
    if wanted.kind not in ("item_id", "item", "mask"):
        return values
    wide = np.full((values.shape[0], width, *values.shape[2:]), null(wanted), dtype=values.dtype)
    wide[:, : values.shape[1]] = values
    return wide


def null(wanted: Input) -> float | int | bool:
    return {"int64": -1, "float32": float("nan"), "bool": False}[wanted.dtype]


class _Maker:
    """Makes one request at a time."""

    def __init__(self, model: ShippedModel, random: np.random.Generator, candidates: int) -> None:
        self.model, self.random, self.candidates = model, random, candidates

    def request(self, kind: str) -> dict[str, NDArray[np.generic]]:
        return {i.name: self._tensor(i, kind) for i in self.model.inputs}

    def _tensor(self, wanted: Input, kind: str) -> NDArray[np.generic]:
        if wanted.kind == "request_time":
            return np.array([NOW_S], dtype=np.int64)
        if wanted.dtype == "bool":
            return self._truths(wanted, kind)
        if wanted.kind == "user":
            return self._columns(wanted, kind)
        if wanted.kind == "user_list":
            return self._list(wanted, kind)
        kinds = [ITEMS[j % len(ITEMS)] for j in range(self.candidates)]
        if wanted.kind == "item_id":
            return self._item_ids(wanted, kinds)
        return np.stack([self._columns(wanted, of) for of in kinds])

    def _truths(self, wanted: Input, kind: str) -> NDArray[np.bool_]:
        if wanted.kind == "mask":
            return np.ones(self.candidates, dtype=np.bool_)
        return self.random.random(wanted.length) < ELIGIBLE.get(kind, 0.5)

    def _columns(self, wanted: Input, kind: str) -> NDArray[np.generic]:
        if wanted.dtype == "float32":
            return self._floats(len(wanted.columns), kind)
        if kind in ("null", "nan"):
            return np.full(len(wanted.columns), -1, dtype=np.int64)
        if kind == "unknown":
            return np.full(len(wanted.columns), UNKNOWN_KEY, dtype=np.int64)
        known = self.model.vocabularies[wanted.name]
        return np.array([self._some(of.keys, 1)[0] for of in known], dtype=np.int64)

    def _floats(self, count: int, kind: str) -> NDArray[np.float32]:
        if kind in ("null", "nan"):
            return np.full(count, np.nan, dtype=np.float32)
        if kind in HUGE:
            return np.full(count, HUGE[kind], dtype=np.float32)
        return self.random.exponential(20.0, count).astype(np.float32)

    def _list(self, wanted: Input, kind: str) -> NDArray[np.generic]:
        lengths = {"empty": 0, "null": 0, "single": 1, "longest": wanted.length}
        length = lengths.get(kind, wanted.length // 3)
        values = np.full(wanted.length, null(wanted), dtype=wanted.dtype)
        if wanted.name in self.model.vocabularies:
            keys = self._some(self.model.vocabularies[wanted.name][0].keys, length)
            unknown = UNKNOWN_KEY + np.arange(len(keys))
            values[: len(keys)] = unknown if kind == "unknown" else keys
        elif wanted.dtype == "int64":
            values[:length] = self._times(length, kind)
        else:
            values[:length] = self._floats(length, kind)
        return values

    def _times(self, count: int, kind: str) -> NDArray[np.int64]:
        """Within a year; of odd users none, the first second ever, or a year from now."""
        odd = {"nan": -1, "huge": 0, "negative": NOW_S + YEAR_S}
        if kind in odd:
            return np.full(count, odd[kind], dtype=np.int64)
        return NOW_S - self.random.integers(0, YEAR_S, count)

    def _item_ids(self, wanted: Input, kinds: Sequence[str]) -> NDArray[np.int64]:
        keys = self._some(self.model.vocabularies[wanted.name][0].keys, len(kinds))
        ids = np.resize(keys, len(kinds)).astype(np.int64)
        strange = [j for j, kind in enumerate(kinds) if kind == "unknown"]
        ids[strange] = UNKNOWN_KEY + np.arange(len(strange))
        return ids

    def _some(self, keys: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """Up to `count` keys, each once; -1 if there are none."""
        if not len(keys):
            return np.full(min(count, 1), -1, dtype=np.int64)
        return self.random.choice(keys, min(count, len(keys)), replace=False)
