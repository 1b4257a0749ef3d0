"""Clean data passes; a leak planted in a copy is named by view and column."""

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.unit.training.bundle.shop import prepared_shop
from training.data import open_prepared
from training.errors import LeakFound
from training.evaluation.leak_check import LIMIT, check_leaks
from training.evaluation.telling_features import telling_features
from training.schema import OWNED


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    prepared_shop(folder)
    return folder


@pytest.fixture
def copy(state: Path, tmp_path: Path) -> Path:
    shutil.copytree(state / "prepared", tmp_path / "prepared")
    (tmp_path / "dataset").symlink_to(state / "dataset")
    return tmp_path


def change(state: Path, view: str, expression: pl.Expr) -> None:
    path = state / "prepared" / "views" / f"{view}.parquet"
    pl.read_parquet(path).with_columns(expression).write_parquet(path)


def check(state: Path) -> None:
    check_leaks(state, open_prepared(state / "prepared").cutoffs[-3:])


def test_clean_data_passes_at_every_cut_off(state: Path) -> None:
    prepared = open_prepared(state / "prepared")
    found = check_leaks(state, prepared.cutoffs)
    assert found.views == len(prepared.features["views"])
    assert found.rows > 0
    assert found.telling[0].auc < LIMIT


def test_a_count_that_includes_the_target_window_is_named(copy: Path) -> None:
    """As it would be if the count ended a horizon late."""
    prepared = open_prepared(copy / "prepared")
    cutoff = prepared.cutoffs[-2]
    late = (
        pl.read_parquet(copy / "prepared/targets.parquet")
        .filter(pl.col("cutoff") == cutoff)
        .group_by("item_key")
        .agg(taken=pl.len().cast(pl.Float32))
    )
    path = copy / "prepared/views/item_activity.parquet"
    frame = pl.read_parquet(path)
    joined = frame.join(late, left_on="item_id", right_on="item_key", how="left")
    at = pl.col("event_timestamp") == cutoff
    joined.with_columns(
        pl.when(at)
        .then(pl.col("events_28d") + pl.col("taken").fill_null(0))
        .otherwise("events_28d")
        .alias("events_28d")
    ).select(frame.columns).write_parquet(path)
    with pytest.raises(LeakFound, match=r"item_activity\.events_28d \(\d+ rows at") as caught:
        check(copy)
    assert "item_activity.events_7d" not in str(caught.value)


def test_a_list_that_knows_the_next_purchase_is_named(copy: Path) -> None:
    change(copy, "user_history", pl.col("recent_item").list.reverse())
    with pytest.raises(LeakFound, match=r"user_history\.recent_item \("):
        check(copy)


def test_a_list_value_that_is_off_is_named(copy: Path) -> None:
    change(copy, "user_history", (pl.col("owned_score") * 1.01).alias("owned_score"))
    with pytest.raises(LeakFound, match=r"user_history\.owned_score \("):
        check(copy)


def test_a_column_that_cannot_be_computed_again_is_named(copy: Path) -> None:
    change(copy, "item_activity", pl.lit(1.0).cast(pl.Float32).alias("sold_next_week"))
    with pytest.raises(LeakFound, match=r"item_activity\.sold_next_week"):
        check(copy)


def test_a_person_who_was_not_known_yet_is_named(copy: Path) -> None:
    path = copy / "prepared/views/user_activity.parquet"
    frame = pl.read_parquet(path)
    stranger = frame.tail(1).with_columns(user_id=pl.lit(999, frame.schema["user_id"]))
    pl.concat([frame, stranger]).write_parquet(path)
    with pytest.raises(LeakFound, match=r"user_activity\.user_id \(1 rows"):
        check(copy)


def test_a_text_that_is_another_is_named(copy: Path) -> None:
    change(copy, "user_profile", pl.lit("old").alias("age"))
    with pytest.raises(LeakFound, match=r"user_profile\.age \("):
        check(copy)


def test_a_last_digit_is_no_leak(copy: Path) -> None:
    change(copy, "item_activity", (pl.col("popularity") * (1 + 1e-6)).alias("popularity"))
    check(copy)


def owned_labels(state: Path, cutoff: datetime) -> None:
    """Makes a value of what is owned the label at one cut-off, and 0 at the others."""
    targets = pl.read_parquet(state / "prepared/targets.parquet").filter(pl.col("cutoff") == cutoff)
    taken = set(zip(targets["user_id"], targets["item_key"], strict=True))
    path = state / "prepared/views/user_history.parquet"
    frame = pl.read_parquet(path)
    labels = [
        [float(at == cutoff and (user, item) in taken) for item in owned]
        for user, at, owned in frame.select("user_id", "event_timestamp", "owned_item").iter_rows()
    ]
    wide = pl.Series("owned_score", labels, pl.List(pl.Float32))
    frame.with_columns(wide).write_parquet(path)


@pytest.mark.parametrize("back", [2, 3])
def test_a_feature_that_is_the_label_is_too_telling(copy: Path, back: int) -> None:
    """The second line of defence sees it without computing anything again, at whichever cut-off it is."""
    prepared = open_prepared(copy / "prepared")
    owned_labels(copy, prepared.cutoffs[-back])
    found = telling_features(open_prepared(copy / "prepared"), prepared.cutoffs[-3:])
    assert (found[0].path, found[0].auc) == ("user_history.owned_score", pytest.approx(1.0))
    with pytest.raises(LeakFound, match=r"user_history\.owned_score alone has an AUC of 1\.000"):
        check(copy)


def test_the_last_cut_off_with_targets_is_looked_at_where_now_alone_is_asked_about(
    copy: Path,
) -> None:
    prepared = open_prepared(copy / "prepared")
    owned_labels(copy, prepared.cutoffs[-2])
    found = telling_features(open_prepared(copy / "prepared"), [prepared.now])
    assert (found[0].path, found[0].auc) == ("user_history.owned_score", pytest.approx(1.0))


def test_every_number_of_users_items_and_what_is_owned_is_looked_at(state: Path) -> None:
    prepared = open_prepared(state / "prepared")
    found = {one.path for one in telling_features(prepared, prepared.cutoffs)}
    views = prepared.features["views"].items()
    scalars = {
        f"{name}.{f['name']}"
        for name, view in views
        for f in view["fields"]
        if f["dtype"] == "float32"
    }
    assert found == scalars | {f"user_history.{name}" for name in OWNED[1:]}


def test_a_feature_of_random_numbers_tells_nothing(copy: Path) -> None:
    draw = np.random.default_rng(1)
    path = copy / "prepared/views/item_activity.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(
        popularity=pl.Series(draw.random(frame.height), dtype=pl.Float32)
    ).write_parquet(path)
    fresh = open_prepared(copy / "prepared")
    found = {one.path: one.auc for one in telling_features(fresh, fresh.cutoffs)}
    assert found["item_activity.popularity"] < 0.6
