"""An entrant's answers of one period as a value a person and measure, NaN for who is no part of it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.errors import AnswersError
from training.evaluation import page_qualities
from training.evaluation.classification import Pairs
from training.evaluation.held_out import Targets, rows_of
from training.evaluation.metrics import Judged, coverage
from training.leaderboard.answers import Answers
from training.leaderboard.contests import Contest, Period
from training.leaderboard.slices import ALL
from training.ragged import Ragged

CUTS = {"recall": (10, 20), "ndcg": (10,), "hit_rate": (10,), "mrr": (20,)}
DEPTHS = (50, 100, 150, 200, 250, 300, 400, 500)  # of candidate recall
SHORT = max(k for cuts in CUTS.values() for k in cuts)
SHOWN = 10  # places whose novelty, diversity, popularity and coverage are told
SLICED = (("ndcg", 10), ("recall", 10), ("candidate_recall", 500))
MIXER = np.uint64(0x9E3779B97F4A7C15)  # an odd number without a pattern
CELLS = 2**24  # (person, item) flags in memory at once


class Measure(NamedTuple):
    task: str
    metric: str
    slice: str = ALL


Values = dict[Measure, NDArray[np.float64]]


def values(answers: Answers, period: Period, contest: Contest) -> Values:
    """(U,) values for the period's users, of every task.

    Raises:
        AnswersError: somebody who is asked for has no page.
    """
    rows = _rows(answers, period)
    found: Values = {}
    pages = {
        page: period.catalogue.places(getattr(answers, page)[rows])
        for page in sorted(set(contest.pages.values()))
    }
    for task, page in contest.pages.items():
        targets = period.targets[task]
        if not len(targets.user_ids):
            continue
        # A page that answers for another task too is a list of candidates for that one alone.
        places = (
            pages[page] if task == page or page not in contest.pages else pages[page][:, :SHORT]
        )
        mine = rows_of(targets.user_ids, period.user_ids)
        for measure, of_task in _task_values(task, places[mine], targets, period, mine):
            found[measure] = np.full(len(rows), np.nan)
            found[measure][mine] = of_task
    return found


def shown(answers: Answers, period: Period, contest: Contest) -> dict[Measure, float]:
    """The share of the catalogue on everybody's first places."""
    rows = _rows(answers, period)
    size = len(period.catalogue.item_keys)
    return {
        Measure(task, f"coverage@{SHOWN}"): coverage(getattr(answers, page)[rows], SHOWN, size)
        for task, page in contest.pages.items()
    }


def pairs(answers: Answers, period: Period, contest: Contest) -> Pairs:
    """The pairs of people who are asked for; `user` is their position in the contest's `user_ids`."""
    rows = np.full(len(answers.user_ids), -1, dtype=np.int64)
    rows[_rows(answers, period)] = np.arange(len(period.user_ids))
    user = rows[answers.pair_user]
    asked = user >= 0
    user, item = user[asked], answers.pair_item[asked]
    targets = period.targets[contest.classified]
    buyers = np.repeat(rows_of(targets.user_ids, period.user_ids), targets.items.lengths)
    wanted = targets.items.values.astype(np.int64, copy=False)
    keys = np.unique(wanted)
    places = np.searchsorted(keys, item).clip(max=max(0, len(keys) - 1))
    bought = np.zeros(len(user), dtype=np.bool_)
    if len(keys):
        codes = np.sort(buyers * len(keys) + np.searchsorted(keys, wanted))
        paired = user * len(keys) + places
        near = np.searchsorted(codes, paired).clip(max=len(codes) - 1)
        bought = (codes[near] == paired) & (keys[places] == item)
    return Pairs(contest.rows(period)[user], answers.probability[asked], bought)


def candidates(answers: Answers) -> int:
    """A number that is the same for the same set of pairs, in whatever order; another one for another."""
    people = answers.user_ids.hash(seed=1).to_numpy()[answers.pair_user]
    mixed = people ^ (answers.pair_item.astype(np.uint64) * MIXER)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * MIXER
    return int((mixed ^ (mixed >> np.uint64(32))).sum(dtype=np.uint64))


