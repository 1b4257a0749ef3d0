"""Asks every entrant, and keeps the answers: what is there and up to date is not asked again."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from training.errors import Absent, AnswersError
from training.leaderboard.answers import given_of, load, path_of, save
from training.leaderboard.code import code_of, is_newer
from training.leaderboard.contests import Contest, Period
from training.leaderboard.question import Entrant, question
from training.progress_bar import progress_bar


def answer_all(
    contest: Contest, entrants: Mapping[str, Entrant], folder: Path, console: Console
) -> int:
    """How many files were made; after a stop, the next run goes on where this one was.

    Who can't take part in a period is left out of it, and that is said.

    Raises:
        AnswersError: an entrant answered what can't be judged.
    """
    wanted = list(_missing(contest, entrants, folder))
    made = 0
    with progress_bar(console, f"{contest.dataset}, {contest.kind}", len(wanted)) as advance:
        for period, name, seed, path in wanted:
            console.print(f"{name}, seed {seed}, {period.name}", highlight=False)
            try:
                entrant = entrants[name]
                save(path, entrant.answer(question(contest, period), seed), entrant.given())
                made += 1
            except Absent as absent:
                console.print(f"{name} takes no part in {period.name}: {absent}", highlight=False)
            advance(1)
    return made


def up_to_date(path: Path, inputs: Iterable[Path], given: str = "") -> bool:
    """True if the answers are whole, made as `given` says, and later than all files that they come from."""
    if not is_newer(path, inputs):
        return False
    try:
        load(path)
        return given_of(path) == given
    except AnswersError:
        return False


def _missing(
    contest: Contest, entrants: Mapping[str, Entrant], folder: Path
) -> Iterator[tuple[Period, str, int, Path]]:
    """By period and seed: who answer from one trained system are asked one after another."""
    inputs = {
        name: (*contest.inputs, *entrant.inputs, *code_of(entrant.source))
        for name, entrant in entrants.items()
    }
    for period in contest.periods:
        for seed in sorted({seed for entrant in entrants.values() for seed in entrant.seeds}):
            for name in (name for name, entrant in entrants.items() if seed in entrant.seeds):
                path = path_of(folder, contest.dataset, period.name, name, seed)
                if not up_to_date(path, inputs[name], entrants[name].given()):
                    yield period, name, seed, path
