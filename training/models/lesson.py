"""What every lesson of a model has: its curve, a line an epoch, and AdamW with a falling step size."""

import pytorch_lightning as lightning
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig

from training.models.optimizer import falling


class Lesson(lightning.LightningModule):
    """Whoever inherits adds the loss of each step to `losses`."""

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.losses: list[float] = []
        self.curves: list[dict[str, float]] = []

    def on_train_epoch_end(self) -> None:
        measures = {name: float(v) for name, v in self.trainer.callback_metrics.items()}
        loss = sum(self.losses) / len(self.losses)
        self.curves.append({"epoch": self.current_epoch + 1, "train_loss": loss, **measures})
        self.losses.clear()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        steps = int(self.trainer.estimated_stepping_batches)
        return falling(self.parameters(), self.learning_rate, self.weight_decay, steps)