def hits(places: NDArray[np.int64], wanted: Ragged, items: int) -> NDArray[np.bool_]:
    """(U, K) which places, -1 for none, are among each user's targets, both positions among `items`."""
    found = np.zeros(places.shape, dtype=np.bool_)
    size = max(1, CELLS // (items + 1))
    for start in range(0, len(places), size):
        end = min(start + size, len(places))
        table = np.zeros((end - start, items + 1), dtype=np.bool_)  # the last is that of -1
        lengths = wanted.lengths[start:end]
        flat = wanted.values[wanted.offsets[start] : wanted.offsets[end]]
        table[np.repeat(np.arange(end - start), lengths), flat] = True
        table[:, items] = False
        found[start:end] = np.take_along_axis(table, places[start:end], axis=1)
    return found


def _rows(answers: Answers, period: Period) -> NDArray[np.int64]:
    """(U,) the answers' row of each user of the period."""
    listed = pl.DataFrame({"user_id": answers.user_ids}).with_row_index("row")
    asked = pl.DataFrame({"user_id": period.user_ids})
    if listed.schema["user_id"] != asked.schema["user_id"]:
        raise AnswersError(
            f"{period.name}: user_ids are {listed.schema['user_id']}, not {asked.schema['user_id']}"
        )
    found = asked.join(listed, on="user_id", how="left", maintain_order="left")["row"]
    if found.null_count():
        raise AnswersError(
            f"{period.name}: {found.null_count()} of {len(found)} people who are asked for have no page"
        )
    return found.to_numpy().astype(np.int64)


def _task_values(
    task: str,
    places: NDArray[np.int64],
    targets: Targets,
    period: Period,
    mine: NDArray[np.int64],
) -> Iterator[tuple[Measure, NDArray[np.float64]]]:
    of = period.catalogue
    wanted = targets.items.mapped(of.places(targets.items.values.astype(np.int64)), -1)
    right = hits(places, wanted, len(of.item_keys))
    judged = Judged(right, targets.items.lengths)
    for name, cuts in CUTS.items():
        for k in cuts:
            yield Measure(task, f"{name}@{k}"), judged.metric(name, k)
    for k in DEPTHS:
        if k <= places.shape[1]:
            yield Measure(task, f"candidate_recall@{k}"), judged.recall(k)
    yield from _qualities(task, places[:, :SHOWN], wanted, period)
    for name, users in period.slices.users.items():
        for metric, k in _sliced(places.shape[1]):
            kept = np.where(users[mine], _of(judged, metric, k), np.nan)
            yield Measure(task, f"{metric}@{k}", name), kept
    for name, items in period.slices.items.items():
        yield from _of_items(task, name, items, places, right, wanted)


def _qualities(
    task: str, places: NDArray[np.int64], wanted: Ragged, period: Period
) -> Iterator[tuple[Measure, NDArray[np.float64]]]:
    of = period.catalogue
    leaning = page_qualities.popularity(of, places)
    users = wanted.owners
    sold = np.bincount(users, of.popularity[wanted.values], len(places)) / wanted.lengths
    yield Measure(task, f"novelty@{SHOWN}"), page_qualities.novelty(of, places)
    yield Measure(task, f"diversity@{SHOWN}"), page_qualities.diversity(of, places)
    yield Measure(task, f"popularity@{SHOWN}"), leaning
    yield Measure(task, f"popularity_bias@{SHOWN}"), leaning - sold


def _of_items(
    task: str,
    name: str,
    items: NDArray[np.bool_],
    places: NDArray[np.int64],
    right: NDArray[np.bool_],
    wanted: Ragged,
) -> Iterator[tuple[Measure, NDArray[np.float64]]]:
    """Judged by such targets alone; who has none is no part of it."""
    users = wanted.owners
    sizes = np.bincount(users[items[wanted.values]], minlength=len(places))
    some = sizes > 0
    judged = Judged((right & np.append(items, False)[places])[some], sizes[some])
    for metric, k in _sliced(places.shape[1]):
        found = np.full(len(places), np.nan)
        found[some] = _of(judged, metric, k)
        yield Measure(task, f"{metric}@{k}", name), found


def _sliced(width: int) -> list[tuple[str, int]]:
    return [(metric, k) for metric, k in SLICED if metric != "candidate_recall" or k <= width]


def _of(judged: Judged, metric: str, k: int) -> NDArray[np.float64]:
    return judged.metric(metric.removeprefix("candidate_"), k)
