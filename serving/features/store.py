"""Packed feature rows in Redis, as jobs read and write them (docs/contracts.md).

Knows nothing of Feast. The gateway reads the same rows through a door of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from serving.errors import Failed, SettingsError, TimedOut, Unavailable
from serving.features.item_changes import ITEM, MOST, as_entry, is_mark
from serving.features.redis_keys import entities_key, item_changes_stream, row_key, strings_key

SCHEMES = ("unix://", "redis://", "rediss://")
BATCH = 1_000  # commands a round trip
HEAD = np.dtype([("fingerprint", "<u8"), ("event_time_us", "<i8")])  # every row's first fields
ABSENT = -1  # event time of a row that isn't there

# Replaces a row unless the stored one is newer: 1 if it did. Lua's numbers are exact to 2^53 us.
REPLACE_UNLESS_OLDER = """
local stored = redis.call('GETRANGE', KEYS[1], 8, 15)
if #stored == 8 and struct.unpack('<i8', stored) > struct.unpack('<i8', ARGV[1], 9) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""


class RowStore:
    """The rows of one project.

    A URL that names no Redis is a SettingsError. Every method raises an OutsideError: Unavailable,
    TimedOut or Failed.
    """

    def __init__(self, url: str, project: str, timeout_s: float = 30.0) -> None:
        self._at = _without_credentials(checked_url(url))
        self._project = project
        self._redis: Redis[bytes] = Redis.from_url(url, socket_timeout=timeout_s)
        self._replace = self._redis.register_script(REPLACE_UNLESS_OLDER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    def write(
        self,
        view: str,
        join_key: str,
        keys: NDArray[np.int64],
        rows: NDArray[np.void],
        progress: Callable[[int], Any] = lambda _: None,
    ) -> int:
        """Writes (n,) rows of the entities `keys`; older ones than those stored are left out.

        Those of items are announced afterwards, see `item_changes`. Returns how many replaced what
        was there; `progress` gets the size of each batch sent.
        """
        replaced = 0
        size = rows.dtype.itemsize
        packed = np.ascontiguousarray(rows).tobytes()
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH].tolist()
            with self._speaking(), self._redis.pipeline(transaction=False) as pipe:
                for at, key in enumerate(batch, start):
                    row = packed[at * size : (at + 1) * size]
                    self._replace([row_key(self._project, join_key, key, view)], [row], pipe)
                replaced += sum(pipe.execute())
                # After the rows: an entity that is listed has one.
                self._redis.sadd(self._entities_key(join_key), *batch)
            self._announce(view, join_key, keys[start : start + BATCH])
            progress(len(batch))
        return replaced

    def read(self, view: str, join_key: str, keys: NDArray[np.int64]) -> list[bytes | None]:
        """The packed rows, None where there is none."""
        found: list[bytes | None] = []
        for names in self._names(view, join_key, keys):
            with self._speaking():
                found += self._redis.mget(names)
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

    def remember(self, texts: Mapping[int, str]) -> None:
        """Records the texts of string features and string ids by their keys."""
        listed: list[tuple[str | bytes, str]] = [(str(key), text) for key, text in texts.items()]
        for start in range(0, len(listed), BATCH):
            with self._speaking():
                self._redis.hset(self._strings_key, mapping=dict(listed[start : start + BATCH]))

    def texts(self, keys: NDArray[np.int64]) -> dict[int, str]:
        """The texts of `keys`, which may repeat.

        Raises:
            Failed: a key has no text; what wrote the row did not record it.
        """
        wanted = np.unique(keys).tolist()
        found: list[bytes | None] = []
        for start in range(0, len(wanted), BATCH):
            with self._speaking():
                found += self._redis.hmget(self._strings_key, wanted[start : start + BATCH])
        pairs = dict(zip(wanted, found, strict=True))
        missing = [key for key, text in pairs.items() if text is None]
        if missing:
            raise Failed(
                f"{self._strings_key} at {self._at} lacks the text of {len(missing)} keys, such as "
                f"{missing[0]}; materialise again"
            )
        return {key: text.decode() for key, text in pairs.items() if text is not None}

    def _announce(self, view: str, join_key: str, keys: NDArray[np.int64]) -> None:
        """After the write: who hears of it finds the rows. All of a batch, so that a repeated one heals."""
        if join_key == ITEM and len(keys):
            stream = item_changes_stream(self._project)
            with self._speaking():
                self._redis.xadd(stream, as_entry(view, keys), maxlen=MOST, approximate=True)

    @property
    def _strings_key(self) -> str:
        return strings_key(self._project)

    def _entities_key(self, join_key: str) -> str:
        return entities_key(self._project, join_key)

    def _names(self, view: str, join_key: str, keys: NDArray[np.int64]) -> Iterator[list[bytes]]:
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH].tolist()
            yield [row_key(self._project, join_key, key, view) for key in batch]

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except RedisTimeoutError as error:
            raise TimedOut(f"Redis at {self._at} did not answer in time") from error
        except RedisConnectionError as error:
            raise Unavailable(f"no Redis answers at {self._at} ({error})") from error
        except RedisError as error:
            raise Failed(f"Redis at {self._at} refused: {error}") from error


def checked_url(url: str) -> str:
    """The URL itself.

    Raises:
        SettingsError: it isn't one that names a Redis.
    """
    if not url.startswith(SCHEMES):
        raise SettingsError(
            f"the Redis URL {_without_credentials(url)} starts with none of {', '.join(SCHEMES)}; "
            "is an environment variable in it not set?"
        )
    return url


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else parts.path
