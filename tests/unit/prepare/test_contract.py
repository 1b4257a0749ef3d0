from pathlib import Path

import polars as pl
import pytest
import yaml

from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.prepare.contract import open_data_set

DESCRIPTION = {
    "version": 1,
    "name": "shop",
    "id_kind": "string",
    "default_now": "2024-01-01T00:00:00Z",
    "catalogue": {"min_events": 1},
    "tables": {
        "items": {
            "sku": {"role": "id"},
            "leaf": {"role": "category", "level": 2},
            "root": {"role": "category", "level": 1},
        },
        "users": {"who": {"role": "id"}},
        "events": {
            "who": {"role": "user"},
            "sku": {"role": "item"},
            "what": {"role": "kind"},
            "at": {"role": "time"},
            "cart": {"role": "group"},
            "n": {"role": "quantity"},
            "paid": {"role": "value"},
        },
    },
}


def write(folder: Path, description: dict = DESCRIPTION, skip: str = "") -> Path:
    (folder / "dataset.yaml").write_text(yaml.safe_dump(description))
    for table, columns in description["tables"].items():
        data = {c: pl.Series(["x"]) for c in columns if f"{table}.{c}" != skip}
        if "at" in data:
            data["at"] = pl.Series(["2024-01-01"]).str.to_datetime(time_zone="UTC")
        data |= {c: pl.Series([1.0]) for c in ("n", "paid") if c in data}
        pl.DataFrame(data).write_parquet(folder / f"{table}.parquet")
    return folder


def test_columns_are_found_by_role_whatever_their_names(tmp_path: Path) -> None:
    data = open_data_set(write(tmp_path))
    assert data.categories == ("root", "leaf")
    assert data.placements is None
    assert data.events.collect_schema().names() == [
        "user_id",
        "item_id",
        "kind",
        "time",
        "group",
        "quantity",
        "value",
    ]


def test_a_column_that_the_description_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"events\.parquet has no column cart"):
        open_data_set(write(tmp_path, skip="events.cart"))


def test_every_missing_table_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "users.parquet").unlink()
    (tmp_path / "items.parquet").unlink()
    with pytest.raises(DataSetError, match=r"items\.parquet is missing.*users\.parquet is missing"):
        open_data_set(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("version", 2, "version is 2, this program reads 1"),
        ("id_kind", "uuid", "id_kind is 'uuid'"),
        ("tables", {"items": {}, "users": {}}, "tables.events is missing"),
    ],
)
def test_a_wrong_description_is_told(tmp_path: Path, key: str, value: object, said: str) -> None:
    with pytest.raises(DataSetError, match=said):
        open_data_set(write(tmp_path, DESCRIPTION | {key: value}))


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with replacing(target) as fresh:
        (fresh / "a").write_text("first")

    def fail() -> None:
        with replacing(target) as fresh:
            (fresh / "a").write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (target / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["made"]
