"""Peers in the same run, each as good as it is known to be, and what is reached beside them."""

import re
from collections.abc import Callable, Sequence

from tests.acceptance.models.conftest import Board
from tests.e2e.system import ROOT
from training.leaderboard.steps import MARKS, NEXT_STEPS, STEPS
from training.rendered import words

PEERS = (
    *("popularity", "personal_decay", "tifu_knn", "ease", "item_knn", "als", "bpr"),
    *("lightgbm", "sasrec", "gru4rec"),
)
DATASETS = ("complete_journey", "movielens", "coupon_response")
TRIED = {"complete_journey": STEPS, "movielens": NEXT_STEPS}


def test_point_4a_every_peer_is_there_and_reaches_its_known_figure(
    board: Board, measured: Callable[[str], None]
) -> None:
    models = {r["model"] for r in board.rows if r["dataset"] == "complete_journey"}
    assert not set(PEERS) - models
    rows = [floor for name in DATASETS for floor in board.of(name)["floors"]]
    known = [floor for floor in rows if not floor["is_yardstick"]]
    missed = [floor for floor in known if not floor["reached"]]
    measured(f"{len(known)} known figures; below 98 %: {missed or 'none'}")
    assert not missed


def test_point_4b_three_data_sets_have_their_table_and_drawings(board: Board) -> None:
    assert {one["dataset"] for one in board.judged} == set(DATASETS)
    document = (ROOT / "docs" / "leaderboard.md").read_text()
    page = (ROOT / "build" / "leaderboard" / "index.html").read_text()
    for name in DATASETS:
        assert f"\n### {words(name)}\n" in document
        _, _, section = page.partition(f"<h2>{words(name)}</h2>")
        own, _, _ = section.partition("<h2>")
        assert "<table" in own
        assert "<img" in own or "<svg" in own


def test_point_4c_each_target_is_reached_or_what_was_tried_is_told(
    board: Board, measured: Callable[[str], None]
) -> None:
    goals = [(one["dataset"], goal) for one in board.judged for goal in one["goals"]]
    assert all(goal["reached"] is not None for _, goal in goals)
    missed = sorted({name for name, goal in goals if not goal["reached"]})
    document = (ROOT / "docs" / "leaderboard.md").read_text()
    lacking = {name: lacks for name in missed if (lacks := untold(document, name))}
    reached = sum(goal["reached"] for _, goal in goals)
    measured(
        f"{reached} of {len(goals)} targets reached; steps without figures: {lacking or 'none'}"
    )
    assert not lacking


def untold(document: str, dataset: str) -> list[str]:
    """The steps without all their figures in the data set's section of what was tried."""
    _, _, rest = document.partition(MARKS.begin)
    block, _, _ = rest.partition(MARKS.end)
    told = figures(block.splitlines(), dataset)
    # A data set without steps of its own has tried nothing.
    steps = TRIED.get(dataset, {})
    lacking = [step.said for step in steps.values() if not told.get(step.said)]
    return lacking if steps else [f"{dataset} has no steps"]


def figures(lines: Sequence[str], dataset: str) -> dict[str, list[float]]:
    """By step, what stands in the section's table; none of a step that lacks a figure.

    A section begins with a line of the data set's name, as `steps_table` writes it; what a step gained is no
    figure of its own.
    """
    found: dict[str, list[float]] = {}
    inside, columns = False, []
    for line in lines:
        if not line.startswith("|"):
            inside = line.startswith(f"{dataset}, ") if line.strip() else inside
            columns = columns if inside and line.strip() == "" else []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not inside or set(line) <= set("|- "):
            continue
        if not columns:
            columns = cells
            continue
        own = [c for c, name in zip(cells[2:], columns[2:], strict=True) if "gained" not in name]
        found[cells[0]] = [float(c) for c in own] if own and all(map(is_number, own)) else []
    return found


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", text) is not None
