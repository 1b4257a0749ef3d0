"""Search by meaning: the query's vector by Triton, the items near it by this process."""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes

import numpy as np
from numpy.typing import NDArray

from serving.errors import ArtefactError, TimedOut
from serving.features.filter_fields import passing
from serving.items import ItemSnapshot, Rows
from serving.search.encode import TextEncoder
from serving.search.encoder_files import open_encoder
from serving.search.sizes import without_sizes
from serving.search.vectors import ItemVectors, open_vectors
from serving.types import Keys, Mask, ModelDoor

LEAST = 0.4  # cosine of an item that counts as near: below it words of nothing meet anything
KEY_BYTES = 16
THREADS = 2
KEPT = 4096  # queries whose vectors are kept, the latest


@dataclass(frozen=True, slots=True)
class Near:
    """The items nearest to a query, and how near any other one is."""

    keys: Keys  # nearest first
    vectors: ItemVectors
    query: NDArray[np.float32]  # (D,)

    def of(self, keys: Keys) -> NDArray[np.float32]:
        """(n,) cosines, 0 of what has no vector."""
        return self.vectors.cosines(self.query, keys)


@dataclass(frozen=True, slots=True)
class Tested:
    """The items that there are, and which of their rows a request allows; None: all."""

    snapshot: ItemSnapshot
    passed: Mask | None


class Semantic:
    """One encoder, and the vectors of one moment."""

    def __init__(self, encode: TextEncoder, vectors: ItemVectors) -> None:
        self.version = vectors.version
        self._encode, self._vectors = encode, vectors
        self._kept: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._key = token_bytes(
            KEY_BYTES
        )  # texts of queries are not kept, nor what could be tried on them
        self._threads = ThreadPoolExecutor(THREADS, "semantic")  # not those that words wait for
        self._rows: tuple[str, Rows] = ("", np.empty(0, dtype=np.int64))  # of one snapshot

    async def near(
        self, text: str, count: int, timeout_s: float, allowed: Tested | None = None
    ) -> Near:
        """At most `count` items of those that are allowed; None: all.

        Raises:
            OutsideError: the encoder can't be reached, fails or is late.
        """
        try:
            async with asyncio.timeout(timeout_s):
                query = await self._vector(text, timeout_s)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, self._near, query, count, allowed)
        except TimeoutError as error:
            raise TimedOut(f"vectors {self.version} did not answer in {timeout_s:.3f} s") from error

    async def _vector(self, text: str, timeout_s: float) -> NDArray[np.float32]:
        asked = without_sizes(text)
        key = blake2b(asked.encode(), digest_size=KEY_BYTES, key=self._key).digest()
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        vector: NDArray[np.float32] = (await self._encode([asked], timeout_s))[0]
        self._kept[key] = vector
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return vector

    def _near(self, query: NDArray[np.float32], count: int, allowed: Tested | None) -> Near:
        vectors = self._vectors
        eligible = None if allowed is None else self._eligible(allowed)
        found = vectors.nearest(query, count, eligible, LEAST)
        return Near(found.item_key, vectors, query)

    def _eligible(self, allowed: Tested) -> Mask | None:
        """(N,) of the vectors' items; None: all."""
        rows = self._rows_of(allowed.snapshot)
        if allowed.passed is not None:
            return passing(allowed.passed, rows)
        there: Mask = rows >= 0
        return None if there.all() else there

    def _rows_of(self, snapshot: ItemSnapshot) -> Rows:
        """(N,) row of each item in the base of the snapshot, which never changes; -1 of none."""
        version, rows = self._rows
        if version != snapshot.version:
            wanted = self._vectors.item_key
            rows = np.searchsorted(snapshot.item_key, wanted).clip(max=len(snapshot.item_key) - 1)
            rows = np.where(snapshot.item_key[rows] == wanted, rows, -1)
            self._rows = (snapshot.version, rows)
        return rows


def open_semantic(encoder: Path, vectors: Path, models: ModelDoor) -> Semantic:
    """Raises ArtefactError: one of both can't be used, or they are of different encoders."""
    files = open_encoder(encoder)
    of = open_vectors(vectors, files.encoder_id)
    if of.vector.shape[1] != files.dimension:
        raise ArtefactError(
            f"{vectors} holds vectors of {of.vector.shape[1]} numbers, the encoder's have {files.dimension}"
        )
    return Semantic(TextEncoder(files, models), of)
