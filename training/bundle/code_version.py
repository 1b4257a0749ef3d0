"""Which code made a bundle."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """The commit, "unknown" outside a git checkout, and whether files differed from it."""

    commit: str
    changed: bool


def code_version(folder: Path = ROOT) -> CodeVersion:
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return CodeVersion(UNKNOWN, changed=False)
    return CodeVersion(commit, changed=bool(_git(folder, "status", "--porcelain")))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None if there is no git, or `folder` isn't in a checkout with a commit."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else None
