"""Classifiers of mailings learn what is there to learn, whatever is unknown, and the same every time."""

from functools import partial

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from training.coupons.classifiers import (
    Classifier,
    Linear,
    Network,
    Trees,
    boosted,
    encoded,
    left_out,
    logistic,
    network,
)
from training.coupons.responses import Mailed, folds
from training.prepare.coupon_pairs import TEXTS


def drawn(rows: int, seed: int) -> Mailed:
    """Redeemed by how large the first number is, and mostly by those of kind A; the second is a long tail."""
    draw = np.random.default_rng(seed)
    numbers = np.stack([draw.normal(size=rows), draw.lognormal(3.0, 1.0, size=rows)], axis=1)
    kind = draw.choice(["A", "B"], size=rows)
    odds = 1.5 * numbers[:, 0] + np.where(kind == "A", 1.0, -1.0)
    happened = draw.random(rows) < 1.0 / (1.0 + np.exp(-odds))
    numbers[draw.random(rows) < 0.1, 1] = np.nan
    texts = {name: pl.Series([None] * rows, dtype=pl.String) for name in TEXTS}
    described = pl.DataFrame(texts | {"kind": kind})
    return Mailed(numbers, described, np.arange(rows) % 5, happened.astype(np.float64))


def auc(likely: NDArray[np.float64], happened: NDArray[np.float64]) -> float:
    yes, no = likely[happened == 1], likely[happened == 0]
    return float((yes[:, None] > no).mean() + (yes[:, None] == no).mean() / 2)


BY_DEFAULTS = [
    partial(logistic, given=Linear()),
    partial(boosted, given=Trees()),
    partial(network, given=Network()),
]


@pytest.mark.parametrize("classifier", BY_DEFAULTS)
def test_what_decides_is_found_and_the_same_seed_gives_the_same(classifier: Classifier) -> None:
    by, of = drawn(600, 1), drawn(400, 2)
    found = classifier(by, of, 7)
    assert auc(found, of.redeemed) > 0.8
    assert np.array_equal(found, classifier(by, of, 7))


def test_of_what_is_left_out_a_classifier_is_taught_no_campaign() -> None:
    of = drawn(100, 1)
    fold, asked = folds(of.campaign), []

    def told(by: Mailed, out: Mailed, seed: int) -> NDArray[np.float64]:
        assert seed == 7
        assert not set(by.campaign) & set(out.campaign)
        assert len(by.campaign) + len(out.campaign) == len(of.campaign)
        asked.append(set(out.campaign))
        return out.numbers[:, 0]

    assert np.array_equal(left_out(told, of, 7), of.numbers[:, 0])
    assert len(asked) == len(set(fold))


@pytest.mark.parametrize("classifier", BY_DEFAULTS)
def test_of_a_text_that_was_never_seen_something_is_said(classifier: Classifier) -> None:
    by, of = drawn(300, 1), drawn(20, 2)
    strange = Mailed(
        of.numbers * np.nan,
        of.texts.with_columns(kind=pl.lit("C")),
        of.campaign,
        of.redeemed * np.nan,
    )
    found = classifier(by, strange, 7)
    assert np.isfinite(found).all()


def test_numbers_are_scaled_by_what_is_taught_alone() -> None:
    of = drawn(200, 1)
    plain, tail = encoded(of).statistics
    known = of.numbers[~np.isnan(of.numbers[:, 1]), 1]
    assert (plain["log1p"], tail["log1p"]) == (0.0, 1.0)
    assert np.isclose(plain["mean"], of.numbers[:, 0].mean())
    assert np.isclose(tail["mean"], np.log1p(known).mean())
    assert np.isclose(tail["std"], np.log1p(known).std())


def test_rows_of_texts_are_those_of_the_vocabulary() -> None:
    of = drawn(4, 1)
    texts = of.texts.with_columns(kind=pl.Series(["B", None, "C", "A"]))
    rows = encoded(drawn(50, 3)).rows(Mailed(of.numbers, texts, of.campaign, of.redeemed))
    assert rows[:, 0].tolist() == [3, 1, 0, 2]
    assert (rows[:, 1:] == 1).all()
