"""What each way of recommending answers offline, for the users of a horizon's tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console

from training import offline
from training.candidates import proposals
from training.evaluation.classification import Pairs
from training.evaluation.held_out import SAME_PAGE, Targets, histories, rows_of
from training.evaluation.metrics import candidate_recall
from training.learning.side_by_side import processes_of, side_by_side
from training.offline import CandidateLists, Models
from training.peers import personal_decay, popularity
from training.peers.personal_decay import PersonalDecay
from training.peers.popularity import Popularity
from training.policy import POPULAR, REPEAT
from training.progress_bar import progress_bar
from training.settings import TrainingSettings

COUNT = 20
Slates = dict[str, NDArray[np.int64]]  # model: (U, COUNT) item keys


@dataclass(frozen=True, slots=True)
class OfflineAnswers:
    """The pipeline's answers by task, and the candidates that they were chosen from."""

    slates: Mapping[str, Slates]
    lists: Mapping[str, CandidateLists]


def baseline_slates(
    purchases: pl.DataFrame, cutoff: datetime, targets: Mapping[str, Targets]
) -> dict[str, Slates]:
    """Task to the slates of popularity and of personal decay."""
    history, users = histories(purchases, cutoff), targets["any"].user_ids
    pages = {
        "popularity": popularity.rank(history, cutoff, users, COUNT, Popularity(), seed=0),
        "personal_decay": personal_decay.rank(
            history, cutoff, users, COUNT, PersonalDecay(), seed=0
        ),
    }
    found: dict[str, Slates] = {}
    for task, one in targets.items():
        rows = rows_of(one.user_ids, users)
        found[task] = {
            name: (page.new if task == "new" else page.any)[rows] for name, page in pages.items()
        }
    return found


def offline_answers(
    settings: TrainingSettings,
    cutoff: datetime,
    targets: Mapping[str, Targets],
    console: Console,
) -> OfflineAnswers:
    """The pipeline, and each of its sources alone, at a cut-off.

    Repeat alone has nothing to say of what is new.

    Raises:
        TrainingError: the prepared data or a checkpoint is missing, or they don't fit together.
    """
    models = offline.open_models(settings)
    everybody = targets["any"].user_ids
    tasks = {
        task: one.user_ids
        for task, one in targets.items()
        if task not in SAME_PAGE and len(one.user_ids)
    }
    processes = processes_of(settings.threads, len(models.prepared.item_keys))
    with progress_bar(console, f"Offline, {cutoff:%d %B %Y}", len(tasks) + 1) as advance:
        by_source = _alone(models, cutoff, everybody)
        advance(1)
        given = [(settings, cutoff, users, task == "new") for task, users in tasks.items()]
        lists = dict(zip(tasks, side_by_side(_candidates, given, processes, advance), strict=True))
    slates: dict[str, Slates] = {}
    for task, users in tasks.items():
        rows = rows_of(users, everybody)
        silent = REPEAT if task == "new" else None
        sources = {name: page[rows] for name, page in by_source.items() if name != silent}
        slates[task] = {"pipeline": offline.best(lists[task], COUNT).item_key} | sources
    for task, page_of in SAME_PAGE.items():
        rows = rows_of(targets[task].user_ids, targets[page_of].user_ids)
        slates[task] = {name: keys[rows] for name, keys in slates[page_of].items()}
    return OfflineAnswers(slates, lists)


def _candidates(
    settings: TrainingSettings,
    cutoff: datetime,
    user_ids: pl.Series,
    new: bool,  # noqa: FBT001 (whether purchases are left out)
) -> CandidateLists:
    models = offline.open_models(settings)
    return offline.candidates(models, cutoff, user_ids, exclude_purchased=new)


def _alone(models: Models, cutoff: datetime, user_ids: pl.Series) -> Slates:
    """By source, but for the best sellers, whom a baseline answers for; searches leave out what is owned."""
    people = offline.known(models, cutoff, user_ids)
    found = proposals(people, offline.sources_of(models, cutoff))
    catalogue = models.prepared.item_keys
    return {name: alone(keys, catalogue) for name, keys in found.items() if name != POPULAR}


def alone(proposed: NDArray[np.int64], catalogue: NDArray[np.int64]) -> NDArray[np.int64]:
    """(U, COUNT) the first of the catalogue that a source proposes (U, n), in its own order."""
    listed = np.isin(proposed, catalogue)
    order = np.argsort(~listed, axis=1, kind="stable")[:, :COUNT]
    first = np.where(
        np.take_along_axis(listed, order, 1), np.take_along_axis(proposed, order, 1), -1
    )
    return np.pad(first, ((0, 0), (0, COUNT - first.shape[1])), constant_values=-1)


def recall_of_candidates(lists: CandidateLists, targets: Targets) -> NDArray[np.float64]:
    """(U,) share of each target that is among the candidates."""
    return candidate_recall(lists.item_key, targets.items)


def pairs(lists: CandidateLists, targets: Targets) -> Pairs:
    """Every candidate with its probability, and whether it was bought."""
    users = lists.item_key.owners
    buyers = targets.items.owners
    keys = lists.item_key.values.astype(np.int64, copy=False)
    wanted = targets.items.values.astype(np.int64, copy=False)
    codes, coded = np.unique(np.concatenate([keys, wanted]), return_inverse=True)
    offered = users * len(codes) + coded[: len(keys)]
    bought = buyers * len(codes) + coded[len(keys) :]
    return Pairs(users, lists.probability, np.isin(offered, bought))
