"""Asks every entrant, and keeps the answers: what is there and up to date is not asked again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from training.errors import Absent, AnswersError
from training.leaderboard.answers import Answers, given_of, load, path_of, save
from training.leaderboard.code import code_of, is_newer
from training.leaderboard.contests import Contest, Period
from training.leaderboard.question import Entrant, question
from training.progress_bar import progress_bar


class Wanted(NamedTuple):
    """Answers that an entrant is asked for: where they are kept, and what they have to be made from."""

    period: Period
    model: str
    seed: int
    path: Path
    inputs: tuple[Path, ...]
    given: str


def answer_all(
    contest: Contest, entrants: Mapping[str, Entrant], folder: Path, console: Console
) -> int:
    """How many files were made; after a stop, the next run goes on where this one was.

    Who can't take part in a period is left out of it, and that is said.

    Raises:
        AnswersError: an entrant answered what can't be judged.
    """
    missing = [one for one in wanted(contest, entrants, folder) if up_to_date(one) is None]
    made = 0
    with progress_bar(console, f"{contest.dataset}, {contest.kind}", len(missing)) as advance:
        for one in missing:
            console.print(f"{one.model}, seed {one.seed}, {one.period.name}", highlight=False)
            try:
                answers = entrants[one.model].answer(question(contest, one.period), one.seed)
                save(one.path, answers, one.given)
                made += 1
            except Absent as absent:
                told = f"{one.model} takes no part in {one.period.name}: {absent}"
                console.print(told, highlight=False)
            advance(1)
    return made


def up_to_date(one: Wanted) -> Answers | None:
    """The answers, if they are whole, made as wanted, and later than all files that they come from."""
    if not is_newer(one.path, one.inputs):
        return None
    try:
        return load(one.path) if given_of(one.path) == one.given else None
    except AnswersError:
        return None


def wanted(contest: Contest, entrants: Mapping[str, Entrant], folder: Path) -> Iterator[Wanted]:
    """By period and seed: who answer from one trained system are asked one after another."""
    inputs = {
        name: (*contest.inputs, *entrant.inputs, *code_of(entrant.source))
        for name, entrant in entrants.items()
    }
    given = {name: entrant.given() for name, entrant in entrants.items()}
    for period in contest.periods:
        for seed in sorted({seed for entrant in entrants.values() for seed in entrant.seeds}):
            for name in (name for name, entrant in entrants.items() if seed in entrant.seeds):
                path = path_of(folder, contest.dataset, period.name, name, seed)
                yield Wanted(period, name, seed, path, inputs[name], given[name])
