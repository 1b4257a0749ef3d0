"""Finds an item's neighbours with the model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.features.item_inputs import ItemFiller
from serving.features.item_values import ReadItems
from serving.features.read_plan import ModelPlan
from serving.items import ItemSnapshot
from serving.types import Action, Degraded, Keys, ModelDoor, Reason

OUTPUTS = ("candidate_id", "candidate_score")


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Nearest first; none for an item that the model doesn't know."""

    keys: Keys  # (n,)
    cosine: NDArray[np.float32]  # (n,)
    oldest_us: int | None = None  # event time of the oldest row that the model took
    degradations: tuple[Degraded, ...] = ()  # of these rows


class Similar:
    """The same for everybody."""

    def __init__(
        self, door: ModelDoor, model: ModelPlan, snapshot: ItemSnapshot, items: ItemFiller
    ) -> None:
        self._door, self._model, self._snapshot, self._items = door, model, snapshot, items

    async def __call__(
        self, key: int, now_us: int, timeout_s: float, read: ReadItems | None = None
    ) -> Neighbours:
        """Raises OutsideError if the model doesn't answer in time."""
        keys = np.array([key], dtype=np.int64)
        items = self._items(self._snapshot.positions(keys), keys, now_us, read)
        outputs = await self._door.infer(
            self._model.triton_model, items.tensors, OUTPUTS, timeout_s
        )
        found = outputs["candidate_id"].ravel().astype(np.int64, copy=False)
        cosine = outputs["candidate_score"].ravel().astype(np.float32, copy=False)
        real = found >= 0
        return Neighbours(found[real], cosine[real], items.oldest_us, items.degradations)


def unless_known(neighbours: Keys, item_id: str) -> tuple[Degraded, ...]:
    """A model gives no neighbours of an item that came after its training."""
    if len(neighbours):
        return ()
    return (
        Degraded("similar", Reason.OUT_OF_VOCABULARY, Action.DROPPED_SOURCE, f"item {item_id}"),
    )
