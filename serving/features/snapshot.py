"""The item snapshot: every item's features as read-only memory maps that a host's workers share.

`python -m serving.features.snapshot build --bundle DIR --state DIR [--to DIR] [--redis-url URL]
[--every SECONDS]` makes one from the online store, where the gateways read it.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.artefacts import MANIFEST, digest, read_json
from serving.bundle import open_bundle
from serving.errors import ArtefactError, RecserveError
from serving.features.key_index import KeyIndex
from serving.features.offer_file import read_offers
from serving.features.packed_ids import PackedIds
from serving.features.read_plan import ReadPlan
from serving.features.snapshot_build import build
from serving.features.snapshot_files import (
    ARRAYS,
    ITEM_IDS,
    OFFERS,
    REBUILD,
    VERSION,
)
from serving.features.store import RowStore
from serving.items import Patch
from serving.local.addresses import redis_url
from serving.types import Degraded, Keys, OfferTable

log = logging.getLogger(__name__)
NEEDED: Mapping[str, type] = {  # of the manifest, beside what the plan says
    "snapshot_version": str,
    "oldest_event_time_us": int,
    "stream_position": str,
    "sha256": dict,
}


@dataclass(frozen=True)
class Snapshot:
    """N items, row by row; V item views and the columns of int64 and float32 in read-plan order.

    An ItemSnapshot by itself, and the base of LiveItems.
    """

    version: str
    item_key: NDArray[np.int64]  # (N,) ascending
    int64: NDArray[np.int64]  # (N, Gi)
    float32: NDArray[np.float32]  # (N, Gf)
    event_time_us: NDArray[np.int64]  # (N, V), -1 where the item has no row of the view
    popular: NDArray[np.int32]  # (N,) rows, best selling first
    oldest_event_time_us: int
    int64_columns: tuple[str, ...]
    float32_columns: tuple[str, ...]
    stream_position: str = "0-0"  # of the item changes: what came later is to be replayed
    texts: PackedIds | None = None  # if ids are strings
    offers: OfferTable | None = None

    @property
    def count(self) -> int:
        return len(self.item_key)

    @property
    def present(self) -> None:
        """All are."""

    def positions(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) row of each key, -1 if the snapshot lacks it."""
        if not self.count:
            return np.full(len(keys), -1, dtype=np.int64)
        return self._index.positions(keys)

    def columns(self, dtype: Literal["int64", "float32"], names: Sequence[str]) -> NDArray[np.intp]:
        """(n,) where these columns, `<view>.<column>`, lie in the block of that dtype."""
        where = self._where[dtype]
        return np.array([where[name] for name in names], dtype=np.intp)

    def names(self, keys: Keys) -> list[str]:
        """The ids of items of the snapshot, as on the wire."""
        if self.texts is None:
            return [str(key) for key in keys.tolist()]
        return self.texts.at(self.positions(keys))

    def keys_at(self, rows: NDArray[np.integer[Any]]) -> Keys:
        keys: Keys = self.item_key[rows]
        return keys

    @property
    def degradations(self) -> tuple[Degraded, ...]:
        return ()

    def changed(self, rows: NDArray[np.int64]) -> Patch | None:
        """None: a base never changes."""
        del rows
        return None

    def changes(self) -> Patch | None:
        """As `changed`."""
        return None

    @cached_property
    def _index(self) -> KeyIndex:
        return KeyIndex(self.item_key)

    @cached_property
    def _where(self) -> dict[str, dict[str, int]]:
        return {
            "int64": {name: at for at, name in enumerate(self.int64_columns)},
            "float32": {name: at for at, name in enumerate(self.float32_columns)},
        }


def open_snapshot(folder: Path, plan: ReadPlan) -> Snapshot:
    """Opens `folder`, or what it links to, for a gateway that reads by `plan`.

    Raises:
        ArtefactError: a file is missing or changed, or the snapshot was built by another plan.
    """
    folder = Path(
        os.path.realpath(folder)
    )  # unlike resolve, no fault of its own in a loop of links
    manifest = _manifest(folder)
    _check_plan(folder, manifest, plan)
    names = (*ARRAYS, *ITEM_IDS) if plan.id_kind == "string" else ARRAYS
    offers = [OFFERS] if OFFERS in manifest["sha256"] else []
    for name in [*(f"{array}.npy" for array in names), *offers]:
        if not (folder / name).is_file():
            raise ArtefactError(f"{folder / name} is missing; {REBUILD}")
        if digest(folder / name) != manifest["sha256"].get(name):
            raise ArtefactError(f"{folder / name} was changed after it was built; {REBUILD}")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
    texts = [arrays.pop(name) for name in ITEM_IDS if name in arrays]
    return Snapshot(
        version=manifest["snapshot_version"],
        oldest_event_time_us=manifest["oldest_event_time_us"],
        stream_position=manifest["stream_position"],
        int64_columns=tuple(manifest["int64_columns"]),
        float32_columns=tuple(manifest["float32_columns"]),
        texts=PackedIds(*texts) if texts else None,
        offers=read_offers(folder / OFFERS, arrays["item_key"]) if offers else None,
        **arrays,
    )


