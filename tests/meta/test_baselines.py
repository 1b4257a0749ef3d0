"""What measurements stand beside runs without any of ours."""

from pathlib import Path

import pytest

from tests.meta.imports import OURS, ROOT, imported_names

BASELINES = sorted((ROOT / "tests/load/baselines").glob("*.py"))
PEERS = sorted((ROOT / "training/peers").glob("*.py"))
BESIDE = ("table", "tuned")  # what tunes them and reads what was chosen
TABOO = {*OURS, "tests", "protos", "recserve"}


def test_there_are_baselines() -> None:
    assert len(BASELINES) >= 4


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_a_baseline_stands_alone(path: Path) -> None:
    text = path.read_text()
    assert {name.partition(".")[0] for name in imported_names(text)} & TABOO == set()
    assert "import_module" not in text
    assert "__import__" not in text


@pytest.mark.parametrize("path", [p for p in PEERS if p.stem not in BESIDE], ids=lambda p: p.stem)
def test_a_peer_shares_code_with_peers_alone(path: Path) -> None:
    names = imported_names(path.read_text())
    ours = {name for name in names if name.partition(".")[0] in TABOO}
    assert {name for name in ours if not name.startswith("training.peers")} == set()


def test_an_import_of_ours_would_be_noticed() -> None:
    names = imported_names("from recserve.v1 import event_service_pb2\nimport serving.clock")
    assert {name.partition(".")[0] for name in names} & TABOO == {"recserve", "serving"}
