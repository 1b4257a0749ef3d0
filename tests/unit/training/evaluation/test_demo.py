import io
from datetime import UTC, datetime

import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from rich.console import Console

from serving.rpc.validation import recommend_query
from tests.unit.training.evaluation.gateways import page
from training.demo import lively_user, recent_purchases, stranger
from training.evaluation.demo_tables import Titles, age, print_answer, print_person, print_similar

NOW = datetime(2024, 6, 3, tzinfo=UTC)
TITLES = Titles(
    pl.DataFrame(
        {
            "item_id": ["1", "2"],
            "item_key": [1, 2],
            "title": ["Bread of a bakery far away, sliced, 500 g", "Milk [bold]x"],
        }
    )
)


def printed(width: int, show: object, *arguments: object) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(*arguments, console)
    return console.file.getvalue()


def test_the_household_is_lively_and_always_the_same(
    purchases: pl.DataFrame, cutoff: datetime
) -> None:
    history = purchases.filter(pl.col("time") < cutoff)
    user = lively_user(history, cutoff)
    assert user == lively_user(history.sample(fraction=1, shuffle=True, seed=1), cutoff)
    assert not recent_purchases(history, user).is_empty()


def test_without_recent_purchases_some_household_is_shown(purchases: pl.DataFrame) -> None:
    assert lively_user(purchases.head(5), NOW.replace(year=2030)) in {
        str(u) for u in purchases.head(5)["user_id"]
    }


def test_recent_purchases_are_newest_first_each_item_once(
    purchases: pl.DataFrame, cutoff: datetime
) -> None:
    found = recent_purchases(purchases.filter(pl.col("time") < cutoff), "3")
    assert found["time"].to_list() == sorted(found["time"].to_list(), reverse=True)
    assert found["item_key"].is_unique().all()
    assert found.height <= 10


@pytest.mark.parametrize(
    "ids",
    [[7, 10, 9], [10**18], [0, 2**63 - 1], ["b", "ba", "a"], ["z" * 128], ["stranger-1"]],
)
def test_a_stranger_is_nobody_by_an_id_that_can_be_asked_for(ids: list) -> None:
    found = stranger(pl.DataFrame({"user_id": ids}))
    assert found not in {str(i) for i in ids}
    kind = "string" if isinstance(ids[0], str) else "integer"
    request = pb.RecommendRequest(user_id=found, surface=pb.SURFACE_PRODUCT)
    assert recommend_query(request, kind).person.user_id == found


def test_a_name_can_not_break_the_table_and_an_item_without_one_has_its_id() -> None:
    names = {"1": "\x1b[31mred\u202e", "2": "x" * 1024, "3": None, "4": "[/red] off"}
    keys = range(len(names))
    catalogue = {"item_id": list(names), "item_key": keys, "title": names.values()}
    titles = Titles(pl.DataFrame(catalogue))
    text = printed(80, print_similar, "3", page(*names), titles)
    assert text.replace("\n", "").isprintable()
    heading, *rows = text.strip().splitlines()
    assert heading == "Nearest to 3"
    begins = ("\\u{1b}[31mred\\u{202e}", "xxx", "3", "[/red] off")
    for row, begin in zip(rows, begins, strict=True):
        assert row.strip().startswith(begin)
        assert row.strip().endswith("25.0%")


@pytest.mark.parametrize("width", [80, 100])
def test_purchases_stand_beside_recommendations_within_the_width(width: int) -> None:
    recent = pl.DataFrame({"item_key": [2], "time": [NOW]})
    text = printed(width, print_person, "7", NOW, recent, page("1", "2"), TITLES)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    row = next(line for line in lines if "Bread" in line)
    assert "Milk [bold]x" in row
    assert "03 Jun" in row
    assert "25.0%" in row
    assert "repeat" in row


@pytest.mark.parametrize("width", [80, 140])
def test_long_names_go_on_below_and_are_never_cut(width: int) -> None:
    name = "Malted Mlk/Syrup/Pwdrs (Eggnog, 24    oz"
    titles = Titles(pl.DataFrame({"item_id": ["1"], "item_key": [1], "title": [name]}))
    recent = pl.DataFrame({"item_key": [1], "time": [NOW]})
    both = [pb.CANDIDATE_SOURCE_TWO_TOWER, pb.CANDIDATE_SOURCE_POPULAR]
    offered = pb.RecommendResponse(items=[pb.ScoredItem(item_id="1", score=0.5, sources=both)])
    text = printed(width, print_person, "7", NOW, recent, offered, titles)
    words = text.split()
    assert "\u2026" not in text
    assert all(words.count(word) == 2 for word in name.split())
    assert {"two-tower,", "popular"} <= set(words)
    if width == 140:
        assert text.count("Malted Mlk/Syrup/Pwdrs (Eggnog, 24 oz") == 2


def test_the_answer_tells_stages_bundle_features_age_and_degradations() -> None:
    answer = pb.Answer(
        bundle_id="b1",
        snapshot_version="s1",
        timings=[pb.StageTiming(stage="rank", duration_ms=2.34)],
        oldest_feature_age_s=7200,
        degradations=[
            pb.Degradation(
                stage="hydrate",
                reason=pb.DEGRADATION_REASON_STALE,
                action=pb.DEGRADATION_ACTION_SERVED_MARKED,
            )
        ],
    )
    text = printed(80, print_answer, answer, {"ranker": "f00d"})
    for part in (
        "rank 2.3",
        "b1",
        "snapshot s1",
        "ranker f00d",
        "2.0 hours",
        "hydrate: stale, served marked",
    ):
        assert part in text


def test_no_feature_used_is_told_apart_from_age_zero() -> None:
    assert age(pb.Answer()) == "no feature was used"
    assert age(pb.Answer(oldest_feature_age_s=0)) == "0 seconds"


def test_similar_items_have_a_cosine_and_no_chance() -> None:
    item = pb.ScoredItem(item_id="1", score=0.5, sources=[pb.CANDIDATE_SOURCE_SIMILAR])
    text = printed(80, print_similar, "2", pb.SimilarItemsResponse(items=[item]), TITLES)
    assert "0.50" in text
    assert "%" not in text
