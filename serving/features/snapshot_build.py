"""Builds an item snapshot from the rows in the online store."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.clock import Clock
from serving.errors import ArtefactError, LayoutMismatch
from serving.features.offer_file import read_offers
from serving.features.read_plan import ReadPlan, ViewPlan
from serving.features.snapshot_files import (
    ABSENT,
    ITEM_IDS,
    MANIFEST,
    NO_POSITION,
    OFFERS,
    VERSION,
    digest,
)
from serving.features.store import RowStore

KEPT = 3
POPULARITY = ("item_activity", "popularity")
CURRENT = "current"


def build(plan: ReadPlan, store: RowStore, folder: Path, offers: Path | None = None) -> Path:
    """Writes `<folder>/<version>` and points `<folder>/current` at it; older ones than KEPT go.

    The file of `offers`, if there is one, becomes the snapshot's.

    A snapshot with the content of the current one isn't written again.

    Raises:
        ArtefactError: the plan lacks what a snapshot needs, or the store has no items.
        LayoutMismatch: a row has another layout than the plan says.
        OutsideError: Redis did not answer.
    """
    arrays, described = _gather(plan, store)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as name:
        written = Path(name) / "snapshot"
        written.mkdir()
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
        written.rename(folder / version)
    _point(current, version)
    _remove_old(folder, version)
    return folder / version


def _gather(plan: ReadPlan, store: RowStore) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    views = plan.views_of("item")
    if not views:
        raise ArtefactError("the read plan has no item view; a snapshot needs one")
    keys = store.entities(views[0].join_key)
    blocks = {view.name: _rows(view, store, keys) for view in views}
    times = np.stack([blocks[view.name]["event_time_us"] for view in views], axis=1)
    known = (times != ABSENT).any(axis=1)
    if not known.any():
        raise ArtefactError(
            f"the online store has no items of project {plan.project}; materialise first"
        )
    blocks = {name: rows[known] for name, rows in blocks.items()}
    keys, times = keys[known], times[known]
    arrays = {
        "item_key": keys,
        "int64": _block(plan, blocks, "int64"),
        "float32": _block(plan, blocks, "float32"),
        "event_time_us": times,
        "popular": _popular(blocks, keys),
    }
    return arrays, {
        "version": VERSION,
        "project": plan.project,
        "count": len(keys),
        "stream_position": NO_POSITION,
        "oldest_event_time_us": int(times[times != ABSENT].min()),
        "int64_columns": list(plan.item_columns("int64")),
        "float32_columns": list(plan.item_columns("float32")),
        "fingerprints": {v.name: f"{v.layout.fingerprint:016x}" for v in views},
    }


def _rows(view: ViewPlan, store: RowStore, keys: NDArray[np.int64]) -> NDArray[np.void]:
    """(n,) rows of the view, null with event time ABSENT where the store has none."""
    packed = store.read(view.name, view.join_key, keys)
    rows = view.layout.empty(len(keys))
    rows["event_time_us"] = ABSENT
    size = view.layout.dtype.itemsize
    present = np.array([row is not None for row in packed], dtype=bool)
    found = [row for row in packed if row is not None]
    if any(len(row) != size for row in found):
        raise _mismatch(view)
    rows[present] = np.frombuffer(b"".join(found), dtype=view.layout.dtype)
    if (rows["fingerprint"] != view.layout.fingerprint).any():
        raise _mismatch(view)
    return rows


def _mismatch(view: ViewPlan) -> LayoutMismatch:
    return LayoutMismatch(
        f"rows of {view.name} in the online store have another layout than the read plan's "
        f"{view.layout.fingerprint:016x}; materialise again, or export anew"
    )


def _block(plan: ReadPlan, blocks: Mapping[str, NDArray[np.void]], dtype: Any) -> NDArray[Any]:
    """(N, G) the columns of that dtype, row-major."""
    names = plan.item_columns(dtype)
    count = len(next(iter(blocks.values())))
    block = np.empty((count, len(names)), dtype=dtype)
    for at, name in enumerate(names):
        view, column = name.split(".")
        block[:, at] = blocks[view][column]
    return block


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
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    if plan.id_kind == "string":
        import pyarrow as pa  # noqa: PLC0415 - a shop with integer ids does without Arrow

        texts = store.texts(arrays["item_key"])
        table = pa.table({"item_id": [texts[key] for key in arrays["item_key"].tolist()]})
        with pa.ipc.new_file(str(folder / ITEM_IDS), table.schema) as file:
            file.write_table(table)


def _content(described: Mapping[str, Any]) -> str:
    """8 hex digits of SHA-256 over the manifest less its version and time of building."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:8]


def _point(link: Path, version: str) -> None:
    beside = link.with_name(f".{CURRENT}-{os.getpid()}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(version)
    beside.replace(link)


def _remove_old(folder: Path, current: str) -> None:
    versions = sorted(p.name for p in folder.iterdir() if (p / MANIFEST).is_file())
    versions = [v for v in versions if v not in (CURRENT, current)]
    for version in versions[: max(0, len(versions) - (KEPT - 1))]:
        shutil.rmtree(folder / version)
