from pathlib import Path

import polars as pl
import pytest
import yaml
from rich.console import Console

from training.datasets.errors import DataSetError
from training.datasets.own import copy

QUIET = Console(quiet=True)
TABLES = {
    "items": {"item_id": {"role": "id"}},
    "users": {"user_id": {"role": "id"}},
    "events": {
        "user_id": {"role": "user"},
        "item_id": {"role": "item"},
        "kind": {"role": "kind"},
        "event_time": {"role": "time"},
        "basket_id": {"role": "group"},
        "quantity": {"role": "quantity"},
        "value": {"role": "value"},
    },
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    described = {
        "version": 1,
        "name": "corner_shop",
        "id_kind": "string",
        "default_now": "2026-01-01T00:00:00Z",
        "catalogue": {"min_events": 1},
        "tables": TABLES,
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(described))
    for name, columns in TABLES.items():
        kinds = {"event_time": pl.Datetime("us", "UTC"), "quantity": pl.Int64, "value": pl.Float64}
        schema = {column: kinds.get(column, pl.String) for column in columns}
        pl.DataFrame(schema=schema).write_parquet(folder / f"{name}.parquet")
    (folder / "notes.txt").write_text("not part of the data set")
    return folder


def test_a_folder_in_the_contracts_form_is_taken_as_it_is(source: Path, tmp_path: Path):
    copy(source, tmp_path / "out", QUIET)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dataset.yaml",
        "events.parquet",
        "items.parquet",
        "users.parquet",
    ]


def test_a_folder_that_is_no_data_set_leaves_what_was_there(source: Path, tmp_path: Path):
    copy(source, tmp_path / "out", QUIET)
    (source / "users.parquet").unlink()
    with pytest.raises(DataSetError, match=r"users\.parquet is missing"):
        copy(source, tmp_path / "out", QUIET)
    assert (tmp_path / "out/users.parquet").is_file()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(DataSetError, match="is no folder; DATA names one that holds"):
        copy(tmp_path / "nowhere", tmp_path / "out", QUIET)
