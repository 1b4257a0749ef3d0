"""Teaches the ranker by binary cross-entropy over thinned negatives, and what else people do beside."""

from collections.abc import Mapping
from math import log

import torch
from torch import Tensor
from torch.nn import functional

from training.models.lesson import Lesson
from training.models.ranker import Ranker


class RankerLesson(Lesson):
    """A batch is users of any cut-off, and all their candidates one under another.

    Negatives kept with a share s make the odds 1 / s too high: the model's offset is log s, so that what
    is validated is the true probability (He et al., "Practical lessons from predicting clicks on ads at
    Facebook", ADKDD 2014).

    The mean cross-entropy of the other actions, times `action_weight`, is added to the target's. They teach
    the body, and heads of their own; which epoch is best is for the target alone to say, and the
    curve is the target's.

    `listwise_weight` adds a softmax over each user's own candidates, which asks for their order alone; the
    cross-entropy keeps the probability (Bai et al., "Regression compatible listwise objectives for calibrated
    ranking", CIKM 2023).
    """

    def __init__(
        self,
        model: Ranker,
        learning_rate: float,
        weight_decay: float,
        negative_share: float,
        action_weight: float,
        listwise_weight: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.model = model
        self.model.offset.fill_(log(negative_share))
        self.action_weight = action_weight
        self.listwise_weight = listwise_weight

    def training_step(self, batch: Mapping[str, Tensor], _: int) -> Tensor:
        logits, bought = self.model.logits(batch, batch["mask"]), batch["bought"][batch["mask"]]
        loss = functional.binary_cross_entropy_with_logits(logits[:, 0], bought)
        self.losses.append(float(loss.detach()))
        if self.listwise_weight:
            order = listwise(logits[:, 0], batch["mask"], batch["bought"])
            loss = loss + self.listwise_weight * order
        if logits.shape[1] == 1:
            return loss
        done = batch["others"][batch["mask"]]
        beside = functional.binary_cross_entropy_with_logits(logits[:, 1:], done)
        return loss + self.action_weight * beside

    def validation_step(self, batch: Mapping[str, Tensor], _: int) -> None:
        logit = self.model.calibrated(self.model.logits(batch, batch["mask"])[:, 0])
        loss = functional.binary_cross_entropy_with_logits(logit, batch["bought"][batch["mask"]])
        self.log("log_loss", loss, batch_size=len(logit), prog_bar=True)


def listwise(logits: Tensor, mask: Tensor, bought: Tensor) -> Tensor:
    """Mean over users who took something of their cross-entropy between what they took and a softmax.

    Args:
        logits: (R,) of the candidates that are no padding, line by line.
        mask: (B, C) which those are.
        bought: (B, C) 1.0 or 0.0.
    """
    table = logits.new_full(mask.shape, -torch.inf).masked_scatter(mask, logits)
    taken = bought * mask
    counts = taken.sum(dim=1)
    surprise = (table.logsumexp(dim=1, keepdim=True) - table).masked_fill(~mask, 0.0)
    each = (surprise * taken).sum(dim=1) / counts.clamp(min=1.0)
    return each.sum() / (counts > 0).sum().clamp(min=1)
