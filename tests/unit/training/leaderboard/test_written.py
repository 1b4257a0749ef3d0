"""Records, page and document of a whole run over the small shop."""

import json
import os
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.unit.training.leaderboard.conftest import MADE_UP
from training.errors import AnswersError, LeakFound
from training.evaluation.leak_check import Checked
from training.evaluation.sampled import constant
from training.leaderboard.__main__ import CHECK, checked_for_leaks, run
from training.leaderboard.answers import load, path_of
from training.leaderboard.contests import Contest, Kind
from training.leaderboard.document import MARKS, write_document
from training.leaderboard.entrants import peer
from training.leaderboard.judging import Measure, candidates
from training.leaderboard.leave_one_out import leave_one_out
from training.leaderboard.page import write_page
from training.leaderboard.question import Entrant
from training.leaderboard.records import write_records
from training.leaderboard.slices import MEANING
from training.leaderboard.standings import MEAN, Cell, Standings, standings
from training.leaderboard.tables import MAIN, label, number, slice_table, table

SIMPLE = {name: peer(name) for name in ("popularity", "personal_decay")}
UNTRAINED: dict[Kind, dict[str, Entrant]] = {
    "by_cutoff": SIMPLE,
    "leave_one_out": {"popularity": peer("popularity")},
}


@pytest.fixture(scope="module")
def judged(contest: Contest, folder: Path) -> Standings:
    return standings(contest, folder, MADE_UP, draws=100)


def test_records_hold_every_figure_with_its_period_and_slice(
    judged: Standings, tmp_path: Path
) -> None:
    (tmp_path / "metrics.json").write_text(
        '[{"dataset": "d", "task": "t", "model": "m", "metric": "x"}]'
    )
    write_records(tmp_path, [judged])
    rows = json.loads((tmp_path / "leaderboard.json").read_text())
    assert set(rows[0]) == {
        *("dataset", "task", "model", "metric", "value", "low", "high", "seeds", "slice", "period")
    }
    assert {row["period"] for row in rows} == {MEAN, *judged.periods}
    assert {row["slice"] for row in rows} == {"all", *MEANING} - {
        *("cold_items", "unsold_items")  # nothing is new
    }
    (one,) = [
        row
        for row in rows
        if (row["task"], row["metric"], row["model"]) == ("any", "ndcg@10", "chance")
        and (row["slice"], row["period"]) == ("all", MEAN)
    ]
    found = judged.get("chance", Measure("any", "ndcg@10")).interval
    assert (one["value"], one["low"], one["high"]) == (found.value, found.low, found.high)
    assert one["seeds"] == [7, 8, 9]
    merged = json.loads((tmp_path / "metrics.json").read_text())
    assert merged[0]["dataset"] == "d"
    assert {name: one[name] for name in merged[1]} in merged
    assert "slice" not in merged[1]


def test_a_table_has_the_models_and_marks_the_best(judged: Standings) -> None:
    of = table(judged, MAIN)
    assert [model for model, _, _ in of.rows] == ["chance", "plain"]
    assert [seeds for _, seeds, _ in of.rows] == ["3", "1"]
    place = of.columns.index("any N@10")
    cells = [cells[place] for _, _, cells in of.rows]
    assert sum(cell.best for cell in cells) == 1
    best = max(cells, key=lambda cell: float(cell.value))
    assert best.best
    assert "seconds" in of.columns
    assert not any(cells[of.columns.index("seconds")].best for _, _, cells in of.rows)


def test_nobody_is_best_where_all_have_the_same(judged: Standings) -> None:
    same = replace(judged, cells=dict(judged.cells))
    measure = Measure("any", "ndcg@10")
    for model in judged.seeds:
        same.cells[Cell(MEAN, model, measure)] = constant(0.0)
    cells = [cells[0] for _, _, cells in table(same, [measure]).rows]
    assert [(cell.value, cell.best) for cell in cells] == [("0.0000", False)] * 2


def test_a_slice_table_begins_with_all(judged: Standings) -> None:
    of = slice_table(judged, "any", "ndcg@10")
    assert of.columns[0] == "all"
    assert "no profile" in of.columns
    assert len(of.columns) == len(of.rows[0][2])


