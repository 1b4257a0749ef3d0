"""Two definitions of what was bought, made apart: the evaluation's and the preparation's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from training.datasets import complete_journey
from training.evaluation.held_out import Targets, held_out, histories, read_purchases
from training.evaluation.metrics import judge
from training.peers import personal_decay, popularity
from training.peers.personal_decay import PersonalDecay
from training.peers.popularity import Popularity
from training.prepare.__main__ import prepare

QUIET = Console(quiet=True)
HOUSEHOLDS = 60
NOW = datetime(2017, 11, 27, 5, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    complete_journey.convert(folder / "dataset", HOUSEHOLDS, QUIET)
    prepare(folder, None, 4, QUIET)
    return folder


def as_frame(targets: Targets) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": targets.user_ids.gather(
                [n for n, length in enumerate(targets.items.lengths) for _ in range(length)]
            ),
            "item_key": targets.items.values,
        }
    )


@pytest.mark.parametrize("fortnights_back", [1, 2, 3])
def test_targets_are_those_that_the_models_are_taught(state: Path, fortnights_back: int) -> None:
    cutoff = NOW - fortnights_back * FORTNIGHT
    purchases = read_purchases(state)
    found = held_out(purchases, cutoff, FORTNIGHT)
    taught = pl.read_parquet(state / "prepared" / "targets.parquet").filter(
        pl.col("cutoff") == cutoff
    )
    known_users = histories(purchases, cutoff)["user_id"].unique().to_list()
    for task, rows in {
        "any": taught,
        "new": taught.filter("is_new"),
        "basket": taught.filter("in_first_basket"),
    }.items():
        mine = as_frame(found[task]).filter(pl.col("user_id").is_in(known_users))
        assert_frame_equal(mine, rows.select("user_id", "item_key").sort("user_id", "item_key"))


def test_no_figure_at_now_depends_on_what_comes_after_its_fortnight(
    state: Path, tmp_path: Path
) -> None:
    (tmp_path / "prepared").symlink_to(state / "prepared")
    (tmp_path / "dataset").mkdir()
    for path in (state / "dataset").iterdir():
        if path.name != "events.parquet":
            (tmp_path / "dataset" / path.name).symlink_to(path)
    events = pl.read_parquet(state / "dataset" / "events.parquet")
    early = events.filter(pl.col("event_time") < NOW + FORTNIGHT)
    assert early.height < events.height
    early.write_parquet(tmp_path / "dataset" / "events.parquet")
    assert figures(tmp_path) == figures(state)


def figures(state: Path) -> list[list[float]]:
    purchases = read_purchases(state)
    history = histories(purchases, NOW)
    found = []
    for targets in held_out(purchases, NOW, FORTNIGHT).values():
        users = targets.user_ids
        both = (
            popularity.rank(history, NOW, users, 20, Popularity(), seed=0),
            personal_decay.rank(history, NOW, users, 20, PersonalDecay(), seed=0),
        )
        found += [judge(pages.any, targets.items).ndcg(10).tolist() for pages in both]
    return found


def test_personal_decay_beats_popularity_where_people_repeat_themselves(state: Path) -> None:
    any_popular, any_personal, *_ = figures(state)
    assert sum(any_personal) > 1.5 * sum(any_popular)
