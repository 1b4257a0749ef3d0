"""Scores candidates with every member, all at once, and fuses the answers that come in time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.errors import Failed, OutsideError
from serving.features.read_plan import ReadPlan
from serving.policy import forgiven, members_asked
from serving.stages.fuse import Fusion
from serving.stages.gather import Gathered
from serving.types import Action, Degraded, ModelDoor, Reason

OUTPUT = "probability"

Answers = dict[str, NDArray[np.float32]]
Missed = dict[str, OutsideError]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates' probabilities, and by whom."""

    probability: NDArray[np.float32]  # (n,) calibrated, in the order of the candidates
    members: tuple[str, ...]  # that answered
    degradations: tuple[Degraded, ...] = ()  # one for each of the others


class Rank:
    """One call a member, with the same tensors. The door ends each that is late."""

    def __init__(self, door: ModelDoor, plan: ReadPlan, fusion: Fusion) -> None:
        self._door, self._fusion = door, fusion
        self._served = {name: plan.models[name].triton_model for name in fusion.members}

    async def __call__(self, gathered: Gathered, timeout_s: float) -> Ranked:
        """By as many members as can be asked in the time, and of these by all that answer.

        Raises:
            OutsideError: none of them does; the first one's.
        """
        count = members_asked(timeout_s, len(self._fusion.members))
        asked, unasked = self._fusion.members[:count], self._fusion.members[count:]
        answers, missed = await self._ask(asked, gathered, timeout_s)
        if not answers:
            raise missed[asked[0]]
        told = [forgiven("member", missed[name], name) for name in asked if name in missed]
        told += [_unasked(name, timeout_s) for name in unasked]
        return Ranked(self._fusion(answers), tuple(answers), tuple(told))

    async def again(
        self, gathered: Gathered, members: Sequence[str], timeout_s: float
    ) -> NDArray[np.float32]:
        """(n,) probabilities by exactly these members, to be compared with others of theirs.

        Raises:
            OutsideError: one of them doesn't answer.
        """
        answers, missed = await self._ask(members, gathered, timeout_s)
        if missed:
            raise next(iter(missed.values()))
        return self._fusion(answers)

    async def _ask(
        self, members: Sequence[str], gathered: Gathered, timeout_s: float
    ) -> tuple[Answers, Missed]:
        """What comes of each, in their order."""

        async def ask(name: str) -> NDArray[np.float32] | OutsideError:
            try:
                return await self._answer(self._served[name], gathered, timeout_s)
            except OutsideError as error:
                return error

        found = dict(zip(members, await asyncio.gather(*map(ask, members)), strict=True))
        answers = {n: one for n, one in found.items() if not isinstance(one, OutsideError)}
        missed = {n: one for n, one in found.items() if isinstance(one, OutsideError)}
        return answers, missed

    async def _answer(
        self, model: str, gathered: Gathered, timeout_s: float
    ) -> NDArray[np.float32]:
        outputs = await self._door.infer(model, gathered.tensors, [OUTPUT], timeout_s)
        probability = outputs[OUTPUT].ravel()[: gathered.count].astype(np.float32, copy=False)
        if len(probability) < gathered.count or not np.isfinite(probability).all():
            raise Failed(f"{model} did not give a number for each of {gathered.count} candidates")
        return probability


def _unasked(member: str, seconds: float) -> Degraded:
    left = f"{seconds * 1e3:.0f} ms were left to rank"
    return Degraded(member, Reason.NO_TIME, Action.DROPPED_MEMBER, left)
