"""The blocks of docs/own-data.md, and the worked example made from them."""

import re
import subprocess
import sys
from pathlib import Path

from tests.meta.imports import ROOT

PAGE = ROOT / "docs/own-data.md"
FOLDER = "build/livraria"  # as the page has it, from the folder that its script runs in


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def make_example(folder: Path) -> Path:
    """Runs the page's script in `folder` and puts the page's dataset.yaml beside what it writes."""
    (script,) = blocks("python")
    (described,) = blocks("yaml")
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    (folder / FOLDER / "dataset.yaml").write_text(described, encoding="utf-8")
    return folder / FOLDER
