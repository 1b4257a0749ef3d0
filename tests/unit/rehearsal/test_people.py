from pathlib import Path

import polars as pl
import yaml
from recserve.client import Surface

from tests.rehearsal.people import People
from training.datasets.complete_journey import DESCRIPTION


def test_they_are_of_the_data_that_is_served_by_default(tmp_path: Path):
    for name in ("dataset", "prepared"):
        (tmp_path / name).mkdir()
    (tmp_path / "dataset/dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION))
    told = {"surface": "product", "now": "2017-11-27T05:00:00Z"}
    (tmp_path / "prepared/features.yaml").write_text(yaml.safe_dump(told))
    pl.DataFrame({"item_id": [1, 2], "title": ["Eggs", None]}).write_parquet(
        tmp_path / "prepared/catalogue.parquet"
    )
    pl.DataFrame({"user_id": [7, 7]}).write_parquet(tmp_path / "prepared/targets.parquet")
    people = People.of(tmp_path)
    assert (people.surface, people.users) == (Surface.PRODUCT, ["7"])
    assert (people.items, people.queries) == (["1", "2"], ["Eggs"])
    assert people.event().kind == "purchase"
