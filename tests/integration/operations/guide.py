"""The commands of docs/operations.md, as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.meta.imports import ROOT

PAGE = ROOT / "docs/operations.md"
CHAPTERS = ("Install, upgrade, go back", "Backup and restore")


def blocks() -> list[str]:
    """Of the chapters that promise that theirs are run."""
    text = PAGE.read_text()
    chapters = (
        re.split(r"^## ", text.partition(f"\n## {c}\n")[2], flags=re.MULTILINE)[0] for c in CHAPTERS
    )
    return [
        one
        for c in chapters
        for one in re.findall(r"^```bash\n(.*?)^```", c, re.MULTILINE | re.DOTALL)
    ]


def block(holding: str) -> str:
    """The only one that holds it."""
    (found,) = (one for one in blocks() if holding in one)
    return found


def run(*commands: str, path: Path | None = None, **variables: str | Path) -> str:
    """In one shell, at the repository's root; what it printed."""
    first = [str(path)] if path else []
    search = [*first, str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        ["bash", "-euc", "\n".join(commands)],
        cwd=ROOT,
        env=os.environ | {k: str(v) for k, v in variables.items()} | {"PATH": ":".join(search)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
