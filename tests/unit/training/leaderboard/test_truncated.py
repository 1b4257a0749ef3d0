"""What was prepared as known at an earlier cut-off, held against a preparation that stands there."""

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.unit.training.bundle.shop import silent
from tests.unit.training.leaderboard.conftest import FORTNIGHT, OWN
from training.data import open_prepared
from training.datasets.generated.generate import generate
from training.datasets.generated.shop import SHOP
from training.errors import PreparedError
from training.leaderboard.truncated import truncate
from training.prepare.__main__ import prepare

EARLIER = OWN - FORTNIGHT


@pytest.fixture(scope="module")
def folder(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier") / "prepared"
    truncate(state / "prepared", folder, EARLIER)
    return folder


def test_nothing_is_later_than_the_cut_off(folder: Path, state: Path) -> None:
    prepared = open_prepared(folder)
    assert prepared.now == EARLIER
    assert prepared.cutoffs == open_prepared(state / "prepared").cutoffs[:-1]
    views = sorted((folder / "views").glob("*.parquet"))
    assert [v.name for v in views] == sorted(p.name for p in (state / "prepared/views").iterdir())
    for view in views:
        assert pl.read_parquet(view)["event_timestamp"].max() == EARLIER
    ends = pl.read_parquet(folder / "targets.parquet")["cutoff"] + FORTNIGHT
    assert ends.max() == EARLIER
    assert pl.read_parquet(folder / "targets.parquet")["first_time"].max() < EARLIER  # type: ignore[operator]


def test_the_rest_is_as_it_was(folder: Path, state: Path) -> None:
    for path in (state / "prepared" / "views").iterdir():
        kept = pl.read_parquet(path).filter(pl.col("event_timestamp") <= EARLIER)
        assert pl.read_parquet(folder / "views" / path.name).equals(kept)
    whole, earlier = open_prepared(state / "prepared"), open_prepared(folder)
    assert earlier.item_keys.tolist() == whole.item_keys.tolist()
    assert earlier.vocabularies.keys() == whole.vocabularies.keys()
    dated = {"cutoffs", "now"}
    assert {k: v for k, v in earlier.features.items() if k not in dated} == {
        k: v for k, v in whole.features.items() if k not in dated
    }


def test_it_is_what_a_preparation_of_that_day_gives(
    folder: Path, state: Path, tmp_path: Path
) -> None:
    (tmp_path / "dataset").symlink_to(state / "dataset")
    prepare(tmp_path, EARLIER, 4, silent())
    fresh = tmp_path / "prepared"
    assert open_prepared(fresh).item_keys.tolist() == open_prepared(folder).item_keys.tolist()
    mine = json.loads((folder / "statistics.json").read_text())
    for name, of in json.loads((fresh / "statistics.json").read_text()).items():
        assert mine[name] == pytest.approx(of, rel=1e-6), name
    assert pl.read_parquet(folder / "targets.parquet").equals(
        pl.read_parquet(fresh / "targets.parquet")
    )


def test_statistics_forget_what_later_cut_offs_were_like(folder: Path, state: Path) -> None:
    earlier = json.loads((folder / "statistics.json").read_text())
    assert earlier.keys() == json.loads((state / "prepared/statistics.json").read_text()).keys()
    taught = open_prepared(folder).cutoffs[:-2]
    column = pl.read_parquet(folder / "views/user_activity.parquet").filter(
        pl.col("event_timestamp").is_in(list(taught))
    )["items_28d"]
    kept = earlier["user_activity.items_28d"]
    values = column.log1p() if kept["log1p"] else column
    assert kept["mean"] == pytest.approx(values.cast(pl.Float64).mean(), rel=1e-5)
    assert (
        kept
        != json.loads((state / "prepared/statistics.json").read_text())["user_activity.items_28d"]
    )


def test_a_change_after_the_cut_off_changes_nothing(
    folder: Path, state: Path, tmp_path: Path
) -> None:
    """Every number of a later cut-off is made another, and every later target is dropped."""
    other = tmp_path / "other"
    (other / "views").mkdir(parents=True)
    for path in (state / "prepared").rglob("*"):
        to = other / path.relative_to(state / "prepared")
        if path.parent.name == "views":
            floats = pl.col(pl.Float32)
            late = pl.col("event_timestamp") > EARLIER
            changed = pl.when(late).then(floats * 3 + 1).otherwise(floats).name.keep()
            pl.read_parquet(path).with_columns(changed).write_parquet(to)
        elif path.is_file():
            to.parent.mkdir(exist_ok=True)
            to.write_bytes(path.read_bytes())
    truncate(other, tmp_path / "again", EARLIER)
    for name in ("statistics.json", "features.yaml"):
        assert (tmp_path / "again" / name).read_text() == (folder / name).read_text()
    for view in (folder / "views").iterdir():
        assert pl.read_parquet(tmp_path / "again/views" / view.name).equals(pl.read_parquet(view))


def test_a_cut_off_that_was_not_prepared_is_refused(state: Path, tmp_path: Path) -> None:
    with pytest.raises(PreparedError, match="is no cut-off of"):
        truncate(state / "prepared", tmp_path / "prepared", OWN + FORTNIGHT)
    assert not (tmp_path / "prepared").exists()


def test_the_description_can_be_read_as_before(folder: Path) -> None:
    described = yaml.safe_load((folder / "features.yaml").read_text())
    assert described["now"] == described["cutoffs"][-1] == f"{EARLIER:%Y-%m-%dT%H:%M:%SZ}"


def test_what_else_was_done_is_left_out_as_targets_are(tmp_path: Path) -> None:
    generate(SHOP, tmp_path / "dataset", 30, 7, silent())
    prepare(tmp_path, None, 5, silent())
    whole = open_prepared(tmp_path / "prepared")
    earlier = whole.cutoffs[-2]
    truncate(tmp_path / "prepared", tmp_path / "earlier", earlier)
    found = pl.read_parquet(tmp_path / "earlier/actions.parquet")
    every = pl.read_parquet(tmp_path / "prepared/actions.parquet")
    assert found.equals(every.filter(pl.col("cutoff") <= whole.cutoffs[-3]))
    assert (found["cutoff"].max(), every["cutoff"].max()) == (whole.cutoffs[-3], earlier)
    assert open_prepared(tmp_path / "earlier").actions == whole.actions


def test_where_nothing_else_is_done_nothing_is_said_of_it(folder: Path) -> None:
    assert not (folder / "actions.parquet").exists()
    assert open_prepared(folder).actions == ()
