"""Scores candidates with the ranker."""

import numpy as np
from numpy.typing import NDArray

from serving.errors import Failed
from serving.features.read_plan import ModelPlan
from serving.stages.gather import Gathered
from serving.types import ModelDoor

OUTPUT = "probability"


class Rank:
    """One call for all candidates."""

    def __init__(self, door: ModelDoor, model: ModelPlan) -> None:
        self._door, self._model = door, model

    async def __call__(self, gathered: Gathered, timeout_s: float) -> NDArray[np.float32]:
        """(n,) calibrated probabilities, in the order of the candidates.

        Raises:
            OutsideError: the ranker doesn't answer in time, or not with numbers.
        """
        model = self._model.triton_model
        outputs = await self._door.infer(model, gathered.tensors, [OUTPUT], timeout_s)
        probability = outputs[OUTPUT].ravel()[: gathered.count].astype(np.float32, copy=False)
        if len(probability) < gathered.count or not np.isfinite(probability).all():
            raise Failed(f"{model} did not give a number for each of {gathered.count} candidates")
        return probability
