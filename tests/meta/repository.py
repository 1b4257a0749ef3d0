"""The files that the repository holds, or would hold once added."""

import subprocess
from functools import cache
from pathlib import Path

from tests.meta.imports import ROOT

BINARY = (".binpb", ".npz", ".onnx", ".png", ".parquet")


@cache
def files() -> tuple[Path, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split("\0")
    return tuple(ROOT / name for name in listed if name and (ROOT / name).is_file())


def texts() -> dict[Path, str]:
    return {p: p.read_text() for p in files() if p.suffix not in BINARY}


def documents() -> dict[Path, str]:
    return {p: text for p, text in texts().items() if p.suffix == ".md"}
