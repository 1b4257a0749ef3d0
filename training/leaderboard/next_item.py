"""Teaches a sequence model what is taken next: full softmax after every item of every history.

The modules are those that ship as retrievers, where they are taught what is taken within a horizon; here
only the lesson differs. After each token the next item is to be told from all that the person had not
taken yet (Kang and McAuley, 2018, with all other items as negatives instead of a drawn one). A model
is taught and asked by `moments`, which know nothing newer than their token: the times of a whole window would
tell when the item that is to be guessed was taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytorch_lightning as lightning
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from training.learning.fit import fit
from training.models.gru4rec import Gru4Rec
from training.models.inputs import NULL_ROW
from training.models.optimizer import falling
from training.models.sasrec import SasRec
from training.models.top_k import FIRST_ROW

UNKNOWN = -1
NEVER = np.iinfo(np.int32).max
Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Histories:
    """User u took `items[offsets[u]:offsets[u + 1]]`, oldest first, none twice."""

    items: NDArray[np.int64]  # (n,) positions in the catalogue
    seconds: NDArray[np.int64]  # (n,) since 1970
    offsets: NDArray[np.int64]  # (U + 1,)
    catalogue: int  # items

    @property
    def users(self) -> int:
        return len(self.offsets) - 1

    def without_last(self) -> "tuple[Histories, NDArray[np.int64]]":
        """All but everybody's latest item, and (U,) that item, UNKNOWN of who has one alone."""
        several = np.diff(self.offsets) > 1
        kept = np.ones(len(self.items), dtype=np.bool_)
        kept[self.offsets[1:][several] - 1] = False
        offsets = np.append(0, np.cumsum(np.diff(self.offsets) - several))
        last = np.where(several, self.items[self.offsets[1:] - 1], UNKNOWN)
        shorter = replace(self, items=self.items[kept], seconds=self.seconds[kept], offsets=offsets)
        return shorter, last

    def places(self) -> NDArray[np.int32]:
        """(U, I) the place of each item in each history, from 0, NEVER of what wasn't taken."""
        found = np.full((self.users, self.catalogue), NEVER, dtype=np.int32)
        lengths = np.diff(self.offsets)
        user = np.repeat(np.arange(self.users), lengths)
        found[user, self.items] = np.arange(len(self.items)) - self.offsets[user]
        return found


@dataclass(frozen=True, slots=True)
class Described:
    """The item side's inputs, by position in the catalogue."""

    category_rows: Tensor  # (I, G)
    floats: Tensor  # (I, F)

    @property
    def rows(self) -> Tensor:
        return torch.arange(len(self.floats)) + FIRST_ROW


@dataclass(frozen=True, slots=True)
class Plan:
    """A model's lesson, and what is left out of it in a step."""

    epochs: int = 12
    batch: int = 32  # windows
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    dropout: float = 0.2  # of layers, and of whole identities of a history


def windows(of: Histories, users: NDArray[np.int64], ends: NDArray[np.int64], length: int) -> Batch:
    """What was taken before the positions `ends` (B,) of `items`, `length` at most, newest first."""
    back = ends[:, None] - 1 - np.arange(length)
    real = back >= of.offsets[users][:, None]
    at = np.where(real, back, 0)
    rows = np.where(real, of.items[at] + FIRST_ROW, NULL_ROW)
    seconds = np.where(real, of.seconds[at], -1)
    longest = max(1, int(real.sum(axis=1).max(initial=0)))
    return {
        "recent_item__row": torch.from_numpy(rows[:, :longest]),
        "recent_s": torch.from_numpy(seconds[:, :longest]),
    }


