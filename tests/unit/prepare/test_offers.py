from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from serving.features.offer_file import read_offers
from tests.unit.training.bundle.shop import silent
from training.datasets.generated.generate import generate
from training.datasets.generated.shop import SHOP
from training.prepare.contract import DataSet, open_data_set
from training.prepare.offers import offer_tables, write


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    out = tmp_path_factory.mktemp("shop") / "dataset"
    generate(SHOP, out, 30, 7, silent())
    return open_data_set(out)


@pytest.fixture(scope="module")
def few(data: DataSet) -> pl.DataFrame:
    """A catalogue of 40 items, of which only a few are advertised or promoted."""
    items = data.items.select("item_id").sort("item_id").head(40).collect()
    return items.with_columns(item_key=pl.col("item_id"))


def test_offers_of_catalogue_items_are_kept_with_their_targets(
    data: DataSet, few: pl.DataFrame
) -> None:
    tables = {name: frame.collect() for name, frame in offer_tables(data, few).items()}
    offers, targets = tables["offers"], tables["offer_targets"]
    assert set(offers["offer_id"]) == set(targets["offer_id"])
    assert set(targets["item_key"]) <= set(few["item_key"])
    assert 0 < offers.height < data.offers.collect().height
    assert offers["weight"].dtype == pl.Float32
    assert offers.columns == ["offer_id", "surface", "start", "end", "weight", "title"]
    assert offers["offer_id"].is_sorted()
    assert targets.is_unique().all()


def test_without_offers_or_targets_nothing_is_written(data: DataSet, few: pl.DataFrame) -> None:
    assert offer_tables(replace(data, offers=None), few) == {}
    assert offer_tables(replace(data, offer_targets=None), few) == {}


def test_the_snapshots_file_says_what_the_tables_say(
    data: DataSet, few: pl.DataFrame, tmp_path: Path
) -> None:
    write(tmp_path, data, few)
    offers = pl.read_parquet(tmp_path / "offers.parquet")
    keys = few["item_key"].to_numpy()
    table = read_offers(tmp_path / "offers.npz", keys)
    assert list(table.offer_id) == offers["offer_id"].to_list()
    assert list(table.surface) == [f"SURFACE_{s.upper()}" for s in offers["surface"]]
    assert table.start_us.tolist() == offers["start"].dt.epoch("us").to_list()
    assert table.end_us.tolist() == offers["end"].dt.epoch("us").to_list()
    assert table.weight.tolist() == offers["weight"].to_list()
    pairs = {
        (table.offer_id[offer], keys[row])
        for offer, row in zip(table.offer.tolist(), table.row.tolist(), strict=True)
    }
    assert pairs == set(pl.read_parquet(tmp_path / "offer_targets.parquet").iter_rows())


def test_a_data_set_without_offers_writes_nothing(
    data: DataSet, few: pl.DataFrame, tmp_path: Path
) -> None:
    write(tmp_path, replace(data, offers=None), few)
    assert list(tmp_path.iterdir()) == []
