"""The folder of bundles: a new one arrives whole, and the oldest leave."""

import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from training.atomic import replace_link

CURRENT = "current"
KEPT = 3  # the newest, beside the current one


@contextmanager
def staging(bundles: Path) -> Iterator[Path]:
    """A folder to write a bundle to; gone after the block unless it was published."""
    bundles.mkdir(parents=True, exist_ok=True)
    for left in bundles.glob(".*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)  # of a run that was killed
    folder = bundles / f".{uuid4().hex[:8]}"
    folder.mkdir()
    try:
        yield folder
    finally:
        if folder.is_dir():
            shutil.rmtree(folder)


def publish(staged: Path, bundle_id: str) -> Path:
    """Moves the bundle to its name and makes it the current one; the same content is kept once."""
    target = staged.parent / bundle_id
    if target.is_dir():
        os.utime(target)  # it is the newest again
    else:
        staged.rename(target)
    replace_link(staged.parent / CURRENT, bundle_id)
    return target


def prune(bundles: Path, pinned: Collection[str] = ()) -> list[Path]:
    """Removes all but the newest bundles, the current one and those `pinned`; says which."""
    current = (bundles / CURRENT).resolve()
    found = [p for p in bundles.iterdir() if (p / "manifest.json").is_file() and not p.is_symlink()]
    found = [p for p in found if not p.name.startswith(".")]
    newest_first = sorted(found, key=lambda p: (p.stat().st_mtime_ns, p.name), reverse=True)
    removed = [p for p in newest_first[KEPT:] if p.resolve() != current and p.name not in pinned]
    for path in removed:
        shutil.rmtree(path)
    return removed


def write_document(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
