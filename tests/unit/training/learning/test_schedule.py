from datetime import UTC, datetime, timedelta

import pytest

from training.errors import PreparedError
from training.learning.schedule import FEWEST_CUTOFFS, schedule

HORIZON = timedelta(days=14)
NOW = datetime(2024, 6, 3, tzinfo=UTC)


def fortnights(count: int) -> list[datetime]:
    return [NOW - HORIZON * back for back in reversed(range(count))]


@pytest.mark.parametrize("count", [4, 5, 6, 9, 15])
@pytest.mark.parametrize("wanted", [1, 2, 5, 50])
def test_no_roles_labels_reach_into_a_later_role(count: int, wanted: int) -> None:
    plan = schedule(fortnights(count), wanted, HORIZON)
    assert max(plan.early) + HORIZON <= min(plan.ranker)
    if plan.early_validation is not None:
        assert max(plan.early) + HORIZON <= plan.early_validation
        assert plan.early_validation + HORIZON <= min(plan.ranker)
    assert max(plan.served) + HORIZON <= plan.validation
    assert plan.validation + HORIZON <= plan.now


def test_every_cut_off_has_one_role() -> None:
    plan = schedule(fortnights(15), 5, HORIZON)
    assert plan.early_validation is not None
    roles = [*plan.early, plan.early_validation, *plan.ranker, plan.validation, plan.now]
    assert roles == fortnights(15)
    assert len(plan.ranker) == 5


def test_the_early_tower_keeps_a_cut_off_when_the_ranker_wants_all() -> None:
    plan = schedule(fortnights(FEWEST_CUTOFFS), 50, HORIZON)
    assert len(plan.early) == 1
    assert plan.early_validation is None


def test_too_few_cut_offs_are_refused_with_the_number_needed() -> None:
    with pytest.raises(PreparedError, match=r"3 cut-offs are too few .* prepare 4 or more"):
        schedule(fortnights(3), 1, HORIZON)


def test_cut_offs_closer_than_the_horizon_are_refused() -> None:
    with pytest.raises(PreparedError, match="nearer than the horizon of 15 days"):
        schedule(fortnights(6), 2, HORIZON + timedelta(days=1))
