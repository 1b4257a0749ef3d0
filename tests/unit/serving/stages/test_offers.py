import numpy as np
import pytest

from serving.stages.offers import Offers, at_least_one
from serving.types import Keys, Removal
from tests.fakes.shop import KEYS, NOW_US, shop_offers, shop_snapshot

PROMOTION, AD = "SURFACE_PROMOTION", "SURFACE_AD"


def offers() -> Offers:
    return Offers(shop_offers(), shop_snapshot())


def names(keys: Keys) -> list[str]:
    return [str(key) for key in keys.tolist()]


def test_the_items_of_running_offers_are_candidates_best_selling_first():
    running = offers().running(PROMOTION, frozenset(), NOW_US)
    assert running.offers.tolist() == [0, 1]
    assert running.keys.tolist() == KEYS[[11, 10, 2, 1]].tolist()
    assert running.removed == ((Removal.NOT_RUNNING, 1),)


def test_an_offer_runs_from_its_start_until_before_its_end():
    table = shop_offers()
    for now_us, count in [(table.start_us[0] - 1, 0), (table.start_us[0], 3), (NOW_US - 1, 3)]:
        assert len(offers().running(PROMOTION, frozenset(), now_us).offers) == count


def test_offers_are_excluded_by_their_id_and_counted():
    running = offers().running(PROMOTION, frozenset({"fair", "nothing"}), NOW_US)
    assert running.offers.tolist() == [0]
    assert running.removed == ((Removal.NOT_RUNNING, 1), (Removal.EXCLUDED, 1))


def test_an_offer_whose_items_are_not_held_is_counted():
    table = shop_offers()
    bare = Offers(
        type(table)(
            table.offer_id, table.surface, table.start_us, table.end_us, table.weight,
            table.offer[:2], table.row[:2],
        ),
        shop_snapshot(),
    )  # fmt: skip
    running = bare.running(PROMOTION, frozenset(), NOW_US)
    assert (Removal.NOT_IN_SNAPSHOT, 1) in running.removed


def test_an_offer_is_as_probable_as_at_least_one_of_its_items():
    running = offers().running(PROMOTION, frozenset(), NOW_US)
    probability = np.array([0.5, 0.2, 0.1, 0.3], dtype=np.float32)  # of items 11, 10, 2, 1
    slate = offers().slate(running, running.keys, probability, 10, names)
    assert [i.item_id for i in slate.items] == ["fair", "cheap"]
    assert [i.score for i in slate.items] == pytest.approx([1 - 0.5 * 0.8, 1 - 0.9 * 0.7])
    assert [i.target_item_ids for i in slate.items] == [("210", "200"), ("110", "120")]
    assert slate.first_target.tolist() == [0, 3]


def test_weights_order_offers_and_leave_their_probability():
    running = offers().running(AD, frozenset(), NOW_US)
    probability = np.array([0.1, 0.9], dtype=np.float32)  # of items 12 (paid) and 10 (tiny)
    slate = offers().slate(running, running.keys, probability, 10, names)
    assert [i.item_id for i in slate.items] == ["paid", "tiny"]
    assert [i.score for i in slate.items] == pytest.approx([0.1, 0.9])


def test_an_offer_is_judged_by_the_items_that_are_left():
    running = offers().running(PROMOTION, frozenset(), NOW_US)
    left = np.array([KEYS[10]])
    slate = offers().slate(running, left, np.array([0.25], dtype=np.float32), 10, names)
    (fair,) = slate.items
    assert (fair.item_id, fair.target_item_ids) == ("fair", ("200",))
    assert fair.score == pytest.approx(0.25)


def test_without_probabilities_offers_come_by_weight_and_without_scores():
    running = offers().running(AD, frozenset(), NOW_US)
    slate = offers().slate(running, running.keys, None, 1, names)
    assert [(i.item_id, i.score) for i in slate.items] == [("paid", None)]


def test_a_certain_item_makes_a_certain_offer():
    found = at_least_one(np.array([1.0, 0.5], dtype=np.float32), np.array([0, 0]))
    assert found == pytest.approx([1.0], abs=1e-6)
    assert np.isfinite(found).all()
