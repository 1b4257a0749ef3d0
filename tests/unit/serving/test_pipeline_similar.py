from dataclasses import replace

import pytest

from serving.errors import Failed, OutsideError, TimedOut, Unavailable, UnknownItem
from serving.types import Reason, Removal, SimilarQuery
from tests.fakes.doors import FakeTriton
from tests.fakes.shop import KEYS, MODELS
from tests.fakes.shop_pipeline import Shop

OUTSIDE = [Unavailable("away"), TimedOut("late"), Failed("broken")]


def similar(key: int, **fields: object) -> SimilarQuery:
    return replace(SimilarQuery(str(key), key, 10, frozenset()), **fields)


async def test_similar_items_come_nearest_first_with_their_cosine():
    shop = Shop()
    answered = await shop.pipeline.similar(similar(200), shop.budget())
    assert [i.item_id for i in answered.items] == ["210", "220", "230", "240", "250"]
    assert answered.items[0].score == pytest.approx(0.9)
    assert answered.items[0].sources == ("similar",)
    assert not answered.cold_start
    assert shop.rows.reads == []


async def test_similar_items_leave_out_what_is_excluded_or_gone():
    shop = Shop()
    query = similar(470, excluded=frozenset({480}), page_size=3)
    answered = await shop.pipeline.similar(query, shop.budget())
    assert [i.item_id for i in answered.items] == ["490"]
    assert answered.items[0].score == pytest.approx(0.7)
    assert answered.removed == ((Removal.NOT_IN_SNAPSHOT, 3), (Removal.EXCLUDED, 1))


async def test_similar_items_are_cut_to_the_page():
    shop = Shop()
    answered = await shop.pipeline.similar(similar(200, page_size=2), shop.budget())
    assert [i.item_id for i in answered.items] == ["210", "220"]


@pytest.mark.parametrize("key", [7, None])
async def test_an_item_outside_the_catalogue_has_no_similar_items(key: int | None):
    shop = Shop()
    with pytest.raises(UnknownItem):
        await shop.pipeline.similar(SimilarQuery("x", key, 10, frozenset()), shop.budget())


async def test_an_item_that_the_model_does_not_know_gives_a_marked_empty_answer():
    shop = Shop()
    answered = await shop.pipeline.similar(similar(int(KEYS[-1])), shop.budget())
    assert answered.items == ()
    assert [d.reason for d in answered.degradations] == [Reason.OUT_OF_VOCABULARY]


@pytest.mark.parametrize("error", OUTSIDE)
async def test_similar_items_have_no_fallback(error: OutsideError):
    shop = Shop(triton=FakeTriton(MODELS, {"similar": error}))
    with pytest.raises(type(error)):
        await shop.pipeline.similar(similar(200), shop.budget())
