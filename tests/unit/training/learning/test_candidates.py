"""Offline candidates against a slow reading of the contract, user by user."""

import numpy as np
import polars as pl
import pytest
import torch

from tests.unit.training.bundle.shop import QUOTAS
from training.candidates import Sources, gather, popular, proposals, quotas_at, sources_at
from training.data import Prepared
from training.known import Known, with_rows
from training.learning.quotas import places_of
from training.learning.ranker_examples import Labels
from training.models.retrievers import NAMES, Retriever, Retrievers
from training.policy import MAX_CANDIDATES
from training.schema import Schema


def history(prepared: Prepared, known: Known) -> dict[int, list[int]]:
    frame = pl.read_parquet(prepared.folder / "views/user_history.parquet")
    rows = frame.filter(pl.col("event_timestamp") == known.cutoff)
    return dict(zip(rows["user_id"].to_list(), rows["owned_item"].to_list(), strict=True))


def best_by(retriever: Retriever, known: Known, user: int, owned: list[int]) -> list[int]:
    """Every item's score one at a time, sorted; the user's own left out."""
    one = with_rows(known.prepared, known.schema, known.user_inputs(np.array([user])))
    items = known.item_inputs(np.arange(len(known.prepared.item_keys))[None])
    rows = with_rows(known.prepared, known.schema, items)
    with torch.no_grad():
        vectors = retriever.item(rows["item_id__row"], rows["item_key__row"], rows["item_float"])
        scores = (vectors[0] @ retriever.user(one)[0]).tolist()
    keys = known.prepared.item_keys.tolist()
    order = sorted(range(len(keys)), key=lambda i: (-scores[i], keys[i]))
    return [keys[i] for i in order if keys[i] not in owned][:24]


def slowly_merged(proposals: dict[str, list[int]]) -> list[int]:
    taken: list[int] = []
    spare = 0
    for name, quota in QUOTAS.items():
        spare += quota
        for key in proposals[name]:
            if spare and key not in taken and len(taken) < MAX_CANDIDATES:
                taken.append(key)
                spare -= 1
    return taken


@pytest.mark.parametrize("exclude_purchased", [False, True])
def test_candidates_equal_a_slow_reading_of_the_contract(
    known: Known, sources: Sources, searches: Retrievers, *, exclude_purchased: bool
) -> None:
    everybody = np.arange(len(known.users.ids))
    users = known.user_inputs(everybody)
    found = gather(known, users, sources, exclude_purchased=exclude_purchased)
    owned_by = history(known.prepared, known)
    for i, user in enumerate(known.users.ids.to_list()):
        owned = owned_by[user]
        proposals = {
            "repeat": owned,
            **{name: best_by(searches[name], known, i, owned) for name in NAMES},
            "popular": sources.popular.tolist(),
        }
        if exclude_purchased:
            proposals = {n: [k for k in keys if k not in owned] for n, keys in proposals.items()}
        positions = found.positions[i][found.positions[i] >= 0]
        keys = known.prepared.item_keys[positions].tolist()
        assert keys == slowly_merged(proposals)
        for key, bits in zip(keys, found.sources[i].tolist(), strict=False):
            named = {name for bit, name in enumerate(sources.names) if bits >> bit & 1}
            assert named == {name for name, listed in proposals.items() if key in listed}


def test_a_stranger_is_proposed_what_the_searches_and_the_till_say(
    known: Known, sources: Sources
) -> None:
    users = known.user_inputs(np.array([0]))
    users["owned_item"][:] = -1
    found = gather(known, users, sources, exclude_purchased=False)
    repeat = 1 << sources.names.index("repeat")
    assert (found.positions >= 0).any()
    assert not (found.sources & repeat).any()


def test_best_sellers_come_by_popularity_and_then_by_key(prepared: Prepared) -> None:
    frame = pl.read_parquet(prepared.folder / "views/item_activity.parquet")
    for cutoff in (prepared.cutoffs[0], prepared.now):
        rows = frame.filter(pl.col("event_timestamp") == cutoff)
        ordered = rows.sort("popularity", "item_id", descending=[True, False], nulls_last=True)
        ids = dict(zip(prepared.item_ids.to_list(), prepared.item_keys.tolist(), strict=True))
        expected = [ids[i] for i in ordered["item_id"].to_list()]
        assert popular(prepared, cutoff).tolist() == expected[:512]


def test_labels_are_the_purchases_of_the_horizon(prepared: Prepared, known: Known) -> None:
    targets = pl.read_parquet(prepared.folder / "targets.parquet").filter(
        pl.col("cutoff") == known.cutoff
    )
    pairs = set(zip(targets["user_id"].to_list(), targets["item_key"].to_list(), strict=True))
    everything = np.arange(-1, len(prepared.item_keys))
    users = np.arange(len(known.users.ids))
    found = Labels(known).of(users, np.tile(everything, (len(users), 1)))
    for i, user in enumerate(known.users.ids.to_list()):
        bought = prepared.item_keys[everything[found[i]]].tolist()
        assert set(bought) == {item for u, item in pairs if u == user}


def test_a_retriever_without_a_quota_is_not_asked(
    prepared: Prepared, of: Schema, searches: Retrievers, known: Known
) -> None:
    quotas = {"repeat": 4, "sasrec": 4}
    few = sources_at(prepared, of, searches, quotas, known.cutoff, 24)
    assert set(few.searches) == {"sasrec"}
    assert set(proposals(known, few)) == set(few.names) == set(quotas)


def test_learned_quotas_find_as_much_as_any_other_share_of_the_list(
    prepared: Prepared, of: Schema, searches: Retrievers, known: Known
) -> None:
    """The list has room for the catalogue, so that nothing that a source finds may be missed."""
    quotas = quotas_at(prepared, of, searches, known.cutoff, 24)
    every = ("repeat", *NAMES, "popular")
    assert list(quotas) == [name for name in every if name in quotas]
    assert sum(quotas.values()) <= MAX_CANDIDATES
    assert quotas["repeat"] >= 16
    assert quotas["popular"] == 24  # its floor is above what it may propose here
    assert all(quotas[name] <= 24 for name in quotas if name != "repeat")
    limits = {"repeat": MAX_CANDIDATES} | dict.fromkeys(every[1:], 24)
    whole = proposals(known, sources_at(prepared, of, searches, limits, known.cutoff, 24))
    targets = pl.read_parquet(prepared.folder / "targets.parquet")
    for user, item in targets.filter(cutoff=known.cutoff).select("user_id", "item_key").iter_rows():
        if user in known.users.ids:
            row = np.array([known.users.ids.to_list().index(user)])
            places = {n: places_of(of_, row, np.array([item]))[0] for n, of_ in whole.items()}
            could = any(place < limits[name] for name, place in places.items())
            assert could == any(places[name] < quota for name, quota in quotas.items())
