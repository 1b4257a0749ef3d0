import pytest

from serving.errors import Failed, OutsideError, TimedOut, Unavailable
from serving.policy import (
    INSTEAD,
    LONGEST_BUDGET_S,
    LONGEST_DETAIL,
    MEMBERS,
    REASONS,
    SHARES,
    WIDTHS,
    Budget,
    forgiven,
    members_asked,
    width,
)
from serving.types import Action, Reason
from tests.fakes.time import FakeTicks


def test_a_stage_gets_its_share_of_what_is_left_after_the_reserve():
    budget = Budget.of(0.5, FakeTicks())
    assert budget.share("hydrate") == pytest.approx(0.45 * SHARES["hydrate"])
    assert budget.share("rank") == pytest.approx(0.45)


def test_what_a_stage_saves_is_left_for_the_next():
    ticks = FakeTicks()
    budget = Budget.of(0.5, ticks)
    ticks.seconds += 0.001  # hydrate took 1 ms of its 150
    assert budget.share("retrieve") == pytest.approx(0.449 * SHARES["retrieve"])


@pytest.mark.parametrize(("seconds", "reserve"), [(0.01, 0.003), (0.2, 0.02), (5, 0.1), (0, 0.003)])
def test_a_tenth_is_kept_for_sending_the_answer_within_limits(seconds: float, reserve: float):
    assert Budget.of(seconds, FakeTicks()).reserve == pytest.approx(reserve)


def test_nothing_is_left_after_the_deadline():
    ticks = FakeTicks()
    budget = Budget.of(0.1, ticks)
    ticks.seconds += 0.2
    assert budget.left() == 0
    assert budget.share("rank") == 0


def test_nobody_waits_longer_than_the_longest_budget():
    assert Budget.of(3600, FakeTicks()).left() == pytest.approx(LONGEST_BUDGET_S)


@pytest.mark.parametrize(
    ("seconds", "ranked"),
    [(1.0, 500), (0.040, 500), (0.039, 256), (0.019, 128), (0.009, 64), (0, 64)],
)
def test_fewer_candidates_are_ranked_in_less_time(seconds: float, ranked: int):
    assert width(seconds, 500) == ranked


@pytest.mark.parametrize(
    ("seconds", "asked"), [(1.0, 5), (0.010, 5), (0.009, 2), (0.005, 2), (0.004, 1), (0, 1)]
)
def test_fewer_members_are_asked_in_less_time(seconds: float, asked: int):
    assert members_asked(seconds, 5) == asked
    assert members_asked(seconds, 1) == 1


def test_candidates_become_fewer_before_members_do():
    fewest = min(allowed for _, allowed in WIDTHS)
    assert width(max(limit for limit, _ in MEMBERS) - 1e-9, 500) == fewest


def test_few_candidates_are_never_made_more():
    assert width(0.009, 10) == 10


@pytest.mark.parametrize(
    ("stage", "action"),
    [
        ("hydrate", Action.DEFAULT_FEATURES),
        ("source", Action.DROPPED_SOURCE),
        ("seeds", Action.DROPPED_SOURCE),
        ("member", Action.DROPPED_MEMBER),
        ("rank", Action.UNRANKED),
    ],
)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unavailable("away"), Reason.UNAVAILABLE),
        (TimedOut("late"), Reason.TIMEOUT),
        (Failed("broken"), Reason.FAILED),
    ],
)
def test_outside_failures_degrade_what_the_table_names(
    stage: str, action: Action, error: OutsideError, reason: Reason
):
    degraded = forgiven(stage, error)
    assert (degraded.stage, degraded.reason, degraded.action) == (stage, reason, action)
    assert degraded.detail == str(error)


def test_one_of_a_kind_is_said_by_its_name():
    degraded = forgiven("member", TimedOut("late"), "transformer")
    assert degraded.stage == "transformer"
    assert degraded.action is Action.DROPPED_MEMBER


def test_an_answer_repeats_no_more_than_the_start_of_an_error():
    assert forgiven("rank", Failed("x" * 5000)).detail == "x" * LONGEST_DETAIL


@pytest.mark.parametrize("stage", ["similar", "gather", "record"])
def test_what_the_table_does_not_name_fails_the_call(stage: str):
    assert stage not in INSTEAD
    error = Unavailable("away")
    with pytest.raises(Unavailable) as caught:
        forgiven(stage, error)
    assert caught.value is error


def test_every_outside_error_has_a_reason():
    assert set(REASONS) == set(OutsideError.__subclasses__())
