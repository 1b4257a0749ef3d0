import json
import sys
from pathlib import Path

import pytest

from training.search.__main__ import main


def test_the_figures_of_all_peers_are_merged_into_the_report(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["search", "--state", str(state), "--report", str(tmp_path)])
    assert main() == 0
    rows = json.loads((tmp_path / "metrics.json").read_text())
    assert {row["model"] for row in rows} == {
        "bm25s",
        "by_chance",
        "category_popularity",
        "personal_bm25s",
    }
    assert {row["task"] for row in rows} >= {"search", "search_typo", "search_partial"}
    assert {row["dataset"] for row in rows} == {"corner"}
    assert "3 households took 6 different items" in " ".join(capsys.readouterr().out.split())


def test_a_state_folder_without_data_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["search", "--state", str(tmp_path)])
    assert main() == 1
    assert "search:" in capsys.readouterr().out
