from datetime import UTC, datetime, timedelta
from io import StringIO

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from training.evaluation.held_out import held_out
from training.peers import personal_decay, popularity
from training.peers.pages import Pages
from training.peers.popularity import Popularity
from training.peers.table import PEERS, Peer
from training.tune import Bench, Trial, attempt, best, settings, tune


@pytest.mark.parametrize("name", PEERS)
def test_the_first_trial_is_the_defaults_and_all_differ(name: str) -> None:
    peer = PEERS[name]
    found = settings(name, peer, 6, seed=7)
    assert found[0] == peer.defaults
    assert len(set(found)) == len(found) == 6
    assert found == settings(name, peer, 6, seed=7)
    assert found[:3] == settings(name, peer, 3, seed=7)
    for parameters in found:
        assert all(getattr(parameters, key) in values for key, values in peer.space.items())


def test_a_small_space_is_tried_out() -> None:
    peer = Peer(popularity.rank, Popularity(28.0), {"half_life_days": (7.0, 28.0)})
    assert settings("any", peer, 6, seed=1) == [Popularity(28.0), Popularity(7.0)]


def trial(any_: float, basket: float, new: float) -> Trial:
    return Trial(None, {"any": any_, "basket": basket, "new": new}, 1.0)


def test_each_page_has_its_best_in_units_of_the_defaults() -> None:
    tried = [trial(0.30, 0.1, 0.020), trial(0.33, 0.1, 0.018), trial(0.27, 0.13, 0.026)]
    assert best(tried, ("any",)) is tried[1]
    assert best(tried, ("any", "basket")) is tried[2]  # the means are 1, 1.05 and 1.1
    assert best(tried, ("new",)) is tried[2]


def test_of_equals_all_else_decides_and_then_the_order() -> None:
    tried = [trial(0.3, 0.1, 0.02), trial(0.31, 0.1, 0.02), trial(0.31, 0.1, 0.02)]
    assert best(tried, ("new",)) is tried[1]
    assert best([tried[0], tried[0]], ("any", "basket")) is tried[0]


@pytest.fixture
def bench(shop_weeks: tuple[pl.DataFrame, datetime]) -> Bench:
    purchases, cutoff = shop_weeks
    targets = held_out(purchases, cutoff, timedelta(days=14))
    return Bench(purchases.filter(pl.col("time") < cutoff), cutoff, targets, seed=3)


@pytest.fixture
def shop_weeks() -> tuple[pl.DataFrame, datetime]:
    """User 1 buys item 1 daily, user 2 item 2; both buy item 3 once after the cut-off."""
    start, days = datetime(2024, 1, 1, tzinfo=UTC), 30
    rows = [
        (user, user, day * 10 + user, start + timedelta(days=day))
        for day in range(days)
        for user in (1, 2)
    ]
    rows += [(user, 3, 900 + user, start + timedelta(days=25)) for user in (1, 2)]
    purchases = pl.DataFrame(rows, schema=["user_id", "item_key", "group", "time"], orient="row")
    return purchases, start + timedelta(days=20)


def test_a_trial_is_judged_on_what_was_bought_after(bench: Bench) -> None:
    found = attempt(PEERS["personal_decay"], personal_decay.PersonalDecay(), bench)
    # The first of two bought items stands first, the other is unknown before the cut-off.
    assert found.figures["any"] == pytest.approx(1 / (1 + 0.6309298))
    assert found.figures["basket"] == 1  # the first basket holds the daily item alone
    assert found.figures["new"] == 0


def test_what_was_chosen_is_told(bench: Bench) -> None:
    def rank(
        purchases: pl.DataFrame,
        cutoff: datetime,
        user_ids: pl.Series,
        count: int,
        parameters: Popularity,
        seed: int,
    ) -> Pages:
        """Each buys the item of its own number; that is known at 7 days, and what is new best at 14."""
        of_any, of_new = np.full((2, len(user_ids), count), -1)
        if parameters.half_life_days == 7:
            of_any[:, 0] = user_ids
        of_new[:, 1 if parameters.half_life_days == 14 else 2] = 3
        return Pages(of_any, of_new)

    told = StringIO()
    peer = Peer(rank, Popularity(28.0), {"half_life_days": (7.0, 14.0, 28.0)})
    found = tune("any", peer, 3, bench, Console(file=told))
    assert found.parameters == Popularity(7.0)
    assert found.new_parameters == Popularity(14.0)
    assert found.trials == 3
    assert found.any_ndcg10 == pytest.approx(0.61315, abs=1e-5)
    assert found.basket_recall10 == 1
    assert found.new_ndcg10 == pytest.approx(1 / np.log2(3), abs=1e-5)
    first, *others = told.getvalue().splitlines()
    assert first == "Popularity(half_life_days=28.0): any 0.0000, basket 0.0000, new 0.5000 (0 s)"
    assert sorted(others) == [
        "Popularity(half_life_days=14.0): any 0.0000, basket 0.0000, new 0.6309 (0 s)",
        "Popularity(half_life_days=7.0): any 0.6131, basket 1.0000, new 0.5000 (0 s)",
    ]


def test_a_peer_is_tried_as_often_as_it_says_or_as_is_asked(bench: Bench) -> None:
    days = {"half_life_days": (7.0, 14.0, 28.0)}
    peer = Peer(popularity.rank, Popularity(28.0), days, trials=2)
    console = Console(file=StringIO())
    assert tune("any", peer, None, bench, console).trials == 2
    assert tune("any", peer, 3, bench, console).trials == 3
