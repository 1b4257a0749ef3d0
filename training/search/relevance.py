"""How good the answers of search engines are, whatever they are made of: each is a callable.

A figure is the mean over households of the mean over a household's queries; households are drawn again for
its interval, the same for all engines, so that ratios stay paired. `search_new` judges by what a household
had never bought before, and takes what it had from the answers first, as `new` does elsewhere: an engine
isn't to blame for showing a favourite. An engine is asked for 100 items, so that fewer are left there.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.errors import AnswersError
from training.evaluation.intervals import user_weights
from training.evaluation.measurements import Measurement, Subject
from training.evaluation.metrics import judge
from training.evaluation.sampled import means, ratio
from training.ragged import Ragged
from training.search.asked import Asked, Engine
from training.search.queries import Queries, QuerySet

COUNT = 100
CUTS = (("ndcg", 10), ("recall", 10), ("recall", 100))
ZERO = "zero_result_rate"
COMPARED = "ndcg@10"
CHANCE = "by_chance"  # the order of whatever holds the words drawn by lot
Values = Mapping[str, NDArray[np.float64]]  # metric: (Q,) NaN of a query that is no part of it


def measure(
    engines: Mapping[str, Engine], queries: QuerySet, subject: Subject, *baselines: str
) -> list[Measurement]:
    """All engines on all variants, each beside every baseline that is one of them, as a ratio.

    Raises:
        AnswersError: an engine's answer has not the asked shape or type.
    """
    weights = user_weights(len(queries.user_ids), subject.seed)
    found: list[Measurement] = []
    for variant, asked in queries.variants.items():
        task = "search" if variant == "plain" else f"search_{variant}"
        if not asked.asked:
            continue
        answers = {name: answer(name, engine, asked.asked) for name, engine in engines.items()}
        for name, values in _tasks(task, answers, asked, queries.bought):
            found += _compared(name, values, asked.household, weights, subject, baselines)
    return found


def answer(name: str, engine: Engine, asked: Sequence[Asked]) -> NDArray[np.int64]:
    """(Q, 100) item keys.

    Raises:
        AnswersError: the answer has not this shape or type.
    """
    found = engine(asked, COUNT)
    wanted = (len(asked), COUNT)
    if found.shape != wanted or found.dtype != np.int64:
        raise AnswersError(
            f"{name} answered with {found.dtype} {found.shape}, not with int64 {wanted}"
        )
    return found


def by_chance(matching: NDArray[np.int64], relevant: NDArray[np.int64]) -> NDArray[np.float64]:
    """(Q,) expected NDCG@10 of a random order of the matching items, among which are the relevant ones."""
    gains = np.cumsum(1.0 / np.log2(np.arange(2, 12)))
    shown = gains[np.minimum(matching, 10) - 1] * relevant / matching
    expected: NDArray[np.float64] = shown / gains[np.minimum(relevant, 10) - 1]
    return expected


def without(
    slates: NDArray[np.int64], owner: NDArray[np.int64], lists: Ragged
) -> NDArray[np.int64]:
    """(Q, K) slates without the items of each row's own list, `owner` of `lists`; the rest moves up."""
    keys = np.unique(lists.values)
    if not len(keys):
        return slates
    places = np.searchsorted(keys, slates).clip(max=len(keys) - 1)
    listed = lists.owners * len(keys) + np.searchsorted(keys, lists.values)
    taken = np.isin(owner[:, None] * len(keys) + places, listed) & (keys[places] == slates)
    order = np.argsort(taken, axis=1, kind="stable")
    kept: NDArray[np.int64] = np.take_along_axis(np.where(taken, -1, slates), order, axis=1)
    return kept


def _tasks(
    task: str, answers: Mapping[str, NDArray[np.int64]], asked: Queries, bought: Ragged
) -> Iterator[tuple[str, dict[str, Values]]]:
    """Engine to metric to values, of all relevant items and of the never-bought ones."""
    found: dict[str, Values] = {
        name: {**_judged(slates, asked.relevant), ZERO: _empty(slates)}
        for name, slates in answers.items()
    }
    chance = by_chance(asked.matching, asked.relevant.lengths)
    yield task, {**found, CHANCE: {COMPARED: chance}}
    some = np.flatnonzero(asked.new.lengths)
    if len(some):
        fresh = {name: without(slates, asked.household, bought) for name, slates in answers.items()}
        yield (
            f"{task}_new",
            {name: _judged(slates, asked.new, some) for name, slates in fresh.items()},
        )


def _empty(slates: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((slates < 0).all(axis=1), dtype=np.float64)


def _judged(
    slates: NDArray[np.int64], targets: Ragged, some: NDArray[np.int64] | None = None
) -> dict[str, NDArray[np.float64]]:
    """(Q,) of each metric; NaN where the target is empty, which is all but `some`."""
    if some is None:
        judged = judge(slates, targets)
        return {f"{name}@{k}": judged.metric(name, k) for name, k in CUTS}
    offsets = np.append(0, np.cumsum(targets.lengths[some]))
    values = _judged(slates[some], Ragged(targets.values, offsets, targets.fill))
    found = {name: np.full(len(slates), np.nan) for name in values}
    for name, of_some in values.items():
        found[name][some] = of_some
    return found


def _compared(
    task: str,
    values: Mapping[str, Values],
    household: NDArray[np.int64],
    weights: NDArray[np.float64],
    subject: Subject,
    baselines: Sequence[str],
) -> Iterator[Measurement]:
    names = [(model, metric) for model, metrics in values.items() for metric in metrics]
    table = np.stack([values[model][metric] for model, metric in names], axis=1)
    figures = dict(
        zip(names, means(_of_households(table, household, weights), weights), strict=True)
    )
    for (model, metric), figure in figures.items():
        yield subject.measured(task, model, metric, figure.interval)
    for baseline in (name for name in baselines if name in values):
        beside = figures[baseline, COMPARED]
        for model in values if beside.value else ():
            if model not in (baseline, CHANCE):
                found = ratio(figures[model, COMPARED], beside)
                yield subject.measured(task, model, f"{COMPARED}/{baseline}", found.interval)


def _of_households(
    table: NDArray[np.float64], household: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(Q, M) values to (U, M): each household's mean, NaN where it has none."""
    users = weights.shape[1]
    there = ~np.isnan(table)
    sums = np.stack(
        [
            np.bincount(household, np.where(there[:, j], column, 0.0), users)
            for j, column in enumerate(table.T)
        ],
        axis=1,
    )
    counts = np.stack([np.bincount(household, column, users) for column in there.T], axis=1)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = sums / counts
    return found
