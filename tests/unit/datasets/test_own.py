import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.e2e.patience import eventually
from tests.meta.imports import ROOT
from tests.unit.datasets.shops import shop
from training.datasets.errors import DataSetError
from training.datasets.own import copy
from training.prepare.contract import open_data_set

QUIET = Console(quiet=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = shop().adding("events", {"event": "x", "paid": -1.0}).write(tmp_path / "source")
    (folder / "notes.txt").write_text("not part of the data set")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_accepted_tables_are_taken_with_the_report_beside_them(
    source: Path, tmp_path: Path
) -> None:
    copy(source, tmp_path / "state/dataset", QUIET)
    assert names(tmp_path / "state") == ["data-check", "dataset"]
    assert names(tmp_path / "state/data-check") == ["quarantine", "report.json"]
    assert names(tmp_path / "state/dataset") == [
        "dataset.yaml",
        "events.parquet",
        "items.parquet",
        "users.parquet",
    ]
    data = open_data_set(tmp_path / "state/dataset")
    assert data.events.select(pl.len()).collect().item() == 1500
    assert data.categories == ("shelf",)


def test_synonyms_go_along(source: Path, tmp_path: Path) -> None:
    (source / "synonyms.txt").write_text("soda, pop\n")
    copy(source, tmp_path / "dataset", QUIET)
    assert (tmp_path / "dataset/synonyms.txt").read_text() == "soda, pop\n"


def test_a_refused_folder_leaves_what_was_there_and_tells_why(source: Path, tmp_path: Path) -> None:
    copy(source, tmp_path / "dataset", QUIET)
    (source / "users.parquet").unlink()
    (source / "items.parquet").rename(source / "items.csv")
    with pytest.raises(
        DataSetError, match=r"items items\.csv is no CSV but .*; users neither users\.parquet"
    ):
        copy(source, tmp_path / "dataset", QUIET)
    assert (tmp_path / "dataset/users.parquet").is_file()
    report = json.loads((tmp_path / "data-check/report.json").read_text())
    assert report["refused"]
    assert {f["table"] for f in report["findings"] if f["done"] == "refused"} == {"items", "users"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="is no folder; DATA names one that holds"):
        copy(tmp_path / "nowhere", tmp_path / "out", QUIET)


def test_a_killed_run_leaves_no_data_set_and_the_next_one_clears_up(
    source: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    reading, writing = full_pipe()
    command = [sys.executable, "-m", "training.datasets", "--data", source]
    # It stops where it prints the report into the full pipe, before the data set takes its place.
    running = subprocess.Popen([*command, "--out", state / "dataset"], cwd=ROOT, stdout=writing)
    report = state / "data-check/report.json"
    eventually(lambda: report.is_file() or None, "the report", seconds=60)
    running.kill()
    running.wait()
    for end in (reading, writing):
        os.close(end)
    assert not (state / "dataset").exists()
    assert [name for name in names(state) if name.startswith(".dataset.new-")]
    copy(source, state / "dataset", QUIET)
    assert names(state) == ["data-check", "dataset"]


def full_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    return reading, writing
