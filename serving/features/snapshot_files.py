"""The files of an item snapshot (docs/contracts.md)."""

import hashlib
from pathlib import Path

VERSION = 1
ARRAYS = ("item_key", "int64", "float32", "event_time_us", "popular")
MANIFEST = "manifest.json"
ITEM_IDS = "item_id.arrow"  # only with string ids
OFFERS = "offers.npz"  # only if the shop has offers
REBUILD = "build it anew with `python -m serving.features.snapshot build`"


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