class Windows(IterableDataset[Batch]):
    """Batches that ask once for what followed each item; histories are cut elsewhere every epoch."""

    def __init__(self, of: Histories, length: int, size: int, seed: int) -> None:
        self.of, self.length, self.size = of, length, size
        self.places = of.places()
        self.draw = np.random.default_rng(seed)

    @property
    def batches(self) -> int:
        """Of an epoch, however the histories are cut: `size` windows each, on average."""
        of, length = self.of, self.length
        windows = (len(of.items) - of.users + of.users * length / 2) / length
        return max(1, round(windows / self.size))

    def __iter__(self) -> Iterator[Batch]:
        users, ends, counts = self._cut()
        parts = np.array_split(np.arange(len(users)), self.batches)
        for part in (one for one in parts if len(one)):
            yield self._batch(users[part], ends[part], counts[part])

    def _cut(self) -> NDArray[np.int64]:
        """(3, W) users, positions of the item that follows a window, and how many of it are asked for."""
        shifts = self.draw.integers(1, self.length + 1, self.of.users).tolist()
        found: list[tuple[int, int, int]] = []
        for user, shift in enumerate(shifts):
            start, latest = int(self.of.offsets[user]), int(self.of.offsets[user + 1]) - 1
            ends = [latest, *range(latest - shift, start, -self.length)]
            counts = [shift, *[self.length] * (len(ends) - 1)]
            found += [(user, *one) for one in zip(ends, counts, strict=True) if one[0] > start]
        return np.array(self.draw.permutation(found), dtype=np.int64).reshape(-1, 3).T

    def _batch(
        self, users: NDArray[np.int64], ends: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> Batch:
        found = windows(self.of, users, ends, self.length)
        token = np.arange(found["recent_s"].shape[1])
        following = ends[:, None] - token  # the item after each token
        asked = (found["recent_s"].numpy() >= 0) & (token < counts[:, None])
        window, _ = np.nonzero(asked)
        after = following[asked]
        place = after - self.of.offsets[users[window]]
        return found | {
            "asked": torch.from_numpy(asked),
            "wanted": torch.from_numpy(self.of.items[after]),
            "taken": torch.from_numpy(self.places[users[window]] < place[:, None]),
        }


class NextItemLesson(lightning.LightningModule):
    """Cross-entropy over all that was not taken before."""

    def __init__(
        self, model: SasRec | Gru4Rec, described: Described, plan: Plan, steps: int
    ) -> None:
        super().__init__()
        self.model, self.described = model, described
        self.plan, self.steps = plan, steps

    def training_step(self, batch: Mapping[str, Tensor], _: int) -> Tensor:
        states = self.model.moments(batch)[batch["asked"]]  # (N, D)
        scores = states @ item_vectors(self.model, self.described).T
        return functional.cross_entropy(
            scores.masked_fill_(batch["taken"], float("-inf")), batch["wanted"]
        )

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        plan = self.plan
        return falling(self.parameters(), plan.learning_rate, plan.weight_decay, self.steps)


def item_vectors(model: SasRec | Gru4Rec, described: Described) -> Tensor:
    """(I, D)."""
    return model.item(described.rows, described.category_rows, described.floats)


def teach(
    model: SasRec | Gru4Rec, of: Histories, described: Described, plan: Plan, seed: int
) -> None:
    """In place; the same seed gives the same weights."""
    batches = Windows(of, model.config.length, plan.batch, seed)
    lesson = NextItemLesson(model, described, plan, batches.batches * plan.epochs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of what is dropped
        fit(lesson, DataLoader(batches, batch_size=None), None, plan.epochs, None, progress=False)
    model.eval()


def log_likely(model: SasRec | Gru4Rec, of: Histories, described: Described) -> NDArray[np.float32]:
    """(U, I) the logarithm of how likely each item is the next, -inf of what was taken."""
    with torch.no_grad():
        batch = windows(of, np.arange(of.users), of.offsets[1:], model.config.length)
        scores = model.moments(batch)[:, 0] @ item_vectors(model, described).T
        scores = scores.masked_fill(torch.from_numpy(of.places() < NEVER), float("-inf"))
        return torch.log_softmax(scores, dim=-1).numpy()
