"""Who takes part in the contest of coupon responses; our entrant is the rankers' network fused with trees."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.coupons.responses import asked, mailed, read_pairs, taught
from training.leaderboard.answers import Answers
from training.leaderboard.coupon_models import TUNED, chosen
from training.leaderboard.question import NO_SEED, SEEDS, Entrant, Question
from training.prepare.coupon_pairs import SMOOTHING


def past_rate(question: Question, seed: int) -> Answers:
    """The share of a household's own earlier mailings that it redeemed."""
    del seed  # nothing is drawn
    began = time.perf_counter()
    pairs, of = _pairs(question.state, question.cutoff)
    usual = taught(pairs, question.cutoff)["redeemed"].mean()
    smoothed = pl.col("past_redeemed") + SMOOTHING * pl.lit(usual)
    rate = of.select(smoothed / (pl.col("past_campaigns") + SMOOTHING)).to_series()
    return _answers(question, of, rate.to_numpy(), began)


def classified(name: str, seeds: tuple[int, ...]) -> Entrant:
    """An entrant that is taught by the mailings that were over, by the parameters that tuning chose."""

    def answer(question: Question, seed: int) -> Answers:
        began = time.perf_counter()
        pairs, of = _pairs(question.state, question.cutoff)
        by = mailed(taught(pairs, question.cutoff), told=True)
        return _answers(question, of, chosen(name)(by, mailed(of, told=False), seed), began)

    return Entrant(answer, Path(__file__), seeds, (TUNED,))


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
    "logistic": classified("logistic", NO_SEED),
    "lightgbm": classified("lightgbm", SEEDS),
    "fused": classified("fused", SEEDS),
}
