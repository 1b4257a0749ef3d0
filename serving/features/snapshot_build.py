"""Builds an item snapshot from the rows in the online store."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.artefacts import MANIFEST, digest
from serving.clock import Clock
from serving.errors import ArtefactError, LayoutMismatch
from serving.features.item_values import ItemColumns, view_rows
from serving.features.offer_file import read_offers
from serving.features.overlay import position_of, stream_id
from serving.features.packed_ids import packed_ids
from serving.features.read_plan import ReadPlan, ViewPlan
from serving.features.snapshot_files import (
    ITEM_IDS,
    OFFERS,
    VERSION,
)
from serving.features.store import RowStore
from serving.items import ABSENT
from serving.types import Position

KEPT = 3
CHANGES_KEPT_S = 3 * 86_400.0  # a nightly snapshot may fail twice
POPULARITY = ("item_activity", "popularity")
CURRENT = "current"
LOCK = ".lock"
BUILDING, REMOVING, POINTING = ".building-", ".removing-", ".current-"


def build(
    plan: ReadPlan,
    store: RowStore,
    folder: Path,
    offers: Path | None = None,
    changes_kept_s: float = CHANGES_KEPT_S,
) -> Path:
    """Writes `<folder>/<version>` and points `<folder>/current` at it; older ones than KEPT go.

    The file of `offers`, if there is one, becomes the snapshot's. The stream of item changes keeps
    what the oldest snapshot that stays needs, and at least the latest `changes_kept_s`, for snapshots
    in other folders. Where nothing has changed since the current one, that
    is the answer. Killed anywhere, it leaves the current one as it was, and the next run clears up.

    Raises:
        ArtefactError: the plan lacks what a snapshot needs, the store has no items, or another build
            is at work in the folder.
        LayoutMismatch: a row has another layout than the plan says.
        OutsideError: Redis did not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        position = store.mark_changes()  # before the rows are read: what comes later is replayed
        arrays, described = _gather(plan, store)
        described["stream_position"] = position
        built = _written(folder, arrays, described, plan, store, offers)
        _point(folder / CURRENT, built.name)
        _remove_old(folder, built.name)
        recent_ms = int((time.time() - changes_kept_s) * 1e3)  # the stream's clock has no offset
        store.forget_changes(stream_id(min(_oldest_position(folder), (recent_ms, 0))))
    return built


