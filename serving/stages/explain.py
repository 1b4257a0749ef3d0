"""Tells which features speak for and against an item: what its score loses without them.

One feature view at a time is taken as missing, as if the person or the item had no row of it, and the
same members score the slate again (removal-based explanation; Covert, Lundberg and Lee, "Explaining by
Removing", JMLR 2021). A candidate's score is independent of the others, so the slate alone is scored.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serving.features.inputs import NULLS
from serving.features.item_inputs import padded
from serving.features.read_plan import InputPlan, ModelPlan
from serving.stages.fuse import log_odds
from serving.stages.gather import Gathered
from serving.stages.rank import Rank, Ranked
from serving.types import Contribution, Tensors

MOST_EXPLAINED = 100  # items of an answer
BY_CANDIDATE = ("item", "item_id", "mask")  # kinds of input whose dimension 1 is the candidates

Explanations = tuple[tuple[Contribution, ...], ...]


class Explain:
    """One call a member for each view that the members read, all at once."""

    def __init__(self, rank: Rank, model: ModelPlan) -> None:
        self._rank, self._model = rank, model
        columns = [column for wanted in model.inputs for column in wanted.columns]
        self._views = tuple(dict.fromkeys(column.partition(".")[0] for column in columns))

    async def __call__(
        self,
        gathered: Gathered,
        positions: NDArray[np.int64],
        ranked: Ranked,
        timeout_s: float,
    ) -> Explanations:
        """For those of the `ranked` candidates that are at `positions` (n,): largest effect first.

        Raises:
            OutsideError: a member that ranked them doesn't answer in time, or not with numbers.
        """
        chosen = self._narrowed(gathered, positions)
        without = await asyncio.gather(
            *(
                self._rank.again(self._blinded(chosen, view), ranked.members, timeout_s)
                for view in self._views
            )
        )
        effects = log_odds(ranked.probability[positions])[None] - log_odds(np.stack(without))
        return tuple(self._told(effects[:, at]) for at in range(len(positions)))

    def _told(self, effects: NDArray[np.float64]) -> tuple[Contribution, ...]:
        order = np.argsort(-np.abs(effects), kind="stable").tolist()
        return tuple(Contribution(self._views[at], float(effects[at])) for at in order)

    def _narrowed(self, gathered: Gathered, positions: NDArray[np.int64]) -> Gathered:
        """The inputs of the chosen candidates alone."""
        width = padded(len(positions), self._model.pad_to)
        tensors = {
            wanted.name: _taken(wanted, gathered.tensors[wanted.name], positions, width)
            for wanted in self._model.inputs
        }
        return Gathered(tensors, len(positions), gathered.oldest_us, ())

    def _blinded(self, gathered: Gathered, view: str) -> Gathered:
        """The same inputs with the view's values missing."""
        tensors: Tensors = dict(gathered.tensors) | {
            wanted.name: _without(wanted, gathered.tensors[wanted.name], view)
            for wanted in self._model.inputs
            if any(_of(column, view) for column in wanted.columns)
        }
        return Gathered(tensors, gathered.count, gathered.oldest_us, ())


def _taken(
    wanted: InputPlan, tensor: NDArray[np.generic], positions: NDArray[np.int64], width: int
) -> NDArray[np.generic]:
    if wanted.kind not in BY_CANDIDATE:
        return tensor
    taken = np.full((1, width, *tensor.shape[2:]), NULLS[wanted.dtype], dtype=tensor.dtype)
    taken[:, : len(positions)] = tensor[:, positions]
    return taken


def _without(wanted: InputPlan, tensor: NDArray[np.generic], view: str) -> NDArray[np.generic]:
    """A list belongs to one view; of scalars, the view's are the last dimension's places."""
    blinded = tensor.copy()
    if wanted.kind == "user_list":
        blinded[...] = NULLS[wanted.dtype]
    else:
        blinded[..., _places(wanted.columns, view)] = NULLS[wanted.dtype]
    return blinded


def _places(columns: Sequence[str], view: str) -> list[int]:
    return [place for place, column in enumerate(columns) if _of(column, view)]


def _of(column: str, view: str) -> bool:
    return column.partition(".")[0] == view
