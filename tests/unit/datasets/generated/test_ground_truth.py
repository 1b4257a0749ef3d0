"""What was planted is what is found, within the error of the draws."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.datasets.generated.conftest import Lived
from training.datasets.generated import oracle
from training.datasets.generated.domain import EXAMINED, SLOTS

SURE = 4.5  # standard errors: about one false alarm in 150,000 looks


def off(happened: NDArray[np.bool_], chance: NDArray[np.float64]) -> float:
    """How many standard errors what happened lies from the sum of its chances."""
    spread = np.sqrt((chance * (1 - chance)).sum())
    return float((happened.sum() - chance.sum()) / spread)


@pytest.mark.parametrize("slot", range(SLOTS))
def test_clicks_fall_from_slot_to_slot_by_the_planted_bias(lived: Lived, slot: int) -> None:
    shown = lived.done.shown
    here = shown.slot == slot
    users = lived.done.visits.user[shown.visit[here]]
    chance = lived.world.look(users, shown.item[here]) * EXAMINED[slot]
    assert abs(off(lived.done.looked[here], chance)) < SURE


def test_the_bias_is_seen_in_the_raw_click_rates(shop: Lived) -> None:
    shown = shop.done.shown
    rates = [shop.done.looked[shown.slot == slot].mean() for slot in range(SLOTS)]
    assert np.allclose(np.array(rates) / rates[0], EXAMINED, rtol=0.1)


def test_an_item_is_shown_as_often_as_its_propensities_say(shop: Lived) -> None:
    """Over visits of one season, the propensity of a slot is the same for a user and an item."""
    shown, visits = shop.done.shown, shop.done.visits
    season = visits.season == 3
    user = int(np.argmax(np.bincount(visits.user[season])))
    mine = np.flatnonzero(season & (visits.user == user))
    seen = np.isin(shown.visit, mine)
    items, counts = np.unique(shown.item[seen], return_counts=True)
    world = shop.world
    wish = world.users.wish[3][user][world.items.category] * world.items.share[3]
    expected = len(mine) * (1 - (1 - wish) ** SLOTS)
    common = items[np.argsort(-expected[items])][:20]
    spread = np.sqrt(expected[common].sum())
    total = counts[np.isin(items, common)].sum()
    assert abs(total - expected[common].sum()) < SURE * spread
    first = shown.propensity[seen & (shown.slot == 0)]
    assert np.allclose(first, wish[shown.item[seen & (shown.slot == 0)]])


def test_what_is_used_up_is_bought_again_after_the_planted_interval(shop: Lived) -> None:
    habits = shop.done.habits
    again = habits.habit[1:] == habits.habit[:-1]
    gaps = (habits.due[1:] - habits.due[:-1])[again]
    planted = shop.world.items.interval_days[habits.item[habits.habit[1:][again]]]
    short = planted < 15  # long gaps are cut off by the end of the world
    ratio = gaps[short] / planted[short]
    assert ratio.mean() == pytest.approx(1, abs=0.03)
    assert ratio.std() == pytest.approx(1 / np.sqrt(6), abs=0.03)


def test_due_days_are_met_on_a_visit_near_them(shop: Lived) -> None:
    done = shop.done
    taken = set(zip(done.visits.user[done.taken.visit], done.taken.item, strict=True))
    wanted = set(
        zip(done.habits.user[done.habits.habit], done.habits.item[done.habits.habit], strict=True)
    )
    came = set(done.visits.user.tolist())
    assert {pair for pair in wanted if pair[0] in came} <= taken


def test_nobody_enrols_twice(courses: Lived) -> None:
    taken = courses.done.taken
    pairs = np.stack([courses.done.visits.user[taken.visit], taken.item], axis=1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_a_promoted_item_sells_better(shop: Lived) -> None:
    done, promotions = shop.done, shop.promotions
    looked = done.shown.only(done.looked)
    day = done.visits.day[looked.visit]
    promoted = promotions.running(looked.item, day) > 0
    bought = np.isin(
        looked.visit * 10_000 + looked.item, done.taken.visit * 10_000 + done.taken.item
    )
    assert bought[promoted].mean() > bought[~promoted].mean() + 0.08


def test_nothing_is_shown_before_it_arrives(lived: Lived) -> None:
    shown = lived.done.shown
    season = lived.done.visits.season[shown.visit]
    assert (lived.world.items.first_season[shown.item] <= season).all()
    assert (lived.world.items.first_season > 0).any()


def test_the_oracles_chances_are_those_with_which_things_happen(lived: Lived) -> None:
    world, done = lived.world, lived.done
    day = float(world.domain.now_day)
    told = oracle.best(world, done, lived.promotions, day)
    at = done.visits.day[done.taken.visit]
    inside = (at >= day) & (at < day + world.domain.horizon_days)
    happened = done.visits.user[done.taken.visit[inside]] * 10_000 + done.taken.item[inside]
    chance = told["probability"].to_numpy()
    came_true = np.isin((told["user"] * 10_000 + told["item"]).to_numpy(), happened)
    # Habits of one day are met on one visit, and visits bring several takes: draws hang together.
    assert came_true.sum() == pytest.approx(chance.sum(), rel=0.08)
    likely = chance > 0.5
    if likely.sum() > 200:
        assert came_true[likely].mean() == pytest.approx(chance[likely].mean(), abs=0.06)