def fitting(link: Path, plan: ReadPlan) -> Path:
    """The snapshot that `link` names; if another plan built that, the latest beside it that this one reads.

    While a bundle is rolled out or back `current` is one bundle's, and pods of the other may have to start.
    Where none fits it is what the link names, which then says why.
    """
    named = Path(os.path.realpath(link))
    if not named.is_dir() or _fits(named, plan):
        return named
    beside = sorted(
        named.parent.glob(f"[!.]*/{MANIFEST}"), reverse=True
    )  # named by when they were built
    kept = (path.parent for path in beside if not path.parent.is_symlink())
    for folder in kept:
        if _fits(folder, plan):
            log.warning("snapshot %s is of another read plan; %s serves", named.name, folder.name)
            return folder
    return named


def _fits(folder: Path, plan: ReadPlan) -> bool:
    try:
        _check_plan(folder, _manifest(folder), plan)
    except ArtefactError:
        return False
    return True


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    manifest = read_json(path, REBUILD)
    if not isinstance(manifest, dict):
        raise ArtefactError(f"{path} is no JSON object; {REBUILD}")
    if manifest.get("version") != VERSION:
        raise ArtefactError(
            f"{path} is version {manifest.get('version')}, this program reads {VERSION}; {REBUILD}"
        )
    wrong = [name for name, kind in NEEDED.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise ArtefactError(f"{path} lacks {', '.join(wrong)}, or not as it should be; {REBUILD}")
    return manifest


def _check_plan(folder: Path, manifest: Mapping[str, Any], plan: ReadPlan) -> None:
    expected = {
        "project": plan.project,
        "int64_columns": list(plan.item_columns("int64")),
        "float32_columns": list(plan.item_columns("float32")),
        "fingerprints": {v.name: f"{v.layout.fingerprint:016x}" for v in plan.views_of("item")},
    }
    differing = [name for name, value in expected.items() if manifest.get(name) != value]
    if differing:
        raise ArtefactError(
            f"{folder} was built by another read plan: {', '.join(differing)} differ; {REBUILD}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.features.snapshot")
    command = parser.add_subparsers(dest="command", required=True)
    building = command.add_parser("build", help="make a snapshot from the online store")
    building.add_argument("--bundle", type=Path, required=True)
    building.add_argument("--state", type=Path, required=True)
    building.add_argument("--to", type=Path, help="default: snapshots of the state folder")
    building.add_argument("--redis-url", help="default: the state folder's own Redis")
    building.add_argument("--every", type=float, metavar="SECONDS", help="again and again")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # also as a container's first process
    while True:
        built = _built(given)
        if given.every is None or (built != 0 and not _delivered(given)):
            return built
        time.sleep(given.every)


def _built(given: argparse.Namespace) -> int:
    try:
        plan = open_bundle(given.bundle).plan
        with RowStore(given.redis_url or redis_url(given.state), plan.project) as store:
            built = build(plan, store, _target(given), _offers(given.state))
    except RecserveError as error:
        print(f"snapshot: {error}", file=sys.stderr, flush=True)  # noqa: T201 - a command's answer
        return 1
    print(built, flush=True)  # noqa: T201
    return 0


def _offers(state: Path) -> Path:
    """As prepared; as the snapshot of a job has them where nothing is prepared, in a pod that fetches."""
    prepared = state / "prepared"
    return (prepared if prepared.is_dir() else state / "snapshots" / "current") / OFFERS


def _target(given: argparse.Namespace) -> Path:
    target: Path = given.to or given.state / "snapshots"
    return target


def _delivered(given: argparse.Namespace) -> bool:
    """Whether there is one from before: it serves on, and the next turn may go better."""
    return (_target(given) / "current").exists()


if __name__ == "__main__":
    sys.exit(main())