def _written(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    described: dict[str, Any],
    plan: ReadPlan,
    store: RowStore,
    offers: Path | None,
) -> Path:
    """The snapshot's own folder, whole from the moment when it has its name."""
    written = Path(tempfile.mkdtemp(prefix=BUILDING, dir=folder))
    written.chmod(0o755)  # the gateway may run as somebody else
    _write(written, arrays, plan, store)
    if offers and offers.is_file():
        read_offers(offers, arrays["item_key"])  # what can't be read must not be served
        shutil.copyfile(offers, written / OFFERS)
    described["sha256"] = {p.name: digest(p) for p in sorted(written.iterdir())}
    content = _content(described)
    current = folder / CURRENT
    if current.exists() and current.resolve().name.endswith(content):
        return current.resolve()
    now = datetime.fromtimestamp(Clock().now_s(), UTC)
    version = f"{now:%Y%m%dT%H%M%SZ}-{content}"
    described |= {"snapshot_version": version, "built_at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    (written / MANIFEST).write_text(json.dumps(described, indent=1))
    if (folder / version).exists():  # of a build that was killed this very second
        return folder / version
    return written.rename(folder / version)


def _gather(plan: ReadPlan, store: RowStore) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    columns = ItemColumns(plan)
    if not columns.views:
        raise ArtefactError("the read plan has no item view; a snapshot needs one")
    keys = store.entities(columns.views[0].join_key)
    rows = {view.name: _rows(view, store, keys) for view in columns.views}
    known = columns.values(rows).known
    if not known.any():
        raise ArtefactError(
            f"the online store has no items of project {plan.project}; materialise first"
        )
    keys, rows = keys[known], {name: found[known] for name, found in rows.items()}
    values = columns.values(rows)
    times = values.event_time_us
    arrays: dict[str, NDArray[Any]] = {
        "item_key": keys,
        "int64": values.int64,
        "float32": values.float32,
        "event_time_us": times,
        "popular": _popular(rows, keys),
    }
    return arrays, {
        "version": VERSION,
        "project": plan.project,
        "count": len(keys),
        "oldest_event_time_us": int(times[times != ABSENT].min()),
        "int64_columns": list(plan.item_columns("int64")),
        "float32_columns": list(plan.item_columns("float32")),
        "fingerprints": {v.name: f"{v.layout.fingerprint:016x}" for v in columns.views},
    }


def _rows(view: ViewPlan, store: RowStore, keys: NDArray[np.int64]) -> NDArray[np.void]:
    """(n,) rows of the view, null with event time ABSENT where the store has none."""
    rows, foreign = view_rows(view, store.read(view.name, view.join_key, keys))
    if foreign.any():
        raise LayoutMismatch(
            f"rows of {view.name} in the online store have another layout than the read plan's "
            f"{view.layout.fingerprint:016x}; materialise again, or export anew"
        )
    return rows


def _popular(blocks: Mapping[str, NDArray[np.void]], keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """(N,) rows by popularity descending, nulls last, ties by key ascending."""
    view, column = POPULARITY
    if view not in blocks or column not in (blocks[view].dtype.names or ()):
        raise ArtefactError(f"the read plan lacks {view}.{column}, by which items are ordered")
    score = blocks[view][column].astype(np.float64)
    return np.lexsort((keys, np.where(np.isnan(score), np.inf, -score))).astype(np.int32)


def _write(
    folder: Path, arrays: Mapping[str, NDArray[Any]], plan: ReadPlan, store: RowStore
) -> None:
    if plan.id_kind == "string":
        texts = store.texts(arrays["item_key"])
        ids = packed_ids([texts[key] for key in arrays["item_key"].tolist()])
        arrays = {**arrays, **dict(zip(ITEM_IDS, (ids.text, ids.end), strict=True))}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def _content(described: Mapping[str, Any]) -> str:
    """8 hex digits of SHA-256 over the manifest less its version and time of building."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:8]


def _point(link: Path, version: str) -> None:
    beside = link.with_name(f"{POINTING}{os.getpid()}")
    beside.symlink_to(version)
    beside.replace(link)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One build at a time in a folder; the lock goes with its process."""
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArtefactError(
                f"another build is at work in {folder}; wait for its end"
            ) from error
        _clear(folder)
        try:
            yield
        finally:
            _clear(folder)


def _clear(folder: Path) -> None:
    """Takes away what a build has left that was killed, or that found nothing changed."""
    for path in folder.glob(f"{POINTING}*"):
        path.unlink()
    for prefix in (BUILDING, REMOVING):
        for path in folder.glob(f"{prefix}*"):
            shutil.rmtree(path)


def _remove_old(folder: Path, current: str) -> None:
    """Each under another name first: one that stands by its name is whole."""
    versions = [p.name for p in _versions(folder) if p.name != current]
    for version in versions[: max(0, len(versions) - (KEPT - 1))]:
        removing = (folder / version).rename(folder / f"{REMOVING}{version}")
        shutil.rmtree(removing)


def _versions(folder: Path) -> list[Path]:
    """Oldest first, by how much of the stream of changes is in them: several may be of one second."""
    found = [p for p in folder.iterdir() if p.name != CURRENT and (p / MANIFEST).is_file()]
    return sorted((p for p in found if not p.name.startswith(".")), key=_position)


def _oldest_position(folder: Path) -> Position:
    """Of the snapshots that stay: the earliest position from which one of them is replayed."""
    return min(map(_position, _versions(folder)))


def _position(version: Path) -> Position:
    return position_of(json.loads((version / MANIFEST).read_bytes())["stream_position"])
