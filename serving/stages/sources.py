"""The candidate sources: each proposes item keys for a person, best first and each once."""

from typing import Protocol

import numpy as np

from serving.features.inputs import UserFiller
from serving.features.read_plan import ModelPlan
from serving.features.rows import UserRows
from serving.types import ItemSnapshot, Keys, ModelDoor

MOST_POPULAR = 512  # proposed before filters and quotas


class Propose(Protocol):
    async def __call__(self, user: UserRows, now_us: int, timeout_s: float) -> Keys:
        """(n,) keys.

        Raises:
            OutsideError: the system behind the source doesn't answer in time.
        """
        ...


class Repeat:
    """What the person bought before, in the order in which the feature store keeps it."""

    def __init__(self, column: str) -> None:
        self._column = column

    async def __call__(self, user: UserRows, now_us: int, timeout_s: float) -> Keys:
        del now_us, timeout_s
        return user.items(self._column)


class TwoTower:
    """The items nearest to the person, by exact search inside the model's graph."""

    def __init__(self, door: ModelDoor, model: ModelPlan, fill: UserFiller) -> None:
        self._door, self._model, self._fill = door, model, fill

    async def __call__(self, user: UserRows, now_us: int, timeout_s: float) -> Keys:
        inputs = self._fill(user, now_us)
        outputs = await self._door.infer(
            self._model.triton_model, inputs, ["candidate_id"], timeout_s
        )
        keys: Keys = outputs["candidate_id"].ravel().astype(np.int64, copy=False)
        return keys[keys >= 0]


class Popular:
    """What sells best at the moment, the same for everybody."""

    def __init__(self, snapshot: ItemSnapshot) -> None:
        self._keys: Keys = snapshot.item_key[snapshot.popular[:MOST_POPULAR]]

    async def __call__(self, user: UserRows, now_us: int, timeout_s: float) -> Keys:
        del user, now_us, timeout_s
        return self._keys
