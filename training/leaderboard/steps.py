"""What was tried on the way to our systems, and what each step gave: `make leaderboard-steps`.

One seed; by cut-off at the latest period, in leave-one-out on everybody's second-last item. A step
costs the training of one ranker at the most, over the same retrievers; what changes retrievers is taught them
anew. The figures are of development targets: they say what helped, not what is claimed.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.leaderboard import boosted, next_entrants, next_fused, next_members, next_peers, ours
from training.leaderboard.answering import answer_all
from training.leaderboard.answers import Answers
from training.leaderboard.contests import Contest, by_cutoff
from training.leaderboard.document import Marks, write_between
from training.leaderboard.leave_one_out import leave_one_out
from training.leaderboard.question import SEEDS, Answering, Entrant, Question
from training.leaderboard.standings import standings
from training.leaderboard.steps_table import steps_table
from training.leaderboard.variants import Variant
from training.settings import TABLES

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


def _next(said: str, beside: str, members: tuple[str, ...]) -> Step:
    return Step(said, beside, Other(partial(next_fused.of_members, names=members)))


BOTH = tuple(next_fused.SEQUENCES)
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
    "listwise": Step(
        "MLP, a softmax over each person's candidates in the loss beside the cross-entropy",
        "mlp",
        Variant(MLP, {"ranker_listwise_weight": 0.1}),
    ),
    "without_attributes": Step(
        "MLP, retrievers and it told no attributes of items, nor likings for them",
        "mlp",
        Variant(MLP, without=("item_profile", "user_affinity")),
    ),
    "without_promotions": Step(
        "MLP, retrievers and it told no displays and mailers",
        "mlp",
        Variant(MLP, without=("item_placement",)),
    ),
    "without_people": Step(
        "MLP, retrievers and it told no attributes of people",
        "mlp",
        Variant(MLP, without=("user_profile",)),
    ),
    "four_retrievers": Step(
        "MLP, SASRec and GRU4Rec among the retrievers",
        "mlp",
        Variant(MLP, {"retrievers": ",".join(TABLES["retrievers"])}),
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
    "trees": Step("Boosted trees, our member", "lightgbm", Variant(("trees",))),
    "two": Step("MLP and Transformer fused", "mlp", Variant(("mlp", "transformer"))),
    "three": Step("and the boosted trees: our system", "two", Variant(SERVED)),
    "four": Step("and the RNN", "three", Variant((*SERVED, "rnn"))),
    "five": Step("and the CNN", "four", Variant((*SERVED, "rnn", "cnn"))),
}
NEXT_STEPS = {
    "plain": Step("GRU4Rec, the peer", "", Other(next_entrants.peer("gru4rec").answer)),
    "gru4rec": _next("GRU4Rec as it ships", "plain", ("gru4rec",)),
    "sasrec": _next("SASRec as it ships", "gru4rec", ("sasrec",)),
    "both": _next("SASRec and GRU4Rec fused", "gru4rec", BOTH),
    "three": _next("and item-to-item", "both", (*BOTH, "item_to_item")),
    "four": _next("and what stands near", "three", (*BOTH, "item_to_item", "nearby")),
    "five": _next("and popularity: our entrant", "four", next_fused.MEMBERS),
    "counted": _next(
        "without the sequence models", "five", ("item_to_item", "nearby", "popularity")
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard.steps")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--leave-one-out", type=Path, help="a state folder of that protocol")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "leaderboard" / "steps")
    parser.add_argument("--document", type=Path, help="whose tables are replaced; default: none")
    given = parser.parse_args()
    console = Console()
    try:
        taken = [(latest(given.state), STEPS)]
        if given.leave_one_out is not None:
            taken.append((leave_one_out(given.leave_one_out, back=1), NEXT_STEPS))
        run(taken, given.out, given.document, console)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]steps:[/red] {escape(str(error))}")
        return 1
    return 0


def latest(state: Path) -> Contest:
    """The latest period alone."""
    return by_cutoff(state, [by_cutoff(state).periods[-1].cutoff])


def run(
    several: Sequence[tuple[Contest, Mapping[str, Step]]],
    out: Path,
    document: Path | None,
    console: Console,
) -> None:
    """Takes every step that isn't taken, and says what each gave.

    Raises:
        TrainingError, DataSetError: a state folder is incomplete.
    """
    told: list[str] = []
    for contest, steps in several:
        entrants = {name: entrant(name, step) for name, step in steps.items()}
        answer_all(contest, entrants, out, console)
        judged = standings(contest, out, models=entrants)
        told += ["", *steps_table(judged, {n: (s.said, s.beside) for n, s in steps.items()})]
    for line in told:
        console.print(line, highlight=False, markup=False)
    if document is not None:
        write_between(document, MARKS, told[1:])


def entrant(name: str, step: Step) -> Entrant:
    answer = partial(step.variant.answer, name=name)
    inputs = (boosted.TUNED, next_peers.TUNED, next_members.FILE)
    return Entrant(answer, Path(__file__), SEEDS[:1], inputs, ours.given)


if __name__ == "__main__":
    sys.exit(main())