def test_figures_are_written_as_they_are_read() -> None:
    assert label(Measure("any", "candidate_recall@250")) == "any cand. R@250"
    assert label(Measure("candidates", "log_loss")) == "log loss"
    assert number(0.34567, Measure("any", "ndcg@10")) == "0.3457"
    assert number(123.4, Measure("fit", "seconds")) == "123"
    assert number(4.0267, Measure("any", "novelty@10")) == "4.03"


def test_the_page_is_one_file_that_loads_nothing(judged: Standings, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    write_page(path, [judged], {})
    text = path.read_text()
    assert "chance" in text
    assert text.count("data:image/svg+xml;base64,") >= 4
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    for name in judged.periods:
        assert name in text


def test_the_document_changes_between_its_markers_alone(judged: Standings, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.md"
    path.write_text(f"before\n\n{MARKS.begin}\nold\n{MARKS.end}\n\nafter\n")
    write_document(path, [judged])
    text = path.read_text()
    assert text.startswith(f"before\n\n{MARKS.begin}\n### small shop\n")
    assert text.endswith(f"{MARKS.end}\n\nafter\n")
    assert "old" not in text
    assert "| chance | 3 |" in text
    write_document(path, [judged])
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{MARKS.begin}",
        f"{MARKS.end} {MARKS.begin}",
        f"{MARKS.begin} {MARKS.begin} {MARKS.end}",
    ],
)
def test_a_document_without_its_markers_is_left_alone(
    judged: Standings, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "leaderboard.md"
    path.write_text(text)
    with pytest.raises(AnswersError, match="put each there once"):
        write_document(path, [judged])
    assert path.read_text() == text


def test_a_run_writes_everything_and_goes_on_where_it_was(
    contest: Contest, state: Path, tmp_path: Path
) -> None:
    said = StringIO()
    out, report = tmp_path / "leaderboard", tmp_path / "report"
    contests = [contest, leave_one_out(state)]
    run(contests, out, report, None, Console(file=said, width=200), UNTRAINED)
    assert (out / "index.html").is_file()
    assert (report / "leaderboard.json").is_file()
    assert "personal decay" in said.getvalue()
    assert "Not judged" not in said.getvalue()
    kept = path_of(out, contest.dataset, contest.periods[0].name, "popularity", 0)
    made = kept.stat().st_mtime_ns
    shutil.copy(kept, kept.with_name("gone.7.npz"))
    run(contests, out, report, None, Console(file=said, width=200), UNTRAINED)
    assert kept.stat().st_mtime_ns == made
    assert said.getvalue().count(f"{kept.parent.name}/gone.7.npz") == 1
    assert "gone" not in (report / "leaderboard.json").read_text()


def test_the_leak_check_is_made_again_after_a_preparation_alone(
    contest: Contest, tmp_path: Path
) -> None:
    found = checked_for_leaks(contest, tmp_path)
    path = tmp_path / contest.dataset / CHECK
    first = path.stat().st_mtime_ns
    assert checked_for_leaks(contest, tmp_path) == found
    assert isinstance(found, Checked)
    assert path.stat().st_mtime_ns == first
    os.utime(path, (1, 1))
    checked_for_leaks(contest, tmp_path)
    assert path.stat().st_mtime_ns > first


def test_nobody_is_asked_where_features_leak(contest: Contest, tmp_path: Path) -> None:
    shutil.copytree(contest.state / "prepared", tmp_path / "prepared")
    (tmp_path / "dataset").symlink_to(contest.state / "dataset")
    path = tmp_path / "prepared/views/item_activity.parquet"
    pl.read_parquet(path).with_columns(pl.col("events_7d") + 1).write_parquet(path)
    leaking = replace(contest, state=tmp_path)
    out = tmp_path / "out"
    with pytest.raises(LeakFound, match=r"item_activity\.events_7d"):
        run([leaking], out, tmp_path, None, Console(file=StringIO()), UNTRAINED)
    assert not out.exists()


def test_the_same_pairs_are_known_in_any_order(contest: Contest, folder: Path) -> None:
    path = path_of(folder, contest.dataset, contest.periods[0].name, "chance", 7)
    one = load(path)
    back = replace(
        one,
        pair_user=one.pair_user[::-1].copy(),
        pair_item=one.pair_item[::-1].copy(),
        probability=one.probability[::-1].copy(),
    )
    fewer = replace(one, pair_user=one.pair_user[1:], pair_item=one.pair_item[1:])
    assert candidates(one) == candidates(back) != candidates(fewer)
