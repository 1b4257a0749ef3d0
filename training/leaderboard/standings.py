"""All entrants of a contest judged: every figure with its draws, by period and over all of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.errors import AnswersError
from training.evaluation.classification import Pairs, best_threshold
from training.evaluation.curves import Curve, calibration
from training.evaluation.intervals import user_weights
from training.evaluation.pair_figures import Threshold, pair_figures
from training.evaluation.sampled import Sampled, average, constant, means
from training.leaderboard import answers as files
from training.leaderboard.answering import up_to_date, wanted
from training.leaderboard.answers import Answers
from training.leaderboard.contests import Contest, Period
from training.leaderboard.judging import Measure, Values, candidates, pairs, shown, values
from training.leaderboard.question import Entrant
from training.leaderboard.slices import ALL

MEAN = "mean"  # over the periods
CANDIDATES = "candidates"  # the task of pairs
SEED = 7
DRAWS = 1000


class Cell(NamedTuple):
    period: str
    model: str
    measure: Measure


@dataclass(slots=True)
class Standings:
    """`candidates` says by model which sets of pairs were scored: figures of pairs compare within one set.

    `ignored` are the files of answers that lie in the folder and are none of what was to be judged.
    """

    contest: Contest
    cells: dict[Cell, Sampled] = field(default_factory=dict)
    seeds: dict[str, tuple[int, ...]] = field(default_factory=dict)
    candidates: dict[str, frozenset[tuple[str, int]]] = field(default_factory=dict)
    calibration: dict[str, Curve] = field(default_factory=dict)  # of the last period, first seed
    ignored: tuple[Path, ...] = ()

    @property
    def periods(self) -> tuple[str, ...]:
        return tuple(period.name for period in self.contest.periods)

    def get(self, model: str, measure: Measure, period: str = MEAN) -> Sampled | None:
        return self.cells.get(Cell(period, model, measure))


def standings(
    contest: Contest, folder: Path, models: Mapping[str, Entrant], draws: int = DRAWS
) -> Standings:
    """Judges what `answer_all` keeps of these models under `folder`, as far as it is up to date.

    Other models, other seeds, and what was made otherwise or of older code, are ignored.

    Raises:
        AnswersError: a model's answers can't be judged; it is named.
    """
    found = Standings(contest)
    weights = user_weights(len(contest.user_ids), SEED, draws)
    left = _lying(contest, folder)
    for model in sorted(models):
        given: dict[str, dict[int, Answers]] = {period.name: {} for period in contest.periods}
        for one in wanted(contest, {model: models[model]}, folder):
            answers = up_to_date(one)
            if answers is not None:
                given[one.period.name][one.seed] = answers
                left.discard(one.path)
        seeds = sorted({seed for by_seed in given.values() for seed in by_seed})
        if not seeds:
            continue
        found.seeds[model] = tuple(seeds)
        try:
            for period in contest.periods:
                several = list(given[period.name].values())
                if several and contest.pages:
                    _add_pages(found, model, period, several, weights)
                if several:
                    _add_seconds(found, model, period, several)
            _add_pairs(found, model, given, weights)
        except AnswersError as error:
            raise AnswersError(f"{model}: {error}; remove its answers") from error
    _add_means(found)
    found.ignored = tuple(sorted(left))
    return found


def _lying(contest: Contest, folder: Path) -> set[Path]:
    """Every file of answers to the periods."""
    return {
        files.path_of(folder, contest.dataset, period.name, model, seed)
        for period in contest.periods
        for model, seeds in files.found(folder / contest.dataset / period.name).items()
        for seed in seeds
    }


def _add_pages(
    found: Standings,
    model: str,
    period: Period,
    several: Sequence[Answers],
    weights: NDArray[np.float64],
) -> None:
    contest = found.contest
    per_seed = [values(one, period, contest) for one in several]
    measures = [measure for measure in per_seed[0] if all(measure in one for one in per_seed)]
    table = np.full((len(contest.user_ids), len(measures)), np.nan)
    table[contest.rows(period)] = np.stack([_averaged(per_seed, m) for m in measures], axis=1)
    for measure, figure in zip(measures, means(table, weights), strict=True):
        found.cells[Cell(period.name, model, measure)] = figure
    covered = [shown(one, period, contest) for one in several]
    for measure in covered[0]:
        mean = float(np.mean([one[measure] for one in covered]))
        found.cells[Cell(period.name, model, measure)] = constant(mean)


def _add_seconds(found: Standings, model: str, period: Period, several: Sequence[Answers]) -> None:
    seconds = float(np.mean([one.seconds for one in several]))
    found.cells[Cell(period.name, model, Measure("fit", "seconds"))] = constant(seconds)


def _averaged(per_seed: Sequence[Values], measure: Measure) -> NDArray[np.float64]:
    """Seeds are averaged for each person, before anybody is drawn."""
    return np.asarray(np.mean([one[measure] for one in per_seed], axis=0), dtype=np.float64)


def _add_pairs(
    found: Standings,
    model: str,
    given: Mapping[str, Mapping[int, Answers]],
    weights: NDArray[np.float64],
) -> None:
    periods = {period.name: period for period in found.contest.periods}
    scored: dict[str, dict[int, Pairs]] = {
        name: {
            seed: pairs(one, periods[name], found.contest)
            for seed, one in by_seed.items()
            if one.has_pairs
        }
        for name, by_seed in given.items()
    }
    found.candidates[model] = frozenset(
        (name, candidates(one))
        for name, by_seed in given.items()
        for one in by_seed.values()
        if one.has_pairs
    )
    for name, by_seed in scored.items():
        figures = [
            pair_figures(one, _threshold(scored, name, seed), weights)
            for seed, one in by_seed.items()
            if one.is_telling
        ]
        for metric in figures[0] if figures else ():
            if not all(metric in of_seed for of_seed in figures):
                continue
            cell = Cell(name, model, Measure(CANDIDATES, metric))
            found.cells[cell] = average([of_seed[metric] for of_seed in figures])
        if by_seed:
            found.calibration[model] = calibration(next(iter(by_seed.values())))


def _threshold(scored: Mapping[str, Mapping[int, Pairs]], name: str, seed: int) -> Threshold | None:
    """The one with the highest F1 in the model's other periods.

    Of a contest with a single period, each person's is the one that is best among the other half of the
    people, (U,).
    """
    if len(scored) == 1:
        return _of_the_other_half(scored[name][seed])
    others = [
        by_seed[seed] for other, by_seed in scored.items() if other != name and seed in by_seed
    ]
    if not others:
        return None
    joined = Pairs(
        np.concatenate([one.user for one in others]),
        np.concatenate([one.probability for one in others]),
        np.concatenate([one.bought for one in others]),
    )
    return best_threshold(joined) if joined.is_telling else None


def _of_the_other_half(one: Pairs) -> NDArray[np.float64] | None:
    found = np.zeros(one.user.max() + 1)
    for half in (0, 1):
        others = one.user % 2 != half
        rest = Pairs(one.user[others], one.probability[others], one.bought[others])
        if not rest.is_telling:
            return None
        found[half::2] = best_threshold(rest)
    return found


def _add_means(found: Standings) -> None:
    """Of what every period has; of a slice, over the periods in which it isn't empty."""
    by_measure: dict[tuple[str, Measure], list[Sampled]] = {}
    for cell, figure in found.cells.items():
        by_measure.setdefault((cell.model, cell.measure), []).append(figure)
    for (model, measure), figures in by_measure.items():
        if len(figures) == len(found.contest.periods):
            some = [one for one in figures if measure.slice != ALL and math.isfinite(one.value)]
            found.cells[Cell(MEAN, model, measure)] = average(some or figures)
