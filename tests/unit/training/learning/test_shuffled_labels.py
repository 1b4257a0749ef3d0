"""Nobody foresees what was dealt by lot, but who is shown a row of the wrong side of the cut-off."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tests.unit.training.bundle.shop import (
    QUOTAS,
    prepared_shop,
    random_ranker,
    random_retrievers,
    silent,
)
from training.data import open_prepared, read_targets
from training.evaluation.classification import Pairs
from training.evaluation.pair_figures import ordered
from training.evaluation.shuffled_labels import (
    ByChance,
    deal_out,
    dealt,
    taught_by_chance,
    within_items,
)
from training.learning.checkpoints import Searches, load_searches, save_searches
from training.learning.feature_config import feature_config
from training.learning.ranker_examples import Examples
from training.models.ranker import NETWORKS, Ranker
from training.schema import schema
from training.settings import TrainingSettings
from training.train_ranker import gathered


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """Of a dealt shop."""
    state = tmp_path_factory.mktemp("honest")
    return fresh_shop(state)


@pytest.fixture
def leaking(tmp_path: Path) -> TrainingSettings:
    """The same, but that each history is that of the next cut-off."""
    found = fresh_shop(tmp_path)
    path = found.prepared / "views" / "user_history.parquet"
    horizon = open_prepared(found.prepared).horizon
    early = pl.col("event_timestamp") - horizon
    pl.read_parquet(path).with_columns(early).write_parquet(path)
    return found


def fresh_shop(state: Path) -> TrainingSettings:
    prepared = prepared_shop(state / "made")
    torch.manual_seed(3)
    searches = random_retrievers(prepared, dimension=8)
    settings = TrainingSettings(
        state=state / "made",
        ranker_epochs=3,
        ranker_batch=4,
        ranker_negative_share=1.0,
        retrieved=24,
        threads=1,
        seed=3,
    )
    save_searches(settings.models / "retriever.ckpt", Searches(searches, searches, QUOTAS))
    return deal_out(settings, state / "dealt", silent())


def made(settings: TrainingSettings, network: str) -> tuple[Ranker, Examples, Examples]:
    prepared = open_prepared(settings.prepared)
    features = feature_config(prepared, schema(prepared.features, "ranker"))
    searches = load_searches(settings.models / "retriever.ckpt", features)
    torch.manual_seed(4)
    ranker = random_ranker(prepared, searches.early, network)
    return ranker, *gathered(settings, prepared, ranker, silent())


@pytest.mark.parametrize("network", NETWORKS)
def test_what_was_dealt_by_lot_is_foreseen_by_chance_alone(
    honest: TrainingSettings, network: str
) -> None:
    found = taught_by_chance(honest, *made(honest, network))
    assert found.deviation < 0.05
    assert found.is_chance, found


@pytest.mark.parametrize("network", ["mlp", "trees"])
def test_a_history_of_the_next_cut_off_is_found_out(
    leaking: TrainingSettings, network: str
) -> None:
    found = taught_by_chance(leaking, *made(leaking, network))
    assert found.auc > 0.5 + 4 * found.deviation, found
    assert not found.is_chance


def test_a_count_that_ends_a_horizon_late_is_found_out(
    honest: TrainingSettings, tmp_path: Path
) -> None:
    """Computed of the dealt events by a join with the labels, as a view with a wrong window would be."""
    found = beside(honest, tmp_path)
    late = pl.read_parquet(found.prepared / "targets.parquet").select(
        "user_id", pl.col("cutoff").alias("event_timestamp"), owned_item="item_key", late=1.0
    )
    path = found.prepared / "views" / "user_history.parquet"
    history = pl.read_parquet(path)
    keys = ["user_id", "event_timestamp"]
    lists = [c for c in history.columns if c.startswith("owned_")]
    rows = history.select(*keys, *lists).explode(lists)
    counted = rows.join(late, on=[*keys, "owned_item"], how="left", maintain_order="left")
    count = (pl.col("owned_count") + pl.col("late").fill_null(0.0)).cast(pl.Float32)
    grown = counted.with_columns(count).group_by(keys, maintain_order=True).agg("owned_count")
    joined = history.drop("owned_count").join(grown, on=keys, how="left", maintain_order="left")
    joined.select(history.columns).write_parquet(path)
    told = taught_by_chance(found, *made(found, "trees"))
    assert told.auc > 0.5 + 4 * told.deviation, told


def test_a_list_of_candidates_that_holds_what_is_taken_is_found_out(
    honest: TrainingSettings,
) -> None:
    """The ranker learns nothing of it: among what is offered all are alike."""
    ranker, taught, judged = made(honest, "mlp")
    user = np.repeat(np.arange(len(judged.offsets) - 1), np.diff(judged.offsets))
    kept = (judged.bought.numpy() > 0) | (np.random.default_rng(1).random(len(user)) < 0.7)
    counts = np.bincount(user[kept], minlength=len(judged.offsets) - 1)
    narrow = replace(
        judged,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        **{
            name: getattr(judged, name)[torch.from_numpy(kept)]
            for name in ("item", "crosses", "bought", "others")
        },
    )
    told = taught_by_chance(honest, ranker, taught, narrow)
    assert abs(told.auc - 0.5) <= 4 * told.deviation, told
    assert told.listed > 4
    assert not told.is_chance


def beside(of: TrainingSettings, state: Path) -> TrainingSettings:
    """The same again, to be changed."""
    shutil.copytree(of.state, state / "copy", symlinks=True)
    return of.model_copy(update={"state": state / "copy"})


def test_every_persons_days_go_to_one_other_who_was_known() -> None:
    draw = np.random.default_rng(2)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    days = np.sort(draw.integers(0, 40, 600))
    events = pl.DataFrame(
        {
            "who": pl.Series(draw.integers(0, 20, 600) + days // 8, dtype=pl.Int64),
            "when": [begin + timedelta(days=int(day)) for day in days],
            "what": np.arange(600),
        }
    )
    cutoffs = [begin + timedelta(days=day) for day in (10, 20, 30)]
    found = dealt(events, "who", "when", cutoffs, seed=1)
    assert found.drop("who").equals(events.drop("who"))
    both = events.with_columns(dealt=found["who"])
    apart = both.filter((pl.col("when") < cutoffs[0]) | (pl.col("when") >= cutoffs[-1]))
    assert apart["who"].equals(apart["dealt"].rename("who"))
    pairs = []
    for start, end in pairwise(cutoffs):
        known = set(events.filter(pl.col("when") < start)["who"].to_list())
        inside = both.filter(pl.col("when").is_between(start, end, closed="left"))
        owners = dict(inside.select("who", "dealt").unique().iter_rows())
        assert len(owners) == len(set(owners.values())) == inside.select("who", "dealt").n_unique()
        assert all((of in known) == (to in known) for of, to in owners.items())
        assert all(of == to for of, to in owners.items() if of not in known)
        assert sum(of != to for of, to in owners.items()) > 10
        pairs.append(owners)
    assert pairs[0] != pairs[1]


def test_what_was_before_the_first_cut_off_that_is_dealt_stays(honest: TrainingSettings) -> None:
    made, found = (
        open_prepared(honest.state.parent / name / "prepared") for name in ("made", "dealt")
    )
    assert made.cutoffs == found.cutoffs
    same = [read_targets(made, t).equals(read_targets(found, t)) for t in made.cutoffs[:-1]]
    assert same == [True, *[False] * 3]
    for cutoff in made.cutoffs[:-1]:
        mine, other = (read_targets(of, cutoff)["item"].sort() for of in (made, found))
        assert abs(len(mine) - len(other)) < 0.2 * len(mine)


def test_the_area_within_items_is_the_share_of_pairs_in_their_order() -> None:
    draw = np.random.default_rng(3)
    item, bought = draw.integers(0, 6, 80), draw.random(80) < 0.3
    score = draw.integers(0, 9, 80).astype(np.float32)
    shares = []
    for one in range(6):
        theirs, others = score[(item == one) & bought], score[(item == one) & ~bought]
        right = (theirs[:, None] > others) + 0.5 * (theirs[:, None] == others)
        shares += right.mean(axis=1).tolist()
    found = within_items(ordered(Pairs(item, score, bought)), 7)
    assert found == pytest.approx(np.mean(shares))


def test_nothing_is_said_of_items_that_all_take() -> None:
    pairs = Pairs(np.array([0, 0, 1]), np.zeros(3, dtype=np.float32), np.array([True, True, False]))
    with pytest.raises(ValueError, match="no item is offered both"):
        within_items(ordered(pairs), 2)


@pytest.mark.parametrize(("auc", "listed"), [(0.5, -9.0), (0.539, 3.9), (0.461, 0.0)])
def test_four_deviations_are_chance(auc: float, listed: float) -> None:
    assert ByChance(auc, 0.01, listed).is_chance


@pytest.mark.parametrize(("auc", "listed"), [(0.541, 0.0), (0.459, 0.0), (0.5, 4.1)])
def test_more_than_four_are_not(auc: float, listed: float) -> None:
    assert not ByChance(auc, 0.01, listed).is_chance
