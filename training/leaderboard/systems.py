"""A system of ours, trained as if now were the cut-off, by the very steps of `make up`.

`<state>/leaderboard-models/<cut-off>/prepared` is what was known then, and `<seed>/models` beside it what
was trained on it; what is newer than its inputs, settings and code is not trained again.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from inspect import getfile
from pathlib import Path

from rich.console import Console

from training import train_ranker, train_retriever
from training.atomic import replace_text
from training.data import open_prepared
from training.errors import Absent
from training.leaderboard import truncated
from training.leaderboard.code import code_of, is_newer
from training.leaderboard.question import Question
from training.learning.schedule import FEWEST_CUTOFFS
from training.offline import Models, open_models
from training.settings import TABLES, TrainingSettings, read_settings, told_settings

FOLDER = "leaderboard-models"
Train = Callable[[TrainingSettings, Console], None]


@dataclass(frozen=True, slots=True)
class System:
    """A trained system and what training it took."""

    settings: TrainingSettings
    models: Models
    retriever_seconds: float
    ranker_seconds: float


def system(question: Question, seed: int) -> System:
    """Trained at the question's cut-off, all other settings as they are in the environment.

    Members that they leave out are trained too: each takes part by itself.

    Raises:
        Absent: too few cut-offs lie before this one.
        TrainingError: the prepared data is incomplete.
    """
    everybody = {"members": ",".join(TABLES["members"])}
    given = read_settings(question.state).model_copy(update=everybody)
    return trained(settings_at(given, question.cutoff, seed))


def settings_at(given: TrainingSettings, cutoff: datetime, seed: int) -> TrainingSettings:
    """Of the folder of this cut-off and seed, whose prepared data is made if it is missing or older."""
    folder = given.state / FOLDER / f"{cutoff:%Y-%m-%d}"
    inputs = [given.prepared / "features.yaml", *code_of(Path(getfile(truncated)))]
    if not is_newer(folder / "prepared" / "features.yaml", inputs):
        truncated.truncate(given.prepared, folder / "prepared", cutoff)
    mine = folder / str(seed)
    mine.mkdir(exist_ok=True)
    if not (mine / "prepared").is_symlink():
        (mine / "prepared").symlink_to(Path("..") / "prepared")
    return given.model_copy(update={"state": mine, "seed": seed})


def trained(settings: TrainingSettings) -> System:
    """Trains what is missing, or older than what it comes from."""
    asked = kept_settings(settings)
    _require_cutoffs(settings)
    train_unless_done(settings, train_retriever.train, [settings.prepared / "features.yaml", asked])
    train_unless_done(settings, train_ranker.train, [settings.models / "retriever.ckpt", asked])
    return opened(settings)


def kept_settings(settings: TrainingSettings) -> Path:
    """A file that is written when a setting is another than last time."""
    path, text = settings.state / "settings.json", told_settings(settings)
    if not path.is_file() or path.read_text() != text:
        replace_text(path, text)
    return path


def train_unless_done(settings: TrainingSettings, train: Train, inputs: Iterable[Path]) -> None:
    """Runs a step of training unless its result is later than all it comes from, its code among it.

    What it says goes to `training.log`.
    """
    source = Path(getfile(train))
    name = source.stem.removeprefix("train_")
    last = settings.models / f"{name}.json"  # what a step writes when all is well
    checkpoint = last.with_suffix(".ckpt")
    if last.is_file() and is_newer(checkpoint, [*inputs, *code_of(source)]):
        return
    with (settings.state / "training.log").open("a") as log:
        train(settings, Console(file=log, width=120))


def opened(settings: TrainingSettings) -> System:
    """What has been trained."""
    took = [
        json.loads((settings.models / f"{name}.json").read_text())["seconds"]
        for name in ("retriever", "ranker")
    ]
    return System(settings, open_models(settings), *took)


def _require_cutoffs(settings: TrainingSettings) -> None:
    count = len(open_prepared(settings.prepared).cutoffs)
    if count < FEWEST_CUTOFFS:
        raise Absent(
            f"it is trained on {FEWEST_CUTOFFS} cut-offs or more, and there are {count} up to "
            "this one; prepare more, by CUTOFFS"
        )
