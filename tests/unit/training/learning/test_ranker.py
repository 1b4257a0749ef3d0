"""A candidate's score is its own: alone, in any batch, in any order, with any padding."""

import numpy as np
import pytest
import torch

from training.known import Known, Raw, with_rows
from training.models.ranker import Ranker
from training.models.ranker_lesson import RankerLesson


def scores(known: Known, ranker: Ranker, raw: Raw) -> np.ndarray:
    with torch.no_grad():
        return ranker(with_rows(known.prepared, known.schema, raw)).numpy()


def batch(known: Known, users: list[int], positions: list[list[int]]) -> Raw:
    return known.user_inputs(np.array(users)) | known.item_inputs(np.array(positions))


def test_a_score_alone_is_that_of_any_batch_order_and_padding(known: Known, ranker: Ranker) -> None:
    draw = np.random.default_rng(1)
    items = np.stack([draw.permutation(len(known.prepared.item_keys))[:30] for _ in range(4)])
    whole = scores(known, ranker, batch(known, [0, 3, 7, 8], items.tolist()))
    for row, user in enumerate([0, 3, 7, 8]):
        for column in (0, 13, 29):
            alone = scores(known, ranker, batch(known, [user], [[int(items[row, column])]]))
            assert alone[0, 0] == pytest.approx(whole[row, column], abs=1e-6)
    padded = np.concatenate([items[:, ::-1], np.full((4, 34), -1)], axis=1)
    found = scores(known, ranker, batch(known, [0, 3, 7, 8], padded.tolist()))
    assert found[:, :30][:, ::-1] == pytest.approx(whole, abs=1e-6)


def test_a_masked_place_has_probability_0(known: Known, ranker: Ranker) -> None:
    found = scores(known, ranker, batch(known, [0], [[5, -1, 6]]))
    assert found[0, 1] == 0.0
    assert (found[0, [0, 2]] > 0).all()


def test_lists_at_their_full_length_score_as_lists_cut_to_the_longest(
    known: Known, ranker: Ranker
) -> None:
    raw = batch(known, [1, 2], [[0, 1, 2], [3, 4, 5]])
    short = scores(known, ranker, raw)
    for listed in known.schema.of_kind("user_list"):
        values = raw[listed.name]
        null = -1 if listed.dtype == "int64" else np.nan
        wide = np.full((len(values), listed.length), null, dtype=values.dtype)
        wide[:, : values.shape[1]] = values
        raw[listed.name] = wide
    assert scores(known, ranker, raw) == pytest.approx(short, abs=1e-6)


def test_a_stranger_and_an_unknown_item_have_a_score(known: Known, ranker: Ranker) -> None:
    raw = batch(known, [0], [[0, 1]])
    for wanted in known.schema.of_kind("user", "user_list", "item"):
        raw[wanted.name][:] = -1 if wanted.dtype == "int64" else np.nan
    raw["item_id"][:] = 987_654_321
    found = scores(known, ranker, raw)
    assert np.isfinite(found).all()
    assert (found > 0).all()


def test_the_tower_inside_is_neither_taught_nor_made_to_drop_out(ranker: Ranker) -> None:
    try:
        lesson = RankerLesson(ranker, 1e-3, 1e-2, 0.35, action_weight=0.0).train()
        assert lesson.model.network.training
        assert not any(m.training for m in lesson.model.tower.modules())
        assert not any(p.requires_grad for p in lesson.model.tower.parameters())
    finally:
        ranker.offset.zero_()
        ranker.eval()


def test_a_new_rankers_tower_drops_nothing_out_either(ranker: Ranker) -> None:
    """Examples are made by it before it is taught."""
    fresh = Ranker(ranker.config)
    assert fresh.training
    assert not any(module.training for module in fresh.tower.modules())


def test_thinned_negatives_are_made_up_for_in_the_odds(known: Known, ranker: Ranker) -> None:
    raw = batch(known, [0], [[0, 1, 2]])
    before = scores(known, ranker, raw)
    try:
        RankerLesson(ranker, 1e-3, 1e-2, 0.25, action_weight=0.0)
        after = scores(known, ranker, raw)
    finally:
        ranker.offset.zero_()
    odds = (after / (1 - after)) / (before / (1 - before))
    assert odds == pytest.approx(np.full((1, 3), 0.25), rel=1e-4)


def test_a_new_ranker_drops_nothing_out_of_the_scores_inside(ranker: Ranker) -> None:
    """Examples are made before anything is taught: by the scores that will be served."""
    made = Ranker(ranker.config)
    assert not any(m.training for m in made.tower.modules())
