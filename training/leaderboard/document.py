"""The table of `docs/leaderboard.md`, written between its two markers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from training.atomic import replace_text
from training.errors import AnswersError
from training.leaderboard.standings import Standings
from training.leaderboard.tables import MAIN, Table, floor_rows, goal_rows, table, words

BEGIN, END = "<!-- leaderboard:begin -->", "<!-- leaderboard:end -->"


def write_document(path: Path, several: Sequence[Standings]) -> None:
    """Replaces what stands between the markers.

    Raises:
        AnswersError: the document is missing, or has not both markers, each once, in their order.
    """
    text = path.read_text() if path.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise AnswersError(f"{path} lacks the lines {BEGIN} and {END}; put each there once")
    body = "\n".join(line for standings in several for line in section(standings))
    replace_text(path, f"{before}{BEGIN}\n{body}\n{END}{after}")


def section(standings: Standings) -> list[str]:
    """One data set's tables."""
    periods = ", ".join(words(name) for name in standings.periods)
    found = [f"### {words(standings.contest.dataset)}", "", f"Mean over {periods}.", ""]
    found += [*_models(table(standings, MAIN)), ""]
    goals = goal_rows(standings)
    if goals:
        head = ("target", "wanted", "ours", "peer", "found (95 %)", "reached")
        cells = ((g.text, g.wanted, g.ours, g.peer, g.found, g.verdict) for g in goals)
        found += [*_rows(head, cells), ""]
    floors = floor_rows(standings)
    if floors:
        head = ("peer", "measure", "known figure", "98 % of it here", "found", "reached")
        cells = ((f.model, f.measure, f.figure, f.wanted, f.found, f.verdict) for f in floors)
        found += [*_rows(head, cells), ""]
    return found


def _models(of: Table) -> list[str]:
    cells = (
        (model, seeds, *("" if c is None else f"**{c.value}**" if c.best else c.value for c in row))
        for model, seeds, row in of.rows
    )
    return _rows(("model", "seeds", *of.columns), cells)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        _row(head),
        "|" + "---|" * len(head),
        *(_row(row) for row in rows),
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
