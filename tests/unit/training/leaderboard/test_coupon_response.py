"""The contest of coupon responses over a few made-up mailings, from the folder to the page."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from training.coupons.responses import asked, folds, mailed, read_pairs, taught
from training.errors import PreparedError
from training.leaderboard.__main__ import run
from training.leaderboard.answers import problems
from training.leaderboard.coupon_entrants import ENTRANTS, SMOOTHING
from training.leaderboard.coupon_response import SPLIT, coupon_response
from training.leaderboard.judging import Measure, pairs
from training.leaderboard.question import question
from training.leaderboard.standings import CANDIDATES, standings
from training.prepare.coupon_pairs import TEXTS

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def mailings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight campaigns to 60 households; the first began before the data, the last two start from October."""
    draw = np.random.default_rng(4)
    rows = []
    for campaign in range(8):
        start = SPLIT + (campaign - 6) * 40 * DAY
        for user in range(60):
            keen = user / 60
            rows.append(
                {
                    "user_id": user,
                    "campaign_id": campaign,
                    "start": start,
                    "asked_until": start + 30 * DAY,
                    "redeemed": bool(draw.random() < keen),
                    "bought_baskets": float(campaign and 1 + user % 7),
                    "past_campaigns": float(campaign),
                    "past_redeemed": float(draw.binomial(campaign, keen)),
                    **dict.fromkeys(TEXTS, "B"),
                }
            )
    folder = tmp_path_factory.mktemp("mailings")
    pl.DataFrame(rows).write_parquet(folder / "pairs.parquet")
    return folder


def test_campaigns_that_were_over_teach_and_those_from_october_are_asked(mailings: Path) -> None:
    found = read_pairs(mailings)
    assert taught(found, SPLIT)["campaign_id"].unique().to_list() == [1, 2, 3, 4, 5]
    assert asked(found, SPLIT)["campaign_id"].unique().to_list() == [6, 7]
    running = found.with_columns(
        asked_until=pl.when(pl.col("campaign_id") == 5)
        .then(SPLIT + DAY)
        .otherwise(pl.col("asked_until"))
    )
    assert 5 not in taught(running, SPLIT)["campaign_id"]
    with pytest.raises(PreparedError, match="coupon_responses"):
        read_pairs(mailings / "none")


def test_a_fold_holds_whole_campaigns_and_the_largest_are_apart() -> None:
    campaign = np.repeat([3, 5, 7, 9, 11], [10, 80, 5, 90, 20])
    found = folds(campaign)
    by_campaign = {key: set(found[campaign == key].tolist()) for key in (9, 5, 11, 3, 7)}
    assert by_campaign == {9: {0}, 5: {1}, 11: {2}, 3: {3}, 7: {0}}


def test_the_answers_are_judged_by_who_redeemed(mailings: Path) -> None:
    contest = coupon_response(mailings)
    period = contest.periods[0]
    answers = ENTRANTS["past_rate"].answer(question(contest, period), 0)
    assert not problems(answers)
    judged = pairs(answers, period, contest)
    wanted = asked(read_pairs(mailings), SPLIT)
    assert judged.bought.tolist() == wanted["redeemed"].to_list()
    usual = taught(read_pairs(mailings), SPLIT)["redeemed"].mean()
    expected = [
        (redeemed + SMOOTHING * usual) / (sent + SMOOTHING)
        for redeemed, sent in wanted.select("past_redeemed", "past_campaigns").rows()
    ]
    assert np.allclose(judged.probability, expected)


def test_what_the_asked_did_is_told_to_nobody(mailings: Path, tmp_path: Path) -> None:
    turned = pl.col("redeemed") ^ (pl.col("campaign_id") >= 6)
    read_pairs(mailings).with_columns(redeemed=turned).write_parquet(tmp_path / "pairs.parquet")
    for name in ("past_rate", "logistic", "lightgbm"):
        told = [
            ENTRANTS[name].answer(question(contest, contest.periods[0]), 7).probability
            for contest in map(coupon_response, (mailings, tmp_path))
        ]
        assert np.array_equal(*told)
    assert np.isnan(mailed(asked(read_pairs(mailings), SPLIT), told=False).redeemed).all()


def test_the_board_has_a_page_of_its_own_kind(mailings: Path, tmp_path: Path) -> None:
    contest = coupon_response(mailings)
    console = Console(file=StringIO(), width=200)
    run([contest], tmp_path / "out", tmp_path / "report", None, console)
    judged = standings(contest, tmp_path / "out", ENTRANTS)
    for model, entrant in ENTRANTS.items():
        assert judged.seeds[model] == entrant.seeds
        found = judged.get(model, Measure(CANDIDATES, "auc"))
        assert found is not None
        assert found.value > 0.6
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Who of the households" in page
    assert "Slices" not in page
    assert "auc, fused beside logistic" in console.file.getvalue()  # type: ignore[attr-defined]
