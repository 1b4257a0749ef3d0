"""What `make leaderboard` prints."""

from rich import box
from rich.console import Console
from rich.table import Table

from training.leaderboard.standings import Standings
from training.leaderboard.tables import MAIN, floor_rows, goal_rows, table
from training.rendered import words


def print_standings(standings: Standings, console: Console) -> None:
    """The main table, the targets, the peers below their known figures, and what was not judged."""
    of = table(standings, MAIN)
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=words(standings.contest.dataset))
    shown.add_column("", no_wrap=True)
    for column in of.columns:
        shown.add_column(column, justify="right")
    for model, _, cells in of.rows:
        shown.add_row(model, *("" if cell is None else cell.value for cell in cells))
    console.print(shown)
    for goal in goal_rows(standings):
        console.print(
            f"{goal.text}: {goal.found or 'not measured'}, wanted {goal.wanted}: {goal.verdict}",
            highlight=False,
        )
    for floor in floor_rows(standings):
        if floor.verdict == "no":
            console.print(
                f"{floor.model} is below its floor: {floor.measure} {floor.found}, wanted {floor.wanted}",
                highlight=False,
            )
    if standings.ignored:
        names = ", ".join(f"{path.parent.name}/{path.name}" for path in standings.ignored)
        console.print(f"Not judged, of nobody asked now or out of date: {names}", highlight=False)
