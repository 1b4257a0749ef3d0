"""The event log: everything that was recorded, as parquet files that are never changed.

A file is visible whole or not at all, and says how far it and those before it of the same worker reach; so
what is to be written next is known from the files alone, and no event stands twice or is left out, wherever a
worker ends.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from serving.errors import ArtefactError
from serving.features.overlay import START
from serving.ingest.entries import Entry
from serving.ingest.logged_events import SCHEMA
from serving.types import Position

REACHED = "recserve.reached"  # in a file's metadata: the last position of each partition, in JSON
WRITING = ".writing-"
UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP)  # of a file system that can't sync a folder


class EventLog:
    """Of one worker, whose `label` no other may have at the same time."""

    def __init__(self, folder: Path, label: str, sync: Callable[[int], None] = os.fsync) -> None:
        """Raises ArtefactError if another process writes under this label."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._label, self._sync = folder, label, sync
        self._lock = (folder / f".{label}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise ArtefactError(f"{folder}: another worker writes as {label}; stop it") from error
        except OSError as error:
            self._lock.close()
            raise ArtefactError(
                f"{folder} takes no file locks ({error.strerror}); give the event log a file system that does"
            ) from error
        for torn in folder.glob(f"{WRITING}{label}-*"):
            torn.unlink()
        written = (p.name.partition("-")[0] for p in folder.glob(f"day=*/*-{label}.parquet"))
        self._number = max(map(int, written), default=0)

    def reached(self) -> dict[int, Position]:
        """The last position of each partition that stands in any file."""
        found: dict[int, Position] = {}
        for path in _latest_of_each(self._folder):
            for partition, position in _reached(path).items():
                found[partition] = max(position, found.get(partition, START))
        return found

    def write(
        self, entries: Sequence[tuple[int, Entry]], reached: Mapping[int, Position], now_us: int
    ) -> Path:
        """A file of the (partition, event) pairs; `reached` is of all that this worker has written.

        Raises:
            ArtefactError: it can't be written, as where the disk is full.
            OSError: it is not certain to be on the disk; written again, its events stand twice at most.
        """
        rows = [_row(partition, entry) for partition, entry in entries]
        day = f"{datetime.fromtimestamp(now_us / 1e6, UTC):%Y-%m-%d}"
        folder = self._folder / f"day={day}"
        folder.mkdir(exist_ok=True)
        beside = self._folder / f"{WRITING}{self._label}-{os.getpid()}"
        metadata = {REACHED: json.dumps({str(p): list(at) for p, at in reached.items()})}
        frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
        try:
            frame.write_parquet(beside, metadata=metadata)
        except pl.exceptions.PolarsError as error:  # also for what the system says, such as ENOSPC
            raise ArtefactError(f"{beside} can't be written: {error}") from error
        self._number += 1
        path = folder / f"{self._number:012d}-{self._label}.parquet"
        self._synced(beside)
        beside.rename(path)
        self._synced_folder(folder)
        self._synced_folder(self._folder)  # in which the day's may be new
        return path

    def _synced(self, path: Path) -> None:
        """On the disk, not only in its cache; raises OSError if that is not certain."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)

    def _synced_folder(self, path: Path) -> None:
        """A file system that can't sync a folder is left alone."""
        try:
            self._synced(path)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise

    def close(self) -> None:
        self._lock.close()


def _row(partition: int, entry: Entry) -> tuple[object, ...]:
    event, logged = entry.logged.event, entry.logged
    return (
        event.event_id,
        event.user_id or None,
        logged.user_hash,
        event.item_id,
        event.kind,
        event.event_time.ToMicroseconds(),
        logged.received_at_us,
        event.group_id or None,
        event.quantity if event.HasField("quantity") else None,
        event.value if event.HasField("value") else None,
        event.request_token or None,
        event.slot if event.HasField("slot") else None,
        logged.consent.personalization,
        partition,
        *entry.position,
    )


def _latest_of_each(folder: Path) -> list[Path]:
    """The newest file of every worker that ever wrote here."""
    newest: dict[str, Path] = {}
    for path in sorted(folder.glob("day=*/*.parquet"), key=lambda path: path.name):
        newest[path.name.partition("-")[2]] = path
    return list(newest.values())


def _reached(path: Path) -> dict[int, Position]:
    try:
        told = json.loads(pl.read_parquet_metadata(path)[REACHED])
    except (KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise ArtefactError(f"{path} is no file of an event log: {error}") from error
    return {int(partition): (at[0], at[1]) for partition, at in told.items()}
