"""Files that are either whole or absent, whatever is killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yields a path to write to; it takes `path`'s place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.parent / f".{path.name}.{uuid4().hex[:8]}"
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    with replacing_file(path) as fresh:
        fresh.write_text(text)


def replace_link(link: Path, target: str) -> None:
    """Points a symbolic link elsewhere; readers see the old target or the new one."""
    fresh = link.parent / f".{link.name}.{uuid4().hex[:8]}"
    fresh.symlink_to(target)
    fresh.replace(link)
