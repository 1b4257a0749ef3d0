"""Teaches retrievers by sampled softmax.

With the log-Q correction of Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
recommendations" (RecSys 2019).
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from training.models.lesson import Lesson
from training.models.retrievers import Retriever


class RetrieverLesson(Lesson):
    """Teaches a retriever: a batch is users of one cut-off, and the items that they share.

    Validation logs `recall`: of what users bought first in the horizon, the share among their `top`
    best items of the whole catalogue.
    """

    def __init__(
        self,
        model: Retriever,
        learning_rate: float,
        weight_decay: float,
        catalogue: Mapping[str, Tensor],
        top: int,
    ) -> None:
        """`catalogue` has the validation cut-off's items: `pool_row`, `pool_key__row`, `pool_float`."""
        super().__init__(learning_rate, weight_decay)
        self.model = model
        self.catalogue, self.top = catalogue, top

    def training_step(self, batch: Mapping[str, Tensor], _: int) -> Tensor:
        loss = sampled_softmax(self.model.user(batch) @ self._items(batch).T, batch)
        self.losses.append(float(loss.detach()))
        return loss

    def on_validation_epoch_start(self) -> None:
        self.vectors = self._items(self.catalogue)  # (I, D)

    def validation_step(self, batch: Mapping[str, Tensor], _: int) -> None:
        scores = self.model.user(batch) @ self.vectors.T
        found = recall(scores.masked_fill(batch["barred"], float("-inf")), batch, self.top)
        self.log("recall", found.mean(), batch_size=len(found), prog_bar=True)

    def _items(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.model.item(batch["pool_row"], batch["pool_key__row"], batch["pool_float"])


def recall(scores: Tensor, batch: Mapping[str, Tensor], top: int) -> Tensor:
    """(B, I) scores to (B,): the share of each user's purchases among its best `top` items."""
    best = scores.topk(min(top, scores.shape[-1]), dim=-1).indices
    chosen = torch.zeros_like(scores).scatter(1, best, 1.0)
    hits = chosen[batch["bought_user"], batch["bought_item"]]
    nothing = torch.zeros(len(scores))
    found = nothing.index_add(0, batch["bought_user"], hits)
    return found / nothing.index_add(0, batch["bought_user"], torch.ones_like(hits))


def sampled_softmax(logits: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """Mean over purchases (u, i) of -log softmax of i among the items that u could have bought first.

    The items left out of the draw are made up for by weighing each drawn one with 1 / q, so that the sum
    estimates that over the whole catalogue.

    Args:
        logits: (B, P) of the batch's users and its pool of items.
        batch: `pool_log_q` (P,) log of the probability that an item is drawn as a negative; `barred`
            (B, P) true where an item wasn't drawn, or the user owns or buys it; `bought_user`,
            `bought_item` (N,) the purchases, as positions in the batch and the pool.
    """
    negatives = (logits - batch["pool_log_q"]).masked_fill(batch["barred"], float("-inf"))
    rest = torch.logsumexp(negatives, dim=-1)  # (B,)
    own = logits[batch["bought_user"], batch["bought_item"]]  # (N,)
    return functional.softplus(rest[batch["bought_user"]] - own).mean()
