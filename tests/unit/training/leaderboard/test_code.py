"""Which files decide an answer, held against the walk of imports that guards their direction."""

from pathlib import Path

import pytest

from tests.meta.imports import closure
from training.leaderboard.code import ROOT, code_of


@pytest.mark.parametrize(
    "module", ["training.train_retriever", "training.train_ranker", "training.leaderboard.ours"]
)
def test_the_code_of_a_program_is_all_that_it_imports(module: str) -> None:
    files = {ROOT / name.replace(".", "/") for name in closure(module)}
    expected = {
        path.with_suffix(".py")
        for path in files
        if path.is_relative_to(ROOT / "training") or path.is_relative_to(ROOT / "serving")
    }
    found = code_of((ROOT / module.replace(".", "/")).with_suffix(".py"))
    assert found == {path for path in expected if path.is_file()}


def test_a_file_that_imports_nothing_of_ours_stands_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("import json\nfrom pathlib import Path\n")
    assert code_of(path) == {path}


def test_a_changed_import_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("")
    assert code_of(path) == {path}
    path.write_text("from training import atomic\n")
    assert code_of(path) == {path, ROOT / "training" / "atomic.py"}
