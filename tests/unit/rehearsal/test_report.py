import json
from dataclasses import replace
from pathlib import Path

from tests.rehearsal.outcomes import Outcome
from tests.rehearsal.report import EventReport, passed, summed, write

FINE = Outcome(began=1.0, method="recommend", status="OK", seconds=0.2)
OUTCOMES = [
    FINE,
    replace(FINE, seconds=1.234, degraded=("rank: timeout", "rank: timeout", "mlp: timeout")),
    replace(FINE, again=("UNAVAILABLE", "CANCELLED")),
    replace(FINE, status="UNAVAILABLE", again=("UNAVAILABLE",)),
]


def event(outcomes: list[Outcome], *problems: str) -> EventReport:
    return EventReport("e", 9.0, **summed(outcomes), new_triton_traffic_s=[], restarts=0,
                       killed_late=0, refused_evictions=0, problems=list(problems))  # fmt: skip


def test_every_call_is_counted_by_what_became_of_it():
    assert summed(OUTCOMES) == {
        "requests": 4,
        "failed": {"recommend: UNAVAILABLE": 1},
        "asked_again": {"UNAVAILABLE": 2, "CANCELLED": 1},
        "degraded": 1,
        "degradations": {"rank: timeout": 1, "mlp: timeout": 1},
        "slowest_s": 1.23,
    }


def test_one_problem_or_one_call_of_no_event_fails_the_whole(tmp_path: Path):
    fine, troubled = event([FINE]), event([FINE], "1 restarts")
    assert passed([fine, fine], calls=2)
    assert not passed([fine, fine], calls=3)
    assert not passed([fine, troubled], calls=2)
    assert not passed([], calls=0)
    write(tmp_path / "r/report.json", [fine, troubled], 2, overlay="production")
    told = json.loads((tmp_path / "r/report.json").read_text())
    assert (told["passed"], told["calls"], told["overlay"]) == (False, 2, "production")
    assert len(told["events"]) == 2
