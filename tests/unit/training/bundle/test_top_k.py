from collections.abc import Mapping

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from training.bundle.graph import export_graph
from training.data import Vocabulary
from training.models.top_k import SimilarTopK, UserTopK, everything
from training.schema import Input, eligible

ITEMS, DIMENSION = 40, 8
KEYS = np.arange(ITEMS, dtype=np.int64) * 10 + 7


class GivenVector(nn.Module):
    """Stands where the user tower stands: the vector comes in as it is."""

    def user(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return inputs["vector"]


@pytest.fixture
def vectors() -> Tensor:
    return torch.from_numpy(
        np.random.default_rng(0).normal(size=(ITEMS, DIMENSION)).astype(np.float32)
    )


def retriever(vectors: Tensor, k: int) -> UserTopK:
    return UserTopK(GivenVector(), vectors, torch.from_numpy(KEYS), k)  # type: ignore[arg-type]


def best_first(scores: np.ndarray, barred: set[int], k: int) -> list[int]:
    """Keys by brute force: highest score, then lowest position."""
    places = sorted(set(range(ITEMS)) - barred, key=lambda i: (-scores[i], i))[:k]
    return [int(KEYS[i]) for i in places]


def test_a_user_gets_the_best_items_that_the_list_does_not_hold(vectors: Tensor):
    draw = np.random.default_rng(1)
    users = draw.normal(size=(5, DIMENSION)).astype(np.float32)
    rows = draw.integers(0, ITEMS + 2, (5, 12))
    keys, scores = retriever(vectors, 6)(
        {
            "vector": torch.from_numpy(users),
            "owned_item__row": torch.from_numpy(rows),
            "eligible": everything(5, ITEMS),
        }
    )
    expected = users @ vectors.numpy().T
    for user in range(5):
        barred = {int(row) - 2 for row in rows[user] if row >= 2}
        assert keys[user].tolist() == best_first(expected[user], barred, 6)
        places = [KEYS.tolist().index(key) for key in keys[user].tolist()]
        np.testing.assert_allclose(scores[user], expected[user, places], atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_user_gets_the_best_of_what_is_eligible_as_many_as_there_are(
    vectors: Tensor, share: float
):
    draw = np.random.default_rng(3)
    users = draw.normal(size=(6, DIMENSION)).astype(np.float32)
    rows = draw.integers(0, ITEMS + 2, (6, 5))
    eligible = draw.random((6, ITEMS)) < share
    keys, scores = retriever(vectors, 6)(
        {
            "vector": torch.from_numpy(users),
            "owned_item__row": torch.from_numpy(rows),
            "eligible": torch.from_numpy(eligible),
        }
    )
    expected = users @ vectors.numpy().T
    for user in range(6):
        barred = {int(row) - 2 for row in rows[user] if row >= 2}
        barred |= set(np.flatnonzero(~eligible[user]).tolist())
        best = best_first(expected[user], barred, 6)
        assert keys[user].tolist() == best + [-1] * (6 - len(best))
        assert torch.isnan(scores[user, len(best) :]).all()


def test_equal_scores_come_by_key_in_the_framework_and_in_the_graph():
    same = torch.ones(ITEMS, DIMENSION)
    same[11] *= 2
    module = retriever(same, 5)
    rows = torch.tensor([[2, 4]])
    keys, _ = module(
        {
            "vector": torch.ones(1, DIMENSION),
            "owned_item__row": rows,
            "eligible": everything(1, ITEMS),
        }
    )
    assert keys.tolist() == [[KEYS[11], KEYS[1], KEYS[3], KEYS[4], KEYS[5]]]
    vocabulary = Vocabulary(KEYS, np.arange(2, ITEMS + 2), ITEMS + 2)
    graph = export_graph(
        module.eval(),
        [
            Input("vector", "user", "float32", tuple("abcdefgh")),
            Input("owned_item", "user_list", "int64", ("v.owned_item",), 2),
            eligible(ITEMS),
        ],
        ["candidate_id", "candidate_score"],
        {"owned_item": (vocabulary,)},
    )
    served = onnxruntime.InferenceSession(graph.SerializeToString()).run(
        None,
        {
            "vector": np.ones((1, DIMENSION), np.float32),
            "owned_item": KEYS[[[0, 2]]],
            "eligible": np.ones((1, ITEMS), np.bool_),
        },
    )
    assert served[0].tolist() == keys.tolist()


def test_places_without_an_item_left_hold_no_item_and_no_score(vectors: Tensor):
    rows = torch.arange(2, ITEMS).unsqueeze(0)  # all but two items
    given = {
        "vector": torch.ones(1, DIMENSION),
        "owned_item__row": rows,
        "eligible": everything(1, ITEMS),
    }
    keys, scores = retriever(vectors, 4)(given)
    assert set(keys[0, :2].tolist()) == {int(KEYS[-1]), int(KEYS[-2])}
    assert keys[0, 2:].tolist() == [-1, -1]
    assert torch.isnan(scores[0, 2:]).all()
    more, _ = retriever(vectors, ITEMS + 3)(given)
    assert more.shape == (1, ITEMS + 3)
    assert (more[0, 2:] == -1).all()


def test_a_catalogue_smaller_than_the_list_is_exported_with_the_lists_length(vectors: Tensor):
    graph = export_graph(
        retriever(vectors, ITEMS + 3).eval(),
        [
            Input("vector", "user", "float32", tuple("abcdefgh")),
            Input("owned_item", "user_list", "int64", ("v.owned_item",), 2),
            eligible(ITEMS),
        ],
        ["candidate_id", "candidate_score"],
        {"owned_item": (Vocabulary(KEYS, np.arange(2, ITEMS + 2), ITEMS + 2),)},
    )
    for output in graph.graph.output:
        batch, length = output.type.tensor_type.shape.dim
        assert (batch.dim_param, length.dim_value) == ("B", ITEMS + 3)
    served = onnxruntime.InferenceSession(graph.SerializeToString()).run(
        None,
        {
            "vector": np.ones((4, DIMENSION), np.float32),
            "owned_item": np.full((4, 2), -1),
            "eligible": np.ones((4, ITEMS), np.bool_),
        },
    )
    assert served[0].shape == (4, ITEMS + 3)


def test_a_user_vector_of_nan_proposes_nothing(vectors: Tensor):
    given = {
        "vector": torch.full((1, DIMENSION), float("nan")),
        "owned_item__row": torch.ones(1, 3, dtype=torch.int64),
        "eligible": everything(1, ITEMS),
    }
    keys, scores = retriever(vectors, 4)(given)
    assert keys.tolist() == [[-1] * 4]
    assert torch.isnan(scores).all()


def test_similar_items_are_the_nearest_by_cosine_without_the_popularity(vectors: Tensor):
    keys, scores = SimilarTopK(vectors, torch.from_numpy(KEYS), 5)(
        {"item_id__row": torch.tensor([[2], [9], [ITEMS + 1]])}
    )
    plain = vectors.numpy()[:, :-1]
    unit = plain / np.linalg.norm(plain, axis=1, keepdims=True)
    for line, item in enumerate((0, 7, ITEMS - 1)):
        cosine = unit @ unit[item]
        assert keys[line].tolist() == best_first(cosine, {item}, 5)
        np.testing.assert_allclose(
            scores[line], np.sort(np.delete(cosine, item))[:-6:-1], atol=1e-5
        )


@pytest.mark.parametrize("row", [0, 1])
def test_an_item_out_of_vocabulary_resembles_nothing(vectors: Tensor, row: int):
    module = SimilarTopK(vectors, torch.from_numpy(KEYS), 5)
    keys, scores = module({"item_id__row": torch.tensor([[5], [row]])})
    assert (keys[0] >= 0).all()
    assert keys[1].tolist() == [-1] * 5
    assert torch.isnan(scores[1]).all()


def test_the_answer_is_the_same_alone_and_in_any_batch(vectors: Tensor):
    draw = np.random.default_rng(2)
    given = {
        "vector": torch.from_numpy(draw.normal(size=(7, DIMENSION)).astype(np.float32)),
        "owned_item__row": torch.from_numpy(draw.integers(0, ITEMS + 2, (7, 12))),
        "eligible": torch.from_numpy(draw.random((7, ITEMS)) < 0.5),
    }
    module = retriever(vectors, 10)
    keys, scores = module(given)
    for user in range(7):
        one, value = module({name: t[user : user + 1] for name, t in given.items()})
        assert one[0].tolist() == keys[user].tolist()
        torch.testing.assert_close(value[0], scores[user], atol=1e-5, rtol=0)
