"""Examples for the ranker: candidates as they are proposed, with whether they were then bought, or what else.

What has no parameters to be taught (the crosses, the frozen tower's score) is computed here once, by the
module that ships, so that an epoch costs only what is learned.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset, Sampler

from training.candidates import Sources, gather
from training.data import read_actions, read_targets
from training.known import Known, forget, with_rows
from training.models.inputs import NULL_ROW
from training.models.ranker import Ranker

BATCH = 64  # users whose lists are padded together


@dataclass(frozen=True, slots=True)
class Sampling:
    """How training examples are thinned; validation takes all.

    Whether a candidate is kept depends on the target alone, so that the same offset makes up for it whatever
    else was done with the item. What is kept of the other actions is thinned along: their heads see the
    pairs that were bought too often, which calibration on validation mends on the whole.
    """

    negative_share: float = 1.0  # of candidates not bought
    unknown_share: float = 0.0  # of users, made strangers
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Examples:
    """N users with R candidates; user i has the candidates `offsets[i]:offsets[i + 1]`."""

    users: dict[str, Tensor]  # (N, F), (N, L)
    items: dict[str, Tensor]  # (I, G), of every cut-off side by side
    offsets: NDArray[np.int64]  # (N + 1,)
    item: Tensor  # (R,) place in `items`
    crosses: Tensor  # (R, X) float32
    bought: Tensor  # (R,) float32, 1 if the user buys the item within the horizon
    others: Tensor  # (R, A) float32, 1 if the user does that with it within the horizon


@dataclass(slots=True)
class _Parts:
    users: list[dict[str, Tensor]] = field(default_factory=list)
    counts: list[Tensor] = field(default_factory=list)
    item: list[Tensor] = field(default_factory=list)
    crosses: list[Tensor] = field(default_factory=list)
    bought: list[Tensor] = field(default_factory=list)
    others: list[Tensor] = field(default_factory=list)


def examples(known: Known, sources: Sources, ranker: Ranker, sampling: Sampling) -> Examples:
    """The candidates of all users of a cut-off."""
    random = np.random.default_rng(sampling.seed)
    labels = Labels(known)
    parts = _Parts()
    for start in range(0, len(known.users.ids), BATCH):
        which = np.arange(start, min(start + BATCH, len(known.users.ids)))
        users = known.user_inputs(which)
        forget(users, random.random(len(which)) < sampling.unknown_share)
        positions = gather(known, users, sources, exclude_purchased=False).positions
        kept = labels.of(which, positions) | (
            random.random(positions.shape) < sampling.negative_share
        )
        positions = _compact(np.where(kept, positions, -1))
        tensors = with_rows(known.prepared, known.schema, users | known.item_inputs(positions))
        with torch.no_grad():
            crosses = ranker.crosses(tensors)
        taken = torch.from_numpy(positions >= 0)
        parts.users.append(_of_users(tensors, known.schema["recent_item"].length))
        parts.counts.append(taken.sum(dim=1))
        parts.item.append(torch.from_numpy(positions)[taken])
        parts.crosses.append(crosses[taken])
        wanted = torch.from_numpy(labels.of(which, positions))
        parts.bought.append(wanted[taken].to(torch.float32))
        done = torch.from_numpy(labels.others(which, positions))
        parts.others.append(done[taken].to(torch.float32))
    return _whole(parts, _item_tensors(known))


def together(several: Sequence[Examples]) -> Examples:
    """Examples of several cut-offs as one."""
    item_counts = [len(e.items["item_float"]) for e in several]
    shifts = np.cumsum([0, *item_counts[:-1]])
    row_shifts = np.cumsum([0, *(len(e.item) for e in several[:-1])])
    offsets = [e.offsets[1:] + shift for e, shift in zip(several, row_shifts, strict=True)]
    return Examples(
        {n: torch.cat([e.users[n] for e in several]) for n in several[0].users},
        {n: torch.cat([e.items[n] for e in several]) for n in several[0].items},
        np.concatenate([np.zeros(1, dtype=np.int64), *offsets]),
        torch.cat([e.item + int(shift) for e, shift in zip(several, shifts, strict=True)]),
        torch.cat([e.crosses for e in several]),
        torch.cat([e.bought for e in several]),
        torch.cat([e.others for e in several]),
    )


def some_users(of: Examples, every: int) -> Examples:
    """One user in `every`."""
    which = np.arange(0, len(of.offsets) - 1, every)
    counts = np.diff(of.offsets)[which]
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    rows = torch.from_numpy(np.repeat(of.offsets[which], counts) + within)
    users = {name: values[torch.from_numpy(which)] for name, values in of.users.items()}
    return Examples(
        users, of.items, offsets, *(x[rows] for x in (of.item, of.crosses, of.bought, of.others))
    )


class Labels:
    """Who bought what within the horizon of a cut-off, and did what else."""

    def __init__(self, known: Known) -> None:
        self.catalogue = len(known.prepared.item_keys)
        self.bought = self._pairs(known, read_targets(known.prepared, known.cutoff))
        self.done = [
            self._pairs(known, read_actions(known.prepared, known.cutoff, kind))
            for kind in known.prepared.actions
        ]

    def of(self, which: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(B,) users and (B, C) positions in the catalogue, -1 for none: (B, C) bought."""
        return self._among(self.bought, which, positions)

    def others(self, which: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The same of the other actions: (B, C, A)."""
        found = np.zeros((*positions.shape, len(self.done)), dtype=np.bool_)
        for action, pairs in enumerate(self.done):
            found[..., action] = self._among(pairs, which, positions)
        return found

    def _pairs(self, known: Known, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Users and items as one number each, ascending."""
        ids = known.users.ids
        places = pl.DataFrame({"user_id": ids, "user": np.arange(len(ids))})
        of = rows.join(places, on="user_id", how="inner")
        return np.sort(of["user"].to_numpy() * self.catalogue + of["item"].to_numpy())

    def _among(
        self, listed: NDArray[np.int64], which: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        if not len(listed):
            return np.zeros(positions.shape, dtype=np.bool_)
        pairs = which[:, None] * self.catalogue + positions
        places = np.searchsorted(listed, pairs).clip(max=len(listed) - 1)
        found: NDArray[np.bool_] = (listed[places] == pairs) & (positions >= 0)
        return found


class ExampleBatches(Dataset[dict[str, Tensor]]):
    """The users that the sampler chose with all of their candidates, padded to the most: (B, C)."""

    def __init__(self, of: Examples) -> None:
        self.of = of
        self.counts = np.diff(of.offsets)

    def __getitem__(self, which: NDArray[np.int64]) -> dict[str, Tensor]:
        counts = self.counts[which]
        places = np.arange(counts.max())[None]
        mask = torch.from_numpy(places < counts[:, None])
        # Padding repeats the user's last candidate; whoever sums over candidates takes the mask.
        rows = torch.from_numpy(
            self.of.offsets[which][:, None] + places.clip(max=counts[:, None] - 1)
        )
        item, chosen = self.of.item[rows], torch.from_numpy(which)
        return {
            **{name: values[chosen] for name, values in self.of.users.items()},
            **{name: values[item] for name, values in self.of.items.items()},
            "crosses": self.of.crosses[rows],
            "bought": self.of.bought[rows],
            "others": self.of.others[rows],
            "mask": mask,
        }


class UserOrder(Sampler[NDArray[np.int64]]):
    """Batches of users with candidates: in a new order every epoch, or as they come."""

    def __init__(self, of: Examples, size: int, seed: int | None) -> None:
        self.users = np.flatnonzero(np.diff(of.offsets))
        self.size = size
        self.random = None if seed is None else np.random.default_rng(seed)

    def __len__(self) -> int:
        return (len(self.users) + self.size - 1) // self.size

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        mixed = self.users if self.random is None else self.random.permutation(self.users)
        for start in range(0, len(mixed), self.size):
            yield mixed[start : start + self.size]


def logits_of(ranker: Ranker, of: Examples) -> NDArray[np.float64]:
    """(R, 1 + A) of every candidate in their order, before calibration."""
    batches = (ExampleBatches(of)[which] for which in UserOrder(of, BATCH, None))
    with torch.no_grad():
        parts = [ranker.logits(batch, batch["mask"]) for batch in batches]
    return torch.cat(parts).numpy().astype(np.float64)


def _compact(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is there to the front, in its order; no wider than the most that a user has."""
    order = np.argsort(positions < 0, axis=1, kind="stable")
    width = max(1, int((positions >= 0).sum(axis=1).max(initial=0)))
    return np.take_along_axis(positions, order, axis=1)[:, :width]


def _of_users(tensors: Mapping[str, Tensor], length: int) -> dict[str, Tensor]:
    """What the networks read of users beside the crosses; histories at their full length."""
    found = {n: tensors[n] for n in ("user_float", "user_key__row", "request_time") if n in tensors}
    for name, null in (("recent_item__row", NULL_ROW), ("recent_s", -1)):
        short = length - tensors[name].shape[1]
        found[name] = functional.pad(tensors[name], (0, short), value=null)
    return found


def _item_tensors(known: Known) -> dict[str, Tensor]:
    everything = np.arange(len(known.prepared.item_keys))[None]
    inputs = with_rows(known.prepared, known.schema, known.item_inputs(everything))
    wanted = ("item_float", "item_key__row", "item_id__row")
    return {n: inputs[n][0] for n in wanted if n in inputs}


def _whole(parts: _Parts, items: dict[str, Tensor]) -> Examples:
    counts = torch.cat(parts.counts).numpy()
    return Examples(
        {n: torch.cat([u[n] for u in parts.users]) for n in parts.users[0]},
        items,
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        torch.cat(parts.item),
        torch.cat(parts.crosses),
        torch.cat(parts.bought),
        torch.cat(parts.others),
    )
