"""The tables of `docs/leaderboard.md`, each written between its two markers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from training.atomic import replace_text
from training.errors import AnswersError
from training.leaderboard.standings import Standings
from training.leaderboard.tables import (
    CANDIDATE_LISTS,
    MAIN,
    Table,
    floor_rows,
    goal_rows,
    table,
)
from training.rendered import words


class Marks(NamedTuple):
    """The lines that a table stands between."""

    begin: str
    end: str


MARKS = Marks("<!-- leaderboard:begin -->", "<!-- leaderboard:end -->")


def write_document(path: Path, several: Sequence[Standings]) -> None:
    """Replaces the leaderboard's tables.

    Raises:
        AnswersError: the document is missing, or has not both markers, each once, in their order.
    """
    write_between(path, MARKS, [line for standings in several for line in section(standings)])


def write_between(path: Path, marks: Marks, lines: Iterable[str]) -> None:
    """Replaces what stands between the marks.

    Raises:
        AnswersError: the document is missing, or has not both marks, each once, in their order.
    """
    text = path.read_text() if path.is_file() else ""
    before, begin, rest = text.partition(marks.begin)
    _, end, after = rest.partition(marks.end)
    if not begin or not end or marks.begin in rest or marks.end in after:
        raise AnswersError(
            f"{path} lacks the lines {marks.begin} and {marks.end}; put each there once"
        )
    body = "\n".join(lines)
    replace_text(path, f"{before}{marks.begin}\n{body}\n{marks.end}{after}")


def section(standings: Standings) -> list[str]:
    """One data set's tables."""
    periods = ", ".join(words(name) for name in standings.periods)
    found = [f"### {words(standings.contest.dataset)}", "", f"Mean over {periods}.", ""]
    found += [*_models(table(standings, MAIN)), ""]
    if standings.contest.kind == "by_cutoff":
        found += [CANDIDATE_LISTS, ""]
    goals = goal_rows(standings)
    if goals:
        head = ("target", "wanted", "ours", "peer", "found (95 %)", "reached")
        cells = ((g.text, g.wanted, g.ours, g.peer, g.found, g.verdict) for g in goals)
        found += [*markdown(head, cells), ""]
    floors = floor_rows(standings)
    if floors:
        known = (
            "peer",
            "measure",
            "known figure",
            "98 % of it here",
            "found",
            "at most",
            "reached",
        )
        rows = (
            (f.model, f.measure, f.figure, f.wanted, f.found, f.at_most, f.verdict) for f in floors
        )
        found += [*markdown(known, rows), ""]
    return found


def _models(of: Table) -> list[str]:
    cells = (
        (model, seeds, *("" if c is None else f"**{c.value}**" if c.best else c.value for c in row))
        for model, seeds, row in of.rows
    )
    return markdown(("model", "seeds", *of.columns), cells)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, line by line."""
    return [
        _row(head),
        "|" + "---|" * len(head),
        *(_row(row) for row in rows),
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
