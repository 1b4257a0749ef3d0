from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tests.unit.training.peers.conftest import Bought
from training.peers.coded import coded
from training.peers.tifu_knn import TifuKnn, basket_weights, rank


def test_baskets_weigh_by_their_place_in_a_group_and_by_the_groups(
    bought: Bought, cutoff: datetime
) -> None:
    # Five baskets in groups of two from the latest: (5, 4), (3, 2), (1). User 2 has one basket.
    history = bought([(1, basket, basket, 60 - 10 * basket) for basket in range(1, 6)])
    at = coded(pl.concat([history, bought([(2, 1, 9, 3)])]), cutoff)
    found = basket_weights(at, TifuKnn(group_size=2, within_decay=0.5, group_decay=0.1))
    newest_first = [1 / 2, 0.5 / 2, 0.1 / 2, 0.05 / 2, 0.01]
    assert found[:5][::-1] == pytest.approx(np.array(newest_first) / 3)
    assert found[5] == 1


def test_a_user_is_mixed_with_the_nearest(bought: Bought, cutoff: datetime) -> None:
    # User 2 shares user 1's item and is nearest; user 3, far away, has a basket of many.
    rows = [(1, 10, 1, 5), (2, 10, 2, 5), (2, 11, 2, 5)]
    rows += [(3, item, 3, 5) for item in range(20, 26)]
    parameters = TifuKnn(neighbours=1, own_share=0.6)
    found = rank(bought(rows), cutoff, pl.Series([1]), 3, parameters, seed=0)
    # 10: 0.6 + 0.4, 11: 0.4, then nothing but popularity, a tie that the smaller key wins.
    assert found.any.tolist() == [[10, 11, 20]]
    assert found.new.tolist() == [[11, 20, 21]]


def test_what_all_buy_does_not_say_who_is_near(bought: Bought, cutoff: datetime) -> None:
    # All but 4 buy 10, which is most of 1's baskets and of 2's; 1 shares the rare 11 with 3 alone.
    rows = [(user, 10, 10 * user + n, 5) for user in (1, 2, 3) for n in range(3)]
    rows += [(1, 11, 11, 5), (2, 14, 20, 5), (3, 11, 31, 5)]
    rows += [(3, item, 32, 5) for item in (12, 13, 16, 17)]
    history = bought([*rows, (4, 15, 40, 5)])
    for rarity, wanted in ((0.0, [14]), (2.0, [12])):
        parameters = TifuKnn(1, 1, 1, neighbours=1, own_share=0.5, rarity=rarity)
        assert rank(history, cutoff, pl.Series([1]), 1, parameters, seed=0).new.tolist() == [wanted]


def test_who_has_only_what_all_have_is_served(bought: Bought, cutoff: datetime) -> None:
    history = bought([(1, 5, 1, 2), (2, 5, 2, 2), (3, 5, 3, 2)])
    found = rank(history, cutoff, pl.Series([1]), 2, TifuKnn(neighbours=1), seed=0)
    assert found.any.tolist() == [[5, -1]]


@pytest.mark.parametrize("rarity", [0.0, 1.5])
def test_it_is_the_definition_written_out(
    shop: pl.DataFrame, cutoff: datetime, rarity: float
) -> None:
    parameters = TifuKnn(3, 0.8, 0.6, neighbours=4, own_share=0.3, rarity=rarity)
    keys = sorted(set(shop["item_key"]))
    vectors = {u: vector(shop.filter(user_id=u), keys, parameters) for u in range(1, 31)}
    buyers = np.sum([of > 0 for of in vectors.values()], axis=0)
    told = {user: of * np.log(30 / buyers) ** rarity for user, of in vectors.items()}
    users = pl.Series([4, 17])
    found = rank(shop, cutoff, users, 12, parameters, seed=0)
    for user, page in zip(users, found.any.tolist(), strict=True):
        mine = vectors[user]
        others = sorted(
            (u for u in vectors if u != user),
            key=lambda u, to=told[user]: -(told[u] @ to) / np.linalg.norm(told[u]),
        )
        near = np.mean([vectors[u] for u in others[:4]], axis=0)
        scores = dict(zip(keys, 0.3 * mine + 0.7 * near, strict=True))
        assert [scores[key] for key in page] == pytest.approx(
            sorted(scores.values(), reverse=True)[:12], rel=1e-5
        )


def vector(history: pl.DataFrame, keys: list[int], parameters: TifuKnn) -> np.ndarray:
    baskets = [
        np.isin(keys, basket["item_key"]).astype(float)
        for _, basket in history.sort("time", descending=True).group_by(
            "group", maintain_order=True
        )
    ]
    size = parameters.group_size
    groups = [baskets[start : start + size] for start in range(0, len(baskets), size)]
    decayed = [
        np.mean([parameters.within_decay**n * basket for n, basket in enumerate(group)], axis=0)
        for group in groups
    ]
    found: np.ndarray = np.mean(
        [parameters.group_decay**n * group for n, group in enumerate(decayed)], axis=0
    )
    return found


def test_a_user_alone_in_the_shop_is_served(bought: Bought, cutoff: datetime) -> None:
    found = rank(bought([(1, 5, 1, 2)]), cutoff, pl.Series([1, 2]), 2, TifuKnn(), seed=0)
    assert found.any.tolist() == [[5, -1], [5, -1]]
