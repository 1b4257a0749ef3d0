"""The guide is true: its files, its check's output and what is prepared from it."""

import io
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.unit.datasets.guide import blocks, make_example
from training.data import open_prepared
from training.datasets.check.__main__ import run
from training.datasets.own import copy
from training.prepare.__main__ import prepare


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_example(tmp_path_factory.mktemp("guide"))


def test_the_files_begin_as_the_page_shows(example: Path) -> None:
    items, events = blocks("csv")
    assert (example / "items.csv").read_text(encoding="utf-8").startswith(items)
    assert (example / "events.csv").read_text(encoding="utf-8").startswith(events)


def test_the_check_prints_what_the_page_shows(example: Path, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=110)
    assert run(example, tmp_path / "out", console) == 0
    printed = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    (shown,) = blocks("text")
    paths = ("Quarantined rows", "All of it")
    missing = [
        line for line in shown.splitlines() if line not in printed and not line.startswith(paths)
    ]
    assert missing == []
    assert {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        "report.json",
        "dataset.yaml",
        "items.parquet",
        "events.parquet",
    }
    assert pl.read_parquet(tmp_path / "out/quarantine/events.parquet").height == 4


def test_it_is_prepared_with_money_in_one_currency_and_times_in_utc(
    example: Path, tmp_path: Path
) -> None:
    quiet = Console(quiet=True)
    copy(example, tmp_path / "dataset", quiet)
    prepare(tmp_path, None, 5, quiet)
    assert len(open_prepared(tmp_path / "prepared").item_keys) == 168
    profile = pl.read_parquet(tmp_path / "prepared/views/item_profile.parquet")
    assert {"gênero", "editora", "preço"} <= set(profile.columns)
    activity = pl.read_parquet(tmp_path / "prepared/views/item_activity.parquet")
    prices = profile.join(activity, on=["item_id", "event_timestamp"]).drop_nulls("price_91d")
    assert (prices["price_91d"] / prices["preço"]).is_between(0.99, 1.01).all()
    first = pl.read_parquet(tmp_path / "dataset/events.parquet")["time"][0]
    assert first.isoformat() == "2018-05-01T04:02:00+00:00"
