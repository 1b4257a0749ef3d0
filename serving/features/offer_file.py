"""The offers of a snapshot as one file: who runs when, on which surface, for which items.

An npz archive of arrays without objects, so that opening it never runs anything. `id_text` is the
offers' ids in UTF-8, one after the other; `id_end` says where each ends.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from serving.errors import ArtefactError
from serving.features.packed_ids import PackedIds, packed_ids
from serving.features.snapshot_files import REBUILD
from serving.types import OfferTable

# As the data set calls them: recserve.v1.Surface without its prefix, small.
OFFER_SURFACES = ("ad", "membership_offer", "promotion")
ARRAYS = (
    "id_text", "id_end", "surface", "start_us", "end_us", "weight", "target_offer", "target_key",
)  # fmt: skip


def write_offers(
    path: Path,
    offer_ids: Sequence[str],
    surfaces: Sequence[str],
    running_us: NDArray[np.int64],
    weight: NDArray[np.float32],
    target_offer: NDArray[np.int64],
    target_key: NDArray[np.int64],
) -> None:
    """M offers with `running_us` (M, 2), and T targets: the offer's place and the item's key."""
    ids = packed_ids(offer_ids)
    order = np.lexsort((target_key, target_offer))
    np.savez(
        path,
        id_text=ids.text,
        id_end=ids.end,
        surface=np.array([OFFER_SURFACES.index(one) for one in surfaces], dtype=np.int8),
        start_us=running_us[:, 0],
        end_us=running_us[:, 1],
        weight=weight.astype(np.float32),
        target_offer=target_offer[order],
        target_key=target_key[order],
    )


def read_offers(path: Path, item_key: NDArray[np.int64]) -> OfferTable:
    """With the targets as rows of `item_key` (N,), ascending; those it lacks are left out.

    Raises:
        ArtefactError: the file holds no offers.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[Any]] = {name: archive[name] for name in ARRAYS}
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise ArtefactError(f"{path} can't be read: {error}; {REBUILD}") from error
    ids = PackedIds(arrays["id_text"], arrays["id_end"])
    rows = np.searchsorted(item_key, arrays["target_key"]).clip(max=len(item_key) - 1)
    held = item_key[rows] == arrays["target_key"]
    return OfferTable(
        tuple(ids.at(np.arange(len(ids.end)))),
        tuple(f"SURFACE_{OFFER_SURFACES[n].upper()}" for n in arrays["surface"].tolist()),
        arrays["start_us"],
        arrays["end_us"],
        arrays["weight"],
        arrays["target_offer"][held],
        rows[held],
    )
