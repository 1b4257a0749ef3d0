"""What a peer has to reach before a comparison with it counts: 98 % of its known figure.

The figures were measured once, apart from this code: Complete Journey on weeks 51-52, trained on 1 to 50,
MovieLens-100K by leave-one-out, coupon response on campaigns from October to the end of the year. Other weeks
are harder or easier, most of all on `new`: a figure is therefore taken at the level of the weeks at hand, by
how a yardstick does in them: a plain method whose figure is known too. Those of Complete Journey have one
parameter, a half-life, which is tuned as those of the other peers are (`training/peers/tuned.json`). A
yardstick says the level within an interval: there a peer is below its floor where its whole paired interval
beside the yardstick is, and where the figure alone is below it the floor is reached within chance. A
yardstick's own figure sets the level, so it can't be missed and is no check. In those very weeks a figure
stands as it is, a yardstick's too. Coupon response has a yardstick as well: here, of campaigns that run into
weeks 51-52, only what was redeemed before them counts.

Figures of pairs are known of 244 candidates a person, 4.85 % of them taken. Here it is 512: AUC, log loss and
F1 of those are of another question, and are no floors.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from training.evaluation.sampled import Sampled, ratio
from training.leaderboard.judging import Measure
from training.leaderboard.leave_one_out import TASK as NEXT
from training.leaderboard.standings import CANDIDATES, Standings

JOURNEY, FILMS, COUPONS = "complete_journey", "movielens", "coupon_response"
KNOWN_AT = {JOURNEY: ("2017-12-11",)}  # the periods that the figures are of
SHARE = 0.98
Figures = Mapping[str, float]  # model: figure
FIGURES: Mapping[str, Mapping[Measure, Figures]] = {
    JOURNEY: {
        Measure("any", "recall@10"): {
            "popularity": 0.050,
            "personal_decay": 0.139,
            "tifu_knn": 0.142,
            "ease": 0.120,
            "als": 0.061,
            "bpr": 0.044,
            "item_knn": 0.056,
            "sasrec": 0.069,
            "gru4rec": 0.057,
            "lightgbm": 0.147,
        },
        Measure("any", "ndcg@10"): {
            "popularity": 0.141,
            "personal_decay": 0.342,
            "tifu_knn": 0.345,
            "ease": 0.291,
            "als": 0.139,
            "bpr": 0.123,
            "item_knn": 0.163,
            "sasrec": 0.171,
            "gru4rec": 0.152,
            "lightgbm": 0.354,
        },
        Measure("new", "ndcg@10"): {
            "popularity": 0.028,
            "tifu_knn": 0.030,
            "ease": 0.035,
            "als": 0.032,
            "bpr": 0.020,
            "item_knn": 0.028,
            "sasrec": 0.028,
            "gru4rec": 0.029,
            "lightgbm": 0.043,
        },
        Measure("basket", "recall@10"): {
            "popularity": 0.056,
            "personal_decay": 0.175,
            "tifu_knn": 0.177,
            "ease": 0.144,
            "als": 0.069,
            "bpr": 0.049,
            "item_knn": 0.060,
            "sasrec": 0.084,
            "gru4rec": 0.063,
            "lightgbm": 0.179,
        },
    },
    FILMS: {
        Measure(NEXT, "hit_rate@10"): {
            "popularity": 0.071,
            "item_knn": 0.187,
            "bpr": 0.116,
            "sasrec": 0.210,
        },
        Measure(NEXT, "ndcg@10"): {"sasrec": 0.109},
    },
    COUPONS: {
        Measure(CANDIDATES, "auc"): {"logistic": 0.842, "past_rate": 0.741},
        Measure(CANDIDATES, "average_precision"): {"logistic": 0.535, "past_rate": 0.352},
    },
}
YARDSTICKS: Mapping[tuple[str, str], str] = {
    (JOURNEY, "any"): "personal_decay",
    (JOURNEY, "new"): "popularity",
    (JOURNEY, "basket"): "personal_decay",
    (COUPONS, CANDIDATES): "past_rate",
}


@dataclass(frozen=True, slots=True)
class Floor:
    """`figure` as it was measured elsewhere, `wanted` of these weeks.

    `reached` is None of what was not measured, and of the yardstick itself. `at_most` is the upper end of
    what was found, beside the yardstick; without one it is what was found. `within_chance`: that upper end
    reaches, what was found does not.
    """

    model: str
    measure: Measure
    figure: float
    level: float  # of the weeks at hand, by the yardstick; 1 where there is none
    wanted: float
    found: float | None
    at_most: float | None
    reached: bool | None
    is_yardstick: bool = False
    within_chance: bool = False


def floors(standings: Standings) -> list[Floor]:
    """Every known figure of a peer of this contest's data set."""
    known = FIGURES.get(standings.contest.dataset, {})
    return [
        _floor(standings, measure, model, figure, yardstick)
        for measure, figures in known.items()
        for yardstick in (_yardstick(standings, measure, figures),)
        for model, figure in figures.items()
    ]


@dataclass(frozen=True, slots=True)
class _Yardstick:
    model: str
    figure: float
    found: Sampled

    @property
    def level(self) -> float:
        return self.found.value / self.figure


def _yardstick(standings: Standings, measure: Measure, figures: Figures) -> _Yardstick | None:
    dataset = standings.contest.dataset
    name = YARDSTICKS.get((dataset, measure.task), "")
    found = standings.get(name, measure)
    if found is None or standings.periods == KNOWN_AT.get(dataset):
        return None
    return _Yardstick(name, figures[name], found)


def _floor(
    standings: Standings,
    measure: Measure,
    model: str,
    figure: float,
    yardstick: _Yardstick | None,
) -> Floor:
    level = yardstick.level if yardstick else 1.0
    wanted = figure * level * SHARE
    found = standings.get(model, measure)
    if found is None:
        return Floor(model, measure, figure, level, wanted, None, None, None)
    value = found.value
    if yardstick is not None and yardstick.model == model:
        return Floor(model, measure, figure, level, wanted, value, None, None, is_yardstick=True)
    most = _most(found, yardstick)
    return Floor(
        model,
        measure,
        figure,
        level,
        wanted,
        value,
        most,
        most >= wanted,
        within_chance=value < wanted <= most,
    )


def _most(found: Sampled, yardstick: _Yardstick | None) -> float:
    high = ratio(found, yardstick.found).interval.high if yardstick else None
    return found.value if high is None or yardstick is None else high * yardstick.found.value
