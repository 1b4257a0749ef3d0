import pytest

from tests.rehearsal.arithmetic import Counts, Step, allowed_evictions, resolved, step

NONE = Counts(0, 0)


@pytest.mark.parametrize(
    ("bound", "replicas", "up", "number"),
    [(1, 2, True, 1), ("25%", 2, True, 1), ("25%", 2, False, 0), ("50%", 10, False, 5)],
)
def test_shares_are_rounded_as_kubernetes_does(
    bound: int | str, replicas: int, *, up: bool, number: int
):
    assert resolved(bound, replicas, up=up) == number


@pytest.mark.parametrize(
    ("old", "new", "todo"),
    [
        (NONE, NONE, Step(2, 0, 0)),  # the first of all
        (Counts(2, 0), NONE, Step(1, 0, 0)),  # one more than wanted
        (Counts(2, 0), Counts(0, 1), Step(0, 0, 0)),  # none goes before it is ready
        (Counts(2, 0), Counts(1, 0), Step(0, 1, 0)),
        (Counts(1, 0), Counts(1, 0), Step(1, 0, 0)),  # the one that ends doesn't count
        (Counts(1, 0), Counts(1, 1), Step(0, 0, 0)),
        (Counts(1, 0), Counts(2, 0), Step(0, 1, 0)),
        (NONE, Counts(2, 0), Step(0, 0, 0)),
        (NONE, Counts(3, 0), Step(0, 0, 1)),  # scaled down
        (Counts(1, 1), Counts(1, 0), Step(0, 1, 0)),  # the broken one goes first
    ],
)
def test_an_update_of_two_without_a_gap(old: Counts, new: Counts, todo: Step):
    assert step(2, old, new, surge=1, unavailable=0) == todo


def test_an_update_that_may_miss_one_takes_before_it_adds():
    assert step(4, Counts(4, 0), NONE, surge=0, unavailable=1) == Step(0, 1, 0)
    assert step(4, Counts(3, 0), NONE, surge=0, unavailable=1) == Step(1, 0, 0)


@pytest.mark.parametrize(
    ("expected", "ready", "budget", "allowed"),
    [
        (2, 2, {"maxUnavailable": 1}, 1),
        (2, 1, {"maxUnavailable": 1}, 0),
        (3, 3, {"minAvailable": 2}, 1),
        (3, 3, {"minAvailable": "50%"}, 1),
        (2, 2, {"maxUnavailable": 0}, 0),
        (1, 1, {"maxUnavailable": 1}, 1),
    ],
)
def test_a_budget_allows(expected: int, ready: int, budget: dict[str, int | str], allowed: int):
    assert allowed_evictions(expected, ready, budget) == allowed
