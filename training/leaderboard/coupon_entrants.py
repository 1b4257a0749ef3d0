"""Who takes part in the contest of coupon responses; our entrant is the rankers' network fused with trees."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.coupons.classifiers import Classifier, Probabilities, boosted, logistic, network
from training.coupons.responses import Mailed, asked, folds, mailed, read_pairs, taught
from training.leaderboard.answers import Answers
from training.leaderboard.question import NO_SEED, SEEDS, Entrant, Question
from training.learning.fusing import fused as fusion
from training.prepare.coupon_pairs import SMOOTHING

MEMBERS: Mapping[str, Classifier] = {"network": network, "boosted": boosted}


def past_rate(question: Question, seed: int) -> Answers:
    """The share of a household's own earlier mailings that it redeemed."""
    del seed  # nothing is drawn
    began = time.perf_counter()
    pairs, of = _pairs(question.state, question.cutoff)
    usual = taught(pairs, question.cutoff)["redeemed"].mean()
    smoothed = pl.col("past_redeemed") + SMOOTHING * pl.lit(usual)
    rate = of.select(smoothed / (pl.col("past_campaigns") + SMOOTHING)).to_series()
    return _answers(question, of, rate.to_numpy(), began)


def classified(classifier: Classifier, seeds: tuple[int, ...]) -> Entrant:
    """An entrant that is taught by the mailings that were over."""

    def answer(question: Question, seed: int) -> Answers:
        began = time.perf_counter()
        pairs, of = _pairs(question.state, question.cutoff)
        by = mailed(taught(pairs, question.cutoff), told=True)
        return _answers(question, of, classifier(by, mailed(of, told=False), seed), began)

    return Entrant(answer, Path(__file__), seeds)


def fused(by: Mailed, of: Mailed, seed: int) -> Probabilities:
    """Each member says what it makes of campaigns that it wasn't taught; by that they are weighed."""
    fold = folds(by.campaign)
    held = {name: np.zeros(len(fold), dtype=np.float32) for name in MEMBERS}
    for number in np.unique(fold):
        out = fold == number
        for name, member in MEMBERS.items():
            held[name][out] = member(by.only(~out), by.only(out), seed)
    together = fusion(held, by.redeemed)
    said = {name: member(by, of, seed).astype(np.float32) for name, member in MEMBERS.items()}
    return together(said).astype(np.float64)


def _pairs(state: Path, cutoff: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All, and those that are asked for; nobody is told what happened to these."""
    pairs = read_pairs(state)
    return pairs, asked(pairs, cutoff).drop("redeemed")


def _answers(
    question: Question, of: pl.DataFrame, likely: NDArray[np.float64], began: float
) -> Answers:
    nothing = np.zeros((len(question.user_ids), 0), dtype=np.int64)
    return Answers(
        question.user_ids,
        nothing,
        nothing,
        time.perf_counter() - began,
        question.user_ids.search_sorted(of["user_id"]).to_numpy().astype(np.int64),
        of["campaign_id"].to_numpy(),
        likely.astype(np.float32),
    )


ENTRANTS: Mapping[str, Entrant] = {
    "past_rate": Entrant(past_rate, Path(__file__), NO_SEED),
    "logistic": classified(logistic, NO_SEED),
    "lightgbm": classified(boosted, SEEDS),
    "fused": classified(fused, SEEDS),
}
