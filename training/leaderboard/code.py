"""Which files of this repository decide what a program does, and whether a result is newer than they are."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("training", "serving")


def code_of(source: Path) -> frozenset[Path]:
    """`source` and all of ours that importing it runs; read from the text, nothing is imported."""
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path, path.stat().st_mtime_ns)
    return frozenset(found)


def is_newer(path: Path, inputs: Iterable[Path]) -> bool:
    """Whether the file is there, and none of its inputs was written after it."""
    if not path.is_file():
        return False
    made = path.stat().st_mtime_ns
    return all(of.stat().st_mtime_ns <= made for of in inputs)


@cache
def _imported(path: Path, written_ns: int) -> tuple[Path, ...]:
    del written_ns  # read again when the file has changed
    names = {name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)}
    ours = (name for name in names if name.split(".")[0] in OURS)
    return tuple(file for name in sorted(ours) if (file := _file(name)) is not None)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        # What is taken from a package may be a module.
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    """The module's source; None of what is no module, or a package, which here runs nothing."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None
