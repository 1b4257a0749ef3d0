"""Writes folders that are either whole or absent."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yields an empty folder that takes `folder`'s place when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for kind in ("new", "old"):
        for stale in folder.parent.glob(f".{folder.name}.{kind}-*"):
            shutil.rmtree(stale)
    fresh = folder.parent / f".{folder.name}.new-{uuid4().hex[:8]}"
    fresh.mkdir()
    try:
        yield fresh
        if folder.exists():
            old = folder.parent / f".{folder.name}.old-{uuid4().hex[:8]}"
            folder.replace(old)
            fresh.replace(folder)
            shutil.rmtree(old)
        else:
            fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
