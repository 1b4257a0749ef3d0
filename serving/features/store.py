"""Packed feature rows in Redis, as jobs read and write them (docs/contracts.md).

Knows nothing of Feast. The gateway reads the same rows through a door of its own.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from serving.clients.connections import Client, connect, mget, speaking
from serving.errors import Failed, LayoutMismatch
from serving.features.item_changes import ITEM, MOST, as_entry, is_mark
from serving.features.item_texts import VIEW as TEXTS
from serving.features.item_texts import ItemTexts, pack_texts
from serving.features.layout import HEAD
from serving.features.redis_keys import (
    PARTITIONS,
    entities_key,
    item_changes_stream,
    layouts_key,
    materialized_at_key,
    materialized_key,
    partition_of,
    row_key,
    strings_key,
)
from serving.features.row_scripts import REMOVE_UNCHANGED, REPLACE_UNLESS_OLDER
from serving.redis_url import redis_address
from serving.types import Keys

BATCH = 1_000  # rows a round trip
ABSENT = -1  # event time of a row that isn't there
Progress = Callable[[int], Any]  # hears how many rows were sent


class RowStore:
    """The rows of one project.

    A URL that names no Redis is a SettingsError. Every method raises an OutsideError: Unavailable,
    TimedOut or Failed.
    """

    def __init__(self, url: str, project: str, timeout_s: float = 30.0) -> None:
        self._url, self._at, self._timeout_s = url, redis_address(url), timeout_s
        self._project, self._strings_key = project, strings_key(project)

    @cached_property
    def _redis(self) -> Client:
        return connect(self._url, self._timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_redis" in vars(self):  # else nothing was opened
            self._redis.close()

    def write(
        self,
        view: str,
        join_key: str,
        keys: NDArray[np.int64],
        rows: NDArray[np.void],
        progress: Progress = lambda _: None,
    ) -> int:
        """Writes (n,) rows of the entities `keys`; older ones than those stored are left out.

        Those of items are announced afterwards, see `item_changes`. Returns how many replaced what
        was there; `progress` gets the size of each batch sent.

        Raises:
            LayoutMismatch: another layout of the view is registered, or none and a row of another one
                is stored; of such partitions nothing is written.
        """
        size = rows.dtype.itemsize
        packed = np.ascontiguousarray(rows).tobytes()
        own = (packed[at : at + size] for at in range(0, len(packed), size))
        return self._write(view, join_key, keys, own, progress)

    def write_texts(self, texts: Mapping[int, ItemTexts]) -> int:
        """Writes what items are found by, likewise; before the rows of an item that is new.

        Returns how many replaced what was there.
        """
        keys = np.fromiter(texts, dtype=np.int64, count=len(texts))
        return self._write(TEXTS, ITEM, keys, map(pack_texts, texts.values()), lambda _: None)

    def _write(
        self, view: str, join_key: str, keys: Keys, rows: Iterator[bytes], progress: Progress
    ) -> int:
        replaced = 0
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH].tolist()
            with self._speaking():
                # Before the rows: one that no list names would stay behind when rows are removed.
                self._redis.sadd(self._entities_key(join_key), *batch)
            replaced += sum(self._replace(view, join_key, batch, list(islice(rows, len(batch)))))
            self._announce(view, join_key, keys[start : start + BATCH])
            progress(len(batch))
        return replaced

    def _replace(
        self, view: str, join_key: str, keys: Sequence[int], rows: Sequence[bytes]
    ) -> list[int]:
        """(n,) 1 where the row replaced what was there, else 0."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, key in enumerate(keys):
            places[partition_of(key)].append(place)
        with self._speaking(), self._redis.pipeline(transaction=False) as pipe:
            for partition, of_it in places.items():
                names = [row_key(self._project, join_key, keys[place], view) for place in of_it]
                names.insert(0, layouts_key(self._project, join_key, partition).encode())
                new = [rows[place] for place in of_it]
                pipe.execute_command("EVAL", REPLACE_UNLESS_OLDER, len(names), *names, view, *new)
            answers = pipe.execute()
        replaced = [0] * len(keys)
        for of_it, answer in zip(places.values(), answers, strict=True):
            if isinstance(answer, bytes):
                raise _refused(view, rows[of_it[0]], answer)
            for place, done in zip(of_it, answer, strict=True):
                replaced[place] = done
        return replaced

    def register(self, view: str, join_key: str, fingerprint: int) -> None:
        """From now on rows of the view are of this layout; those of another one may be replaced."""
        with self._speaking(), self._redis.pipeline(transaction=False) as pipe:
            for partition in range(PARTITIONS):
                name = layouts_key(self._project, join_key, partition)
                pipe.hset(name, view, fingerprint.to_bytes(8, "little"))
            pipe.execute()

    def remove(self, view: str, join_key: str) -> None:
        """Removes the view's rows and its layout; the entities stay listed."""
        self.delete(view, join_key, self.entities(join_key))
        with self._speaking(), self._redis.pipeline(transaction=False) as pipe:
            for partition in range(PARTITIONS):
                pipe.hdel(layouts_key(self._project, join_key, partition), view)
            pipe.execute()

    def read(self, view: str, join_key: str, keys: NDArray[np.int64]) -> list[bytes | None]:
        """The packed rows, None where there is none."""
        found: list[bytes | None] = []
        for names in self._names(view, join_key, keys):
            with self._speaking():
                found += mget(self._redis, names)
        return found

    def heads(self, view: str, join_key: str, keys: NDArray[np.int64]) -> NDArray[np.void]:
        """(n,) fingerprint and event time of each row, ABSENT where there is none."""
        found: list[bytes] = []
        for names in self._names(view, join_key, keys):
            with self._speaking(), self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.getrange(name, 0, HEAD.itemsize - 1)
                found += pipe.execute()
        heads = np.zeros(len(found), dtype=HEAD)
        heads["event_time_us"] = ABSENT
        present = np.array([len(head) == HEAD.itemsize for head in found], dtype=bool)
        heads[present] = np.frombuffer(b"".join(h for h in found if h), dtype=HEAD)
        return heads

    def delete(self, view: str, join_key: str, keys: NDArray[np.int64]) -> None:
        """Removes the rows; the entities stay listed. Those of items are announced."""
        for start, names in enumerate(self._names(view, join_key, keys)):
            with self._speaking():
                self._redis.unlink(*names)
            self._announce(view, join_key, keys[start * BATCH : (start + 1) * BATCH])

    def delete_unchanged(
        self, view: str, join_key: str, keys: NDArray[np.int64], heads: NDArray[np.void]
    ) -> NDArray[np.bool_]:
        """(n,) which rows were removed: those that still have the (n,) `heads`. Items' are announced."""
        removed = np.zeros(len(keys), dtype=np.bool_)
        for start in range(0, len(keys), BATCH):
            batch = slice(start, start + BATCH)
            places: dict[int, list[int]] = defaultdict(list)
            for place, key in enumerate(keys[batch].tolist(), start):
                places[partition_of(key)].append(place)
            with self._speaking(), self._redis.pipeline(transaction=False) as pipe:
                for of_it in places.values():
                    names = [row_key(self._project, join_key, key, view) for key in keys[of_it]]
                    read = [head.tobytes() for head in heads[of_it]]
                    pipe.execute_command("EVAL", REMOVE_UNCHANGED, len(names), *names, *read)
                answers = pipe.execute()
            for of_it, answer in zip(places.values(), answers, strict=True):
                removed[of_it] = answer
            self._announce(view, join_key, keys[batch])
        return removed

    def mark_changes(self) -> str:
        """A position in the stream of item changes: what was announced before it is in the rows."""
        stream = item_changes_stream(self._project)
        with self._speaking():
            last = self._redis.xrevrange(stream, count=1)
            if last and is_mark(last[0][1]):
                return str(last[0][0], "ascii")
            return str(self._redis.xadd(stream, as_entry()), "ascii")

    def forget_changes(self, before: str) -> None:
        """Takes the entries before a position off the stream of item changes; that one stays."""
        with self._speaking():
            self._redis.xtrim(item_changes_stream(self._project), minid=before, approximate=False)

    def entities(self, join_key: str) -> NDArray[np.int64]:
        """(n,) keys of the entities written, ascending."""
        with self._speaking():
            members = self._redis.smembers(self._entities_key(join_key))
        return np.sort(np.fromiter(map(int, members), dtype=np.int64, count=len(members)))

    def forget(self, join_key: str, keys: NDArray[np.int64]) -> None:
        """Takes entities off the list; their rows are the caller's to delete."""
        for start in range(0, len(keys), BATCH):
            with self._speaking():
                self._redis.srem(
                    self._entities_key(join_key), *keys[start : start + BATCH].tolist()
                )

    def remember(self, texts: Mapping[int, str | bytes]) -> None:
        """Records the texts and bytes of features and ids by their keys."""
        listed: list[tuple[str | bytes, str | bytes]] = [
            (str(key), text) for key, text in texts.items()
        ]
        for start in range(0, len(listed), BATCH):
            with self._speaking():
                self._redis.hset(self._strings_key, mapping=dict(listed[start : start + BATCH]))

    def texts(self, keys: NDArray[np.int64]) -> dict[int, str]:
        """As `contents`, of keys that stand for texts."""
        return {key: content.decode() for key, content in self.contents(keys).items()}

    def contents(self, keys: NDArray[np.int64]) -> dict[int, bytes]:
        """What the `keys`, which may repeat, stand for.

        Raises:
            Failed: a key stands for nothing; what wrote the row did not record it.
        """
        wanted = np.unique(keys).tolist()
        found: list[bytes | None] = []
        for start in range(0, len(wanted), BATCH):
            with self._speaking():
                found += self._redis.hmget(self._strings_key, wanted[start : start + BATCH])
        pairs = dict(zip(wanted, found, strict=True))
        missing = [key for key, content in pairs.items() if content is None]
        if missing:
            raise Failed(
                f"{self._strings_key} at {self._at} lacks the text of {len(missing)} keys, such as "
                f"{missing[0]}; materialise again"
            )
        return {key: content for key, content in pairs.items() if content is not None}

    def forget_contents(self) -> None:
        """Of all keys; rows that hold any must be gone."""
        with self._speaking():
            self._redis.unlink(self._strings_key)

    def materialized_us(self) -> int | None:
        """The now of the preparation that was materialised last; None: none was."""
        with self._speaking():
            stored = self._redis.get(materialized_key(self._project))
        return None if stored is None else int(stored)

    def set_materialized_us(self, now_us: int) -> None:
        """And that it was just done."""
        with self._speaking():
            self._redis.set(materialized_key(self._project), now_us)
            self._redis.set(materialized_at_key(self._project), time.time_ns() // 1_000)

    def _announce(self, view: str, join_key: str, keys: NDArray[np.int64]) -> None:
        """After the write: who hears of it finds the rows. All of a batch, so that a repeated one heals."""
        if join_key == ITEM and len(keys):
            stream = item_changes_stream(self._project)
            with self._speaking():
                self._redis.xadd(stream, as_entry(view, keys), maxlen=MOST, approximate=True)

    def _entities_key(self, join_key: str) -> str:
        return entities_key(self._project, join_key)

    def _names(self, view: str, join_key: str, keys: NDArray[np.int64]) -> Iterator[list[bytes]]:
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH].tolist()
            yield [row_key(self._project, join_key, key, view) for key in batch]

    def _speaking(self) -> AbstractContextManager[None]:
        return speaking(self._at)


def _refused(view: str, row: bytes, found: bytes) -> LayoutMismatch:
    given, other = (int.from_bytes(head[:8], "little") for head in (row, found))
    return LayoutMismatch(
        f"rows of {view} in the online store are of layout {other:016x}, what is to be written is of "
        f"{given:016x} and was not written; run `feast apply` if this is the newer one, else start "
        "this writer anew with the view as it is applied"
    )
