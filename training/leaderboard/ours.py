"""Our whole system as entrants: trained as if now were the cut-off, by the very steps of `make up`.

`<state>/leaderboard-models/<cut-off>/prepared` is what was known then, and `<seed>/models` beside it what
was trained on it; what is newer than its inputs, settings and code is not trained again. From one such
system answer the fusion, each member alone, and each retriever alone.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from inspect import getfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from training import train_ranker, train_retriever
from training.atomic import replace_text
from training.candidates import Sources, gather, sources_at
from training.data import open_prepared
from training.errors import Absent
from training.leaderboard import truncated
from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.code import code_of
from training.leaderboard.question import Entrant, Question
from training.learning.checkpoints import Rankers
from training.learning.schedule import FEWEST_CUTOFFS
from training.offline import (
    BATCH,
    CandidateLists,
    Models,
    Score,
    best,
    candidates,
    known,
    open_models,
)
from training.policy import MAX_CANDIDATES, REPEAT
from training.settings import TABLES, TrainingSettings, read_settings

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

    Raises:
        Absent: too few cut-offs lie before this one.
        TrainingError: the prepared data is incomplete.
    """
    return trained(settings_at(read_settings(question.state), question.cutoff, seed))


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
    path = settings.state / "settings.json"
    text = settings.model_dump_json(exclude={"state", "threads"}, indent=1) + "\n"
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


def is_newer(path: Path, inputs: Iterable[Path]) -> bool:
    """Whether the file is there, and none of its inputs was written after it."""
    if not path.is_file():
        return False
    made = path.stat().st_mtime_ns
    return all(of.stat().st_mtime_ns <= made for of in inputs)


def answers(of: System, question: Question, score: Score | None = None) -> Answers:
    """Pages ordered by probability, and that of all candidates of the task `any`."""
    began = time.perf_counter()
    lists = [
        candidates(
            of.models, question.cutoff, question.user_ids, exclude_purchased=barred, score=score
        )
        for barred in (False, True)
    ]
    everything, new = (best(one, DEEPEST).item_key for one in lists)
    seconds = of.retriever_seconds + of.ranker_seconds + time.perf_counter() - began
    return Answers(question.user_ids, everything, new, seconds, *pairs(lists[0]))


def pairs(
    lists: CandidateLists,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """(R,) places of the people, item keys and probabilities of all candidates."""
    keys = lists.item_key
    users = np.repeat(np.arange(len(lists.user_ids)), keys.lengths)
    return users, keys.values.astype(np.int64, copy=False), lists.probability


def fused(question: Question, seed: int) -> Answers:
    return answers(system(question, seed), question)


def member(question: Question, seed: int, name: str) -> Answers:
    """One ranker, calibrated by itself, over the candidates that all share."""
    return answers(with_members(system(question, seed), [name]), question)


def with_members(of: System, names: Iterable[str]) -> System:
    """The system whose other members never answer.

    Raises:
        Absent: it has no such member.
    """
    rankers = of.models.rankers
    strange = [name for name in names if name not in rankers.members]
    if strange:
        raise Absent(f"the settings' members are {', '.join(rankers.members)}")
    some = Rankers({name: rankers.members[name] for name in names}, rankers.fusion)
    return replace(of, models=replace(of.models, rankers=some))


def retriever(question: Question, seed: int, name: str) -> Answers:
    return retrieved(system(question, seed), question, name)


def retrieved(of: System, question: Question, name: str) -> Answers:
    """What a retriever finds, in its order; for `any` what the person had stands before it.

    Raises:
        Absent: no such retriever is trained.
    """
    began = time.perf_counter()
    if name not in of.models.searches.served:
        raise Absent(f"the settings' retrievers are {', '.join(of.models.searches.served)}")
    prepared, schema = of.models.prepared, of.models.schema
    one = {name: of.models.searches.served[name]}
    # Sources fill the list in this order, each as far as it reaches.
    quotas = {REPEAT: MAX_CANDIDATES, name: MAX_CANDIDATES}
    sources = sources_at(prepared, schema, one, quotas, question.cutoff, MAX_CANDIDATES)
    everything, new = (
        _page(of.models, question, sources, exclude_purchased=barred) for barred in (False, True)
    )
    seconds = of.retriever_seconds + time.perf_counter() - began
    return Answers(question.user_ids, everything, new, seconds)


def _page(
    models: Models, question: Question, sources: Sources, *, exclude_purchased: bool
) -> NDArray[np.int64]:
    """(U, DEEPEST) keys in the order in which the sources fill the list."""
    people = known(models, question.cutoff, question.user_ids)
    page = np.full((len(question.user_ids), DEEPEST), -1, dtype=np.int64)
    for start in range(0, len(page), BATCH):
        which = np.arange(start, min(start + BATCH, len(page)))
        users = people.user_inputs(which)
        gathered = gather(people, users, sources, exclude_purchased=exclude_purchased)
        places = gathered.positions[:, :DEEPEST]
        keys = np.where(places >= 0, models.prepared.item_keys[places], -1)
        page[which, : keys.shape[1]] = keys
    return page


def _require_cutoffs(settings: TrainingSettings) -> None:
    count = len(open_prepared(settings.prepared).cutoffs)
    if count < FEWEST_CUTOFFS:
        raise Absent(
            f"it is trained on {FEWEST_CUTOFFS} cut-offs or more, and there are {count} up to "
            "this one; prepare more, by CUTOFFS"
        )


ENTRANTS = {
    "fused": Entrant(fused, Path(__file__)),
    **{name: Entrant(partial(member, name=name), Path(__file__)) for name in TABLES["members"]},
    **{
        name: Entrant(partial(retriever, name=name), Path(__file__))
        for name in ("two_tower", "item_to_item")
    },
}
