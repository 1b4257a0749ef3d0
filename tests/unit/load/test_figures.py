import json
from dataclasses import fields
from pathlib import Path

import pytest

from tests.load.figures import (
    Baseline,
    Figure,
    higher,
    lower,
    read_figures,
    table,
    write_figures,
)

FLOOR = Baseline("a floor", 2.0)


def test_the_ratio_says_how_many_times_better_than_the_baseline() -> None:
    assert lower("time", 4.0, "ms", FLOOR, "").ratio == 0.5
    assert higher("rate", 4.0, "1/s", FLOOR, "").ratio == 2.0


def test_without_a_baseline_nothing_is_compared() -> None:
    alone = lower("time", 4.0, "ms", None, "")
    assert (alone.baseline, alone.baseline_value, alone.ratio) == (None, None, None)
    assert not alone.missed


@pytest.mark.parametrize(("value", "missed"), [(3.9, False), (4.0, False), (4.1, True)])
def test_a_target_is_the_least_ratio(value: float, *, missed: bool) -> None:
    assert lower("time", value, "ms", FLOOR, "", target=0.5).missed is missed


def test_a_file_holds_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    figures = [lower("a", 1.23456, "ms", FLOOR, "here", 0.5), higher("b", 7, "1/s", None, "there")]
    path = tmp_path / "bench" / "features.json"
    write_figures(path, [lower("old", 1, "ms", None, "")])
    write_figures(path, figures)
    assert read_figures(path) == figures
    described = json.loads(path.read_text())
    assert [set(one) for one in described] == [{f.name for f in fields(Figure)}] * 2
    assert described[0]["value"] == 1.235
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_measure_has_one_figure(tmp_path: Path) -> None:
    twice = [lower("a", 1, "ms", FLOOR, ""), lower("a", 2, "ms", None, "")]
    with pytest.raises(ValueError, match="measured twice: a"):
        write_figures(tmp_path / "features.json", twice)


def test_a_figure_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finite numbers: a"):
        write_figures(tmp_path / "features.json", [lower("a", float("nan"), "ms", None, "")])
    assert list(tmp_path.iterdir()) == []


def test_the_table_says_which_targets_are_missed() -> None:
    lines = table(
        [
            lower("slow", 5, "ms", FLOOR, "", 0.5),
            lower("quick", 3, "ms", FLOOR, "", 0.5),
            lower("free", 9, "ms", None, ""),
        ]
    ).splitlines()
    assert lines[1].endswith("missed")
    assert lines[2].endswith("met")
    assert not lines[3].endswith(("met", "missed"))
