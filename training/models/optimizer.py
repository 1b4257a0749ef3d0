"""How both models are taught: AdamW, its step size falling to almost nothing by the last step."""

from collections.abc import Iterable

import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.optim.lr_scheduler import LinearLR

LAST = 0.02  # of the first step's size


def falling(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float, steps: int
) -> OptimizerLRSchedulerConfig:
    taught = [p for p in parameters if p.requires_grad]
    optimizer = torch.optim.AdamW(taught, lr=learning_rate, weight_decay=weight_decay, fused=True)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {
            "scheduler": LinearLR(optimizer, 1.0, LAST, max(steps, 1)),
            "interval": "step",
        },
    }
