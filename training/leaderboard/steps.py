"""What was tried on the way to our system, and what each step gave: `make leaderboard-steps`.

One seed at the latest period, over the same retrievers, so that a step costs the training of one ranker at
the most. The figures are of development targets: they say what helped, not what is claimed.
"""

import argparse
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.leaderboard import boosted
from training.leaderboard.answering import answer_all
from training.leaderboard.answers import Answers
from training.leaderboard.contests import Contest, by_cutoff
from training.leaderboard.document import Marks, write_between
from training.leaderboard.question import SEEDS, Answering, Entrant, Question
from training.leaderboard.standings import standings
from training.leaderboard.steps_table import steps_table
from training.leaderboard.variants import Variant

ROOT = Path(__file__).parents[2]
MARKS = Marks("<!-- steps:begin -->", "<!-- steps:end -->")


@dataclass(frozen=True, slots=True)
class Other:
    """What is none of our system's variants."""

    by: Answering

    def answer(self, question: Question, seed: int, name: str) -> Answers:
        del name  # it keeps nothing under the step's name
        return self.by(question, seed)


@dataclass(frozen=True, slots=True)
class Step:
    """`beside` is the step from which this one differs in one thing."""

    said: str
    beside: str
    variant: Variant | Other


MLP, TRANSFORMER = ("mlp",), ("transformer",)
SERVED = ("mlp", "transformer", "trees")
STEPS = {
    "lightgbm_alone": Step("LightGBM, features alone", "", Other(boosted.without_scores)),
    "lightgbm": Step(
        "LightGBM, and our retrievers' scores", "lightgbm_alone", Other(boosted.probable)
    ),
    "mlp": Step("MLP", "lightgbm", Variant(MLP)),
    "no_item_to_item": Step(
        "MLP without the item-to-item score", "mlp", Variant(MLP, {"ranker_item_to_item": False})
    ),
    "more_negatives": Step(
        "MLP, half of the negatives kept", "mlp", Variant(MLP, {"ranker_negative_share": 0.5})
    ),
    "more_epochs": Step("MLP, twice the epochs", "mlp", Variant(MLP, {"ranker_epochs": 4})),
    "fewer_cutoffs": Step(
        "MLP, taught from two cut-offs instead of five", "mlp", Variant(MLP, {"ranker_cutoffs": 2})
    ),
    "transformer": Step("Transformer", "mlp", Variant(TRANSFORMER)),
    "plain_head": Step(
        "Transformer without cross layers",
        "transformer",
        Variant(TRANSFORMER, {"ranker_cross_layers": 0}),
    ),
    "short_history": Step(
        "Transformer, 16 latest purchases", "transformer", Variant(TRANSFORMER, history=16)
    ),
    "all_identities": Step(
        "Transformer without embedding dropout",
        "transformer",
        Variant(TRANSFORMER, {"embedding_dropout": 0.0}),
    ),
    "two": Step("MLP and Transformer fused", "mlp", Variant(("mlp", "transformer"))),
    "three": Step("and the boosted trees: our system", "two", Variant(SERVED)),
    "four": Step("and the RNN", "three", Variant((*SERVED, "rnn"))),
    "five": Step("and the CNN", "four", Variant((*SERVED, "rnn", "cnn"))),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard.steps")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "leaderboard" / "steps")
    parser.add_argument("--document", type=Path, help="whose table is replaced; default: none")
    given = parser.parse_args()
    console = Console()
    try:
        run(latest(given.state), given.out, given.document, console)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]steps:[/red] {escape(str(error))}")
        return 1
    return 0


def latest(state: Path) -> Contest:
    """The latest period alone."""
    return by_cutoff(state, [by_cutoff(state).periods[-1].cutoff])


def run(contest: Contest, out: Path, document: Path | None, console: Console) -> None:
    """Takes every step that isn't taken, and says what each gave.

    Raises:
        TrainingError, DataSetError: the state folder is incomplete.
    """
    entrants = {name: entrant(name, step) for name, step in STEPS.items()}
    answer_all(contest, entrants, out, console)
    told = steps_table(
        standings(contest, out, models=entrants),
        {n: (step.said, step.beside) for n, step in STEPS.items()},
    )
    for line in told:
        console.print(line, highlight=False, markup=False)
    if document is not None:
        write_between(document, MARKS, told)


def entrant(name: str, step: Step) -> Entrant:
    answer = partial(step.variant.answer, name=name)
    return Entrant(answer, Path(__file__), SEEDS[:1], (boosted.TUNED,))


if __name__ == "__main__":
    sys.exit(main())
