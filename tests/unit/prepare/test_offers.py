from dataclasses import replace

import polars as pl
import pytest

from tests.unit.training.bundle.shop import silent
from training.datasets.generated.generate import generate
from training.datasets.generated.shop import SHOP
from training.prepare.contract import DataSet, open_data_set
from training.prepare.offers import offer_tables


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
