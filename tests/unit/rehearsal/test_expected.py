from dataclasses import replace

import pytest

from tests.rehearsal.expected import Expected
from tests.rehearsal.outcomes import Outcome

FINE = Outcome(began=1.0, method="recommend", status="OK", seconds=0.2)
PLANNED = Expected()
BEARABLE = Expected(
    again=("UNAVAILABLE",), failing={"record": ("UNAVAILABLE",)}, lacking=("hydrate",), felt=True
)
REFUSED = replace(FINE, method="record", status="UNAVAILABLE", again=("UNAVAILABLE",))
UNKNOWN = replace(FINE, degraded=("hydrate: unavailable",))


def test_a_planned_event_may_make_answers_late():
    late = replace(FINE, degraded=("rank: timeout", "mlp: no_time"))
    assert PLANNED.problems([FINE, late], restarts=0) == []


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (replace(FINE, status="UNAVAILABLE"), "calls failed"),
        (replace(FINE, again=("UNAVAILABLE",)), "asked again"),
        (replace(FINE, again=("CANCELLED",)), "asked again"),
        (replace(FINE, degraded=("trees: failed",)), "lacked"),
    ],
)
def test_a_planned_event_may_do_nothing_else(outcome: Outcome, word: str):
    (problem,) = PLANNED.problems([FINE, outcome], restarts=0)
    assert word in problem


def test_restarts_and_callers_are_expected():
    assert PLANNED.problems([FINE], restarts=1) == ["1 restarts of containers, 0 expected"]
    assert replace(PLANNED, restarts=None).problems([FINE], restarts=4) == []
    assert PLANNED.problems([], restarts=0) == ["nobody called"]
    assert replace(PLANNED, called=False).problems([], restarts=0) == []


@pytest.mark.parametrize("outcome", [REFUSED, UNKNOWN])
def test_what_an_event_must_cost_may_be_seen_and_has_to_be(outcome: Outcome):
    assert BEARABLE.problems([FINE, outcome], restarts=0) == []
    assert BEARABLE.problems([FINE], restarts=0) == ["no caller felt anything of it"]


@pytest.mark.parametrize(
    "outcome",
    [
        replace(REFUSED, method="recommend"),
        replace(REFUSED, status="INTERNAL"),
        replace(UNKNOWN, degraded=("hydrate: unavailable", "rank: unavailable")),
    ],
)
def test_what_an_event_costs_excuses_nothing_else(outcome: Outcome):
    assert len(BEARABLE.problems([REFUSED, UNKNOWN, outcome], restarts=0)) == 1
