"""The repository names no machine, and its code stays small."""

import re
from pathlib import Path

import pytest

from tests.meta.imports import ROOT
from tests.meta.repository import files, texts

LONGEST = 300  # lines of a Python file
FORBIDDEN = {
    "a package registry": r"pypi\.|pythonhosted|--(extra-)?index-url|--trusted-host|/simple/",
    "a folder of one machine": r"(?<![\w.~*-])/(root|home/[a-z]+|work|Users/\w+)/",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in texts().items()
        if path != Path(__file__)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a package registry", "pip install --index-url https://mirror.example/simple/ x"),
        ("a folder of one machine", "see /home/someone/recserve"),
    ],
)
def test_a_planted_one_is_noticed(what: str, line: str) -> None:
    assert re.search(FORBIDDEN[what], line)


def test_no_python_file_is_long() -> None:
    long = {
        p.relative_to(ROOT).as_posix(): count
        for p in files()
        if p.suffix == ".py" and (count := len(p.read_text().splitlines())) > LONGEST
    }
    assert long == {}


def test_only_the_last_line_catches_everything() -> None:
    """`except Exception` stands in the API alone; a bare one nowhere."""
    catching = re.compile(r"^\s*except(\s+(Base)?Exception\b.*)?:", re.MULTILINE)
    found = [
        p.relative_to(ROOT).as_posix()
        for p in files()
        if p.suffix == ".py" and catching.search(p.read_text())
    ]
    assert found == ["serving/rpc/calls.py"]
