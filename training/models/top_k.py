"""Exact retrieval inside the graph: a query against every item of the catalogue.

Item i of the catalogue has row i + FIRST_ROW in the item vocabulary. Best first; of equal scores the
one of the lower row, which is the one of the lower key, comes first. A place for which no item is left
holds the id -1 and the score NaN.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.retrievers import Retriever

FIRST_ROW = 2
NO_ITEM = -1


class UserTopK(nn.Module):
    """The user tower with the catalogue's vectors: eligible items, less what the user's list holds."""

    def __init__(
        self, retriever: Retriever, item_vectors: Tensor, item_keys: Tensor, k: int
    ) -> None:
        """Takes the (I, D + 1) vectors of `TwoTower.item` and the (I,) ascending keys."""
        super().__init__()
        self.retriever = retriever
        self.best = Best(item_keys, k)
        self.register_buffer("item_vectors", item_vectors.detach().T.contiguous())
        self.item_vectors: Tensor  # (D + 1, I)

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The tower's inputs and `eligible` (B, I) to `candidate_id` and `candidate_score`, each (B, K)."""
        scores = torch.matmul(self.retriever.user(inputs), self.item_vectors)  # (B, I)
        barred = barred_rows(inputs["owned_item__row"], scores) | ~inputs["eligible"]
        return self.best(scores.masked_fill(barred, float("-inf")))  # type: ignore[no-any-return]


class SimilarTopK(nn.Module):
    """The items nearest to one by cosine; never itself, and nothing for an item out of vocabulary."""

    def __init__(self, item_vectors: Tensor, item_keys: Tensor, k: int) -> None:
        """Takes what UserTopK takes; the popularity in the last coordinate plays no part here."""
        super().__init__()
        self.best = Best(item_keys, k)
        self.register_buffer("unit", functional.normalize(item_vectors.detach()[:, :-1], dim=-1))
        self.unit: Tensor  # (I, D)

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """`item_id__row` (B, 1) to `candidate_id` and `candidate_score`, each (B, K)."""
        row = inputs["item_id__row"]
        query = self.unit[(row - FIRST_ROW).clamp(min=0).squeeze(-1)]  # (B, D)
        scores = torch.matmul(query, self.unit.T)
        barred = barred_rows(row, scores) | (row < FIRST_ROW)
        return self.best(scores.masked_fill(barred, float("-inf")))  # type: ignore[no-any-return]


class Best(nn.Module):
    """The k best of each line of scores, as keys."""

    def __init__(self, item_keys: Tensor, k: int) -> None:
        super().__init__()
        self.k, self.items = k, len(item_keys)
        self.register_buffer("item_keys", item_keys.detach().clone())
        self.item_keys: Tensor

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """(B, I) scores, -inf where barred, to keys and scores (B, k)."""
        scores = torch.where(torch.isnan(scores), float("-inf"), scores)
        if self.k > self.items:
            scores = functional.pad(scores, (0, self.k - self.items), value=float("-inf"))
        values, places = _top(scores, self.k)
        none = torch.isinf(values)
        keys = self.item_keys[places.clamp(max=self.items - 1)]
        return torch.where(none, NO_ITEM, keys), torch.where(none, float("nan"), values)


def everything(users: int, items: int) -> Tensor:
    """`eligible` (B, I) of users who wish for nothing."""
    return torch.ones(1, items, dtype=torch.bool).expand(users, -1)


def barred_rows(rows: Tensor, scores: Tensor) -> Tensor:
    """(B, L) vocabulary rows to (B, I), true at the items named."""
    wide = scores.new_zeros(scores.shape[0], scores.shape[1] + FIRST_ROW)
    return wide.scatter(1, rows, 1.0)[:, FIRST_ROW:] > 0


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """ONNX's TopK takes the lower position of equals; torch's any, its stable sort the lower."""
    if torch.onnx.is_in_onnx_export():
        best = torch.topk(scores, k, dim=-1)
        return best.values, best.indices
    ordered = torch.sort(scores, dim=-1, descending=True, stable=True)
    return ordered.values[..., :k], ordered.indices[..., :k]
