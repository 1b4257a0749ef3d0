"""Boosted trees as the second stage, on the very candidates and features of our rankers.

`python -m training.leaderboard.boosted tune --state FOLDER` chooses their parameters on the first period, by
the log loss of its validation, into `boosted_tuned.json` beside this file; `make leaderboard` takes them from
there. The trees of a cut-off and seed lie beside the rankers, in `<state>/leaderboard-models`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from training import train_ranker
from training.atomic import replace_text, replacing_file
from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.known import Raw, with_rows
from training.leaderboard.answers import Answers
from training.leaderboard.boosted_columns import Lines, categories, lines, of_batch
from training.leaderboard.boosted_trials import Trial, tried
from training.leaderboard.boosting import Boosted, Parameters, classifier, orderer
from training.leaderboard.code import code_of, is_newer
from training.leaderboard.contests import by_cutoff
from training.leaderboard.ours import answers, given
from training.leaderboard.question import SEEDS, Entrant, Question, question
from training.leaderboard.systems import System, system
from training.learning.ranker_examples import Examples
from training.models.ranker import SCORES, Ranker
from training.offline import Models, Score

TUNED = Path(__file__).with_name("boosted_tuned.json")
Kind = Literal["classifier", "orderer"]
Growing = Callable[[Lines, Lines, list[int], Parameters, int, int], Boosted]
GROWING: Mapping[Kind, Growing] = {"classifier": classifier, "orderer": orderer}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard.boosted")
    parser.add_argument("action", choices=("tune",))
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=6)
    given = parser.parse_args()
    console = Console()
    try:
        tune(given.state, given.trials, TUNED, console)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]boosted:[/red] {escape(str(error))}")
        return 1
    return 0


def tune(state: Path, count: int, path: Path, console: Console) -> None:
    """Tries parameters on the first period's training examples; keeps all trials and the best.

    Raises:
        TrainingError, DataSetError: the state folder is incomplete.
    """
    contest = by_cutoff(state)
    period = contest.periods[0]
    taught, judged, places = told(system(question(contest, period), SEEDS[0]))

    def score(parameters: Parameters) -> Boosted:
        return classifier(taught, judged, places, parameters, SEEDS[0])

    found: list[Trial] = []
    for trial in tried(score, count, SEEDS[0]):
        console.print(f"{trial.log_loss:.5f} {trial.rounds} rounds {trial.parameters}")
        found.append(trial)
    best = min(found, key=lambda trial: trial.log_loss)
    document = {
        "dataset": contest.dataset,
        "period": period.name,
        "people": len(period.user_ids),
        "trials": [asdict(trial) for trial in found],
        "chosen": asdict(best.parameters),
    }
    replace_text(path, json.dumps(document, indent=1) + "\n")


def tuned(path: Path = TUNED) -> Parameters:
    return Parameters(**json.loads(path.read_text())["chosen"])


def probable(question: Question, seed: int) -> Answers:
    """The fusion's candidates, each with the trees' probability."""
    of = system(question, seed)
    trees, seconds = grown(of, tuned(), "classifier")
    return answers(replace(of, ranker_seconds=seconds), question, scored_by(of, trees))


def ordered(question: Question, seed: int) -> Answers:
    """The fusion's candidates in the order of LambdaRank, which says no probability."""
    of = system(question, seed)
    trees, seconds = grown(of, tuned(), "orderer")
    found = answers(replace(of, ranker_seconds=seconds), question, scored_by(of, trees))
    return Answers(found.user_ids, found.any, found.new, found.seconds)


def without_scores(question: Question, seed: int) -> Answers:
    """The same trees, told nothing of what our retrievers learned: how much of their strength is that."""
    of = system(question, seed)
    began = time.perf_counter()
    taught, judged, places = told(of, SCORES)
    trees = classifier(taught, judged, places, tuned(), seed, of.settings.threads)
    alone = replace(of, retriever_seconds=0.0, ranker_seconds=time.perf_counter() - began)
    return answers(alone, question, scored_by(of, trees, SCORES))


def scored_by(of: System, trees: Boosted, less: int = 0) -> Score:
    """`less` of the last crosses the trees were not told."""
    ranker = any_ranker(of)

    def score(models: Models, raw: Raw) -> NDArray[np.float32]:
        inputs = with_rows(models.prepared, models.schema, raw)
        with torch.no_grad():
            crosses = but(ranker.crosses(inputs), less)
        real = raw["mask"].astype(np.bool_)
        found = np.zeros(real.shape, dtype=np.float32)
        found[real] = trees.probability(of_batch(inputs, crosses, real))
        return found

    return score


def but(crosses: torch.Tensor, less: int) -> torch.Tensor:
    """(..., X) without the last: (..., X - less)."""
    return crosses[..., : crosses.shape[-1] - less]


def any_ranker(of: System) -> Ranker:
    """Crosses are the same in all members: they have the same retrievers inside."""
    return next(iter(of.models.rankers.members.values()))


def examples(of: System) -> tuple[Examples, Examples]:
    """What its rankers are taught and judged by, drawn again."""
    models = of.models
    return train_ranker.gathered(
        of.settings,
        models.prepared,
        any_ranker(of),
        Console(quiet=True),
    )


def told(of: System, less: int = 0) -> tuple[Lines, Lines, list[int]]:
    """What is taught, what is judged, and which columns are categories; `less` of the last crosses."""
    taught, judged = (replace(one, crosses=but(one.crosses, less)) for one in examples(of))
    places = categories(any_ranker(of).config.features)
    return lines(taught, of.settings.ranker_negative_share), lines(judged), places


def grown(of: System, given: Parameters, kind: Kind) -> tuple[Boosted, float]:
    """Trees for the probability or for the order, and their seconds; up to date or made anew."""
    path = of.settings.models / f"boosted_{kind}.json"
    inputs = (of.settings.models / "retriever.ckpt", TUNED, *code_of(Path(__file__)))
    if not is_newer(path, inputs):
        _grow(of, given, path, GROWING[kind])
    kept = json.loads(path.read_text())
    return _read(path, kept), float(kept["seconds"])


def _grow(of: System, given: Parameters, path: Path, growing: Growing) -> None:
    began = time.perf_counter()
    taught, judged, places = told(of)
    trees = growing(taught, judged, places, given, of.settings.seed, of.settings.threads)
    seconds = time.perf_counter() - began
    written = {"seconds": seconds, **_write(path, trees)}
    replace_text(path, json.dumps(written, indent=1) + "\n")


def _write(path: Path, of: Boosted) -> dict[str, object]:
    beside = path.with_suffix(".txt")
    with replacing_file(beside) as fresh:
        of.trees.save_model(fresh)
    numbers = {"slope": of.slope, "offset": of.offset, "log_loss": of.log_loss}
    return {"trees": beside.name, "rounds": of.rounds, **numbers}


def _read(path: Path, kept: dict[str, Any]) -> Boosted:
    trees = lightgbm.Booster(model_file=path.with_name(kept["trees"]))
    return Boosted(trees, kept["slope"], kept["offset"], kept["log_loss"])


ENTRANTS = {
    "lightgbm": Entrant(probable, Path(__file__), inputs=(TUNED,), given=given),
    # Growing an order takes longer than all else together: one seed.
    "lightgbm_rank": Entrant(ordered, Path(__file__), SEEDS[:1], (TUNED,), given),
}


if __name__ == "__main__":
    sys.exit(main())
