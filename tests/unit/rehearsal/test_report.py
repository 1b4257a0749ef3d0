import json
from dataclasses import replace
from pathlib import Path

from tests.rehearsal.callers import Outcome
from tests.rehearsal.report import EventReport, lacking, passed, summed, write

FINE = Outcome(began=1.0, method="recommend", status="OK", seconds=0.2, tries=1)
OUTCOMES = [
    FINE,
    replace(FINE, seconds=1.234, degraded=("rank: timeout", "rank: timeout", "mlp: timeout")),
    replace(FINE, tries=3),
    replace(FINE, status="UNAVAILABLE", tries=9),
]


def event(outcomes: list[Outcome], *problems: str) -> EventReport:
    return EventReport("e", 9.0, **summed(outcomes), new_triton_traffic_s=[], restarts=0,
                       killed_late=0, refused_evictions=0, problems=list(problems))  # fmt: skip


def test_every_call_is_counted_by_what_became_of_it():
    assert summed(OUTCOMES) == {
        "requests": 4,
        "failed": {"UNAVAILABLE": 1},
        "asked_again": 2,
        "degraded": 1,
        "degradations": {"rank: timeout": 1, "mlp: timeout": 1},
        "slowest_s": 1.23,
    }


def test_only_want_of_time_excuses_a_degraded_answer():
    assert lacking({"rank: timeout": 3, "trees: failed": 1, "mlp: no_time": 2}) == {
        "trees: failed": 1,
    }


def test_one_failed_call_or_one_problem_fails_the_whole(tmp_path: Path):
    fine, failed, troubled = event([FINE]), event(OUTCOMES), event([FINE], "1 restarts")
    assert passed([fine, fine])
    assert not passed([fine, failed])
    assert not passed([troubled])
    assert not passed([])
    write(tmp_path / "r/report.json", [fine, failed], overlay="production")
    told = json.loads((tmp_path / "r/report.json").read_text())
    assert (told["passed"], told["overlay"], len(told["events"])) == (False, "production", 2)
