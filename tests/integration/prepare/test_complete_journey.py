"""The real data set through the real conversion and preparation, on sixty households."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml
from rich.console import Console

from training.datasets import complete_journey
from training.datasets.errors import DataSetError
from training.prepare.__main__ import prepare

QUIET = Console(quiet=True)
NOW = datetime(2017, 11, 27, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    complete_journey.convert(folder / "dataset", 60, QUIET)
    prepare(folder, None, 4, QUIET)
    return folder


def described(state: Path) -> dict:
    return yaml.safe_load((state / "prepared/features.yaml").read_text())


def test_the_subset_keeps_that_many_households_with_all_their_purchases(state: Path) -> None:
    users = pl.read_parquet(state / "dataset/users.parquet")["user_id"]
    events = pl.read_parquet(state / "dataset/events.parquet")
    assert users.n_unique() == 60
    assert set(events["user_id"]) <= set(users)
    assert events["event_id"].is_unique().all()


def test_shares_of_promoting_stores_lie_between_0_and_1(state: Path) -> None:
    placements = pl.read_parquet(state / "dataset/placements.parquet")
    for column in ("display_share", "mailer_share"):
        assert placements[column].is_between(0, 1).all()
    assert (placements["end_time"] - placements["start_time"]).unique().to_list() == [
        pl.Series([placements["end_time"][0] - placements["start_time"][0]])[0]
    ]


def test_fuel_coupons_and_miscellaneous_are_no_merchandise(state: Path) -> None:
    departments = pl.read_parquet(state / "dataset/items.parquet")["department"].unique()
    assert not set(departments) & set(complete_journey.NOT_MERCHANDISE)


def test_every_view_holds_what_the_description_says(state: Path) -> None:
    for name, view in described(state)["views"].items():
        schema = pl.read_parquet_schema(state / f"prepared/views/{name}.parquet")
        fields = [field["name"] for field in view["fields"]]
        assert list(schema)[1:-2] == fields
        assert next(iter(schema)) == f"{view['entity']}_id"
        assert list(schema)[-2:] == ["event_timestamp", "created_timestamp"]


def test_lists_are_no_longer_than_described(state: Path) -> None:
    for name, view in described(state)["views"].items():
        frame = pl.read_parquet(state / f"prepared/views/{name}.parquet")
        for field in view["fields"]:
            if "max_length" in field:
                assert frame[field["name"]].list.len().max() <= field["max_length"]


def test_an_entity_has_one_row_a_cutoff(state: Path) -> None:
    for name, view in described(state)["views"].items():
        frame = pl.read_parquet(state / f"prepared/views/{name}.parquet")
        assert not frame.select(f"{view['entity']}_id", "event_timestamp").is_duplicated().any()


def test_no_list_holds_a_purchase_of_its_own_future(state: Path) -> None:
    history = pl.read_parquet(state / "prepared/views/user_history.parquet")
    cutoff_s = pl.col("event_timestamp").dt.epoch("s")
    assert history.select((pl.col("owned_last_s").list.max() < cutoff_s).all()).item()
    assert history.select((pl.col("recent_s").list.max() < cutoff_s).all()).item()


def test_targets_end_before_now_and_name_catalogue_items(state: Path) -> None:
    targets = pl.read_parquet(state / "prepared/targets.parquet")
    catalogue = pl.read_parquet(state / "prepared/catalogue.parquet")
    assert targets["first_time"].max() < NOW
    assert set(targets["item_key"]) <= set(catalogue["item_key"])
    assert catalogue["item_key"].is_sorted()


def test_statistics_come_from_training_cutoffs_alone(state: Path) -> None:
    before = (state / "prepared/statistics.json").read_text()
    path = state / "prepared/views/user_activity.parquet"
    trained = [datetime.fromisoformat(t) for t in described(state)["cutoffs"][:-2]]
    frame = pl.read_parquet(path).filter(pl.col("event_timestamp").is_in(trained))
    recorded = json.loads(before)["user_activity.days_since_first"]
    values = frame["days_since_first"].cast(pl.Float64)
    values = values.log1p() if recorded["log1p"] else values
    assert recorded["mean"] == pytest.approx(values.mean())


@pytest.mark.parametrize(
    ("now", "cutoffs", "said"),
    [
        (datetime(2017, 11, 27, 5), 4, "without a time zone"),  # noqa: DTZ001
        (NOW, 3, "at least 4"),
        (datetime(2015, 1, 1, tzinfo=UTC), 4, "set a later now"),
    ],
)
def test_a_useless_now_or_cutoff_count_is_refused_and_the_old_result_stays(
    state: Path, now: datetime, cutoffs: int, said: str
) -> None:
    before = (state / "prepared/features.yaml").read_bytes()
    with pytest.raises(DataSetError, match=said):
        prepare(state, now, cutoffs, QUIET)
    assert (state / "prepared/features.yaml").read_bytes() == before


def test_preparing_the_same_data_twice_gives_the_same_rows(state: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset").symlink_to(state / "dataset")
    prepare(tmp_path, None, 4, QUIET)
    for path in sorted((state / "prepared").rglob("*.parquet")):
        again = pl.read_parquet(tmp_path / path.relative_to(state))
        stamps = [c for c in again.columns if c == "created_timestamp"]
        assert again.drop(stamps).equals(pl.read_parquet(path).drop(stamps)), path.name
