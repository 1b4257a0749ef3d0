"""Who of the households that a campaign was sent to redeems one of its coupons: pairs alone, no pages.

A pair's "item" is the campaign. Entrants are taught by the campaigns that were over at the cut-off, and
asked for those that start after it.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from training.coupons.responses import PAIRS, asked, read_pairs
from training.datasets.coupon_responses import NAME
from training.evaluation.held_out import Targets
from training.evaluation.page_qualities import catalogue
from training.leaderboard.contests import Contest, Period
from training.leaderboard.slices import Slices
from training.ragged import Ragged

TASK = "coupon"
SPLIT = datetime(2017, 10, 1, 5, tzinfo=UTC)  # October begins


def coupon_response(state: Path) -> Contest:
    """One period, the campaigns from October.

    Raises:
        PreparedError: the folder was not made.
    """
    of = asked(read_pairs(state), SPLIT)
    user_ids = of["user_id"].unique().sort()
    redeemed = of.filter("redeemed").sort("user_id", "campaign_id")
    lengths = user_ids.to_frame().join(
        redeemed.group_by("user_id").len(), on="user_id", how="left", maintain_order="left"
    )["len"]
    offsets = np.append(0, np.cumsum(lengths.fill_null(0).to_numpy().astype(np.int64)))
    wanted = Ragged(redeemed["campaign_id"].to_numpy(), offsets, -1)
    campaigns = of["campaign_id"].unique().sort().to_numpy()
    history = of.clear().select(
        "user_id", item_key="campaign_id", group="campaign_id", time="start"
    )
    period = Period(
        "from_october",
        SPLIT,
        history,
        user_ids,
        0,
        {TASK: Targets(TASK, user_ids, wanted)},
        catalogue(campaigns, np.zeros((len(campaigns), 0), dtype=np.int64), history),
        Slices({}, {}),
    )
    return Contest(NAME, "responses", state, {}, TASK, (period,), (state / PAIRS,))
