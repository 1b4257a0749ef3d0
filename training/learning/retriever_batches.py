"""Batches for the retriever: users of one cut-off, what they bought first, and drawn negatives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from training.data import (
    Prepared,
    Users,
    known_users,
    read_items,
    read_targets,
    read_users,
    vocabulary_rows,
)
from training.models.inputs import NULL_ROW
from training.ragged import Ragged
from training.schema import ITEM, Schema, list_vocabulary

FIRST_ROW = 2  # of the catalogue in the item vocabulary
SMOOTHING = 0.75  # negatives are drawn from popularity to this power

Chosen = tuple[int, NDArray[np.int64]]  # a cut-off's position and those of its users


@dataclass(frozen=True, slots=True)
class Moment:
    """A cut-off: its users, its items, and who first bought what in the horizon."""

    users: Users
    item_rows: NDArray[np.int64]  # (I,) vocabulary rows
    item_key_rows: NDArray[np.int64]  # (I, G)
    item_float: NDArray[np.float32]  # (I, F)
    bought: Ragged  # per user, positions in the catalogue
    drawn: NDArray[np.float64]  # (I,) probability of one draw


def read_moment(prepared: Prepared, schema: Schema, cutoff: datetime) -> Moment:
    """Everything about a cut-off that the retriever needs; key lists become vocabulary rows."""
    raw = read_users(prepared, schema.for_retrievers(), cutoff, known_users(prepared, cutoff))
    items = read_items(prepared, schema.inputs, cutoff)
    bought = _bought(prepared, cutoff, raw)
    counts = np.bincount(bought.values.astype(np.int64), minlength=len(prepared.item_keys))
    weights = (counts + 1.0) ** SMOOTHING
    return Moment(
        timed(as_rows(prepared, schema, raw), cutoff),
        prepared.vocabularies[ITEM].look_up(prepared.item_keys),
        item_category_rows(prepared, schema, items),
        item_floats(prepared, items),
        bought,
        weights / weights.sum(),
    )


def catalogue_tensors(moment: Moment) -> dict[str, Tensor]:
    """The item tower's inputs for the whole catalogue."""
    return {
        "pool_row": torch.from_numpy(moment.item_rows),
        "pool_key__row": torch.from_numpy(moment.item_key_rows),
        "pool_float": torch.from_numpy(moment.item_float),
    }


def item_category_rows(
    prepared: Prepared, schema: Schema, items: dict[str, NDArray[np.generic]]
) -> NDArray[np.int64]:
    if "item_key" not in items:
        return np.zeros((len(prepared.item_keys), 0), dtype=np.int64)
    keys = items["item_key"].astype(np.int64, copy=False)
    return vocabulary_rows(prepared, schema["item_key"].columns, keys)


def item_floats(prepared: Prepared, items: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    nothing = np.zeros((len(prepared.item_keys), 0), dtype=np.float32)
    return items.get("item_float", nothing).astype(np.float32, copy=False)


def as_rows(prepared: Prepared, schema: Schema, raw: Users) -> Users:
    """Replaces the keys that are embedded by vocabulary rows, under `<name>__row`."""
    scalars = dict(raw.scalars)
    if "user_key" in scalars:
        keys = scalars.pop("user_key").astype(np.int64, copy=False)
        scalars["user_key__row"] = vocabulary_rows(prepared, schema["user_key"].columns, keys)
    lists: dict[str, Ragged] = {}
    for name, values in raw.lists.items():
        vocabulary = list_vocabulary(name)
        if vocabulary is None:
            lists[name] = values
        else:
            rows = prepared.vocabularies[vocabulary].look_up(values.values.astype(np.int64))
            lists[f"{name}__row"] = values.mapped(rows, NULL_ROW)
    return Users(raw.ids, scalars, lists)


def timed(users: Users, cutoff: datetime) -> Users:
    """Everybody asks at the cut-off."""
    now = np.full((len(users.ids), 1), int(cutoff.timestamp()), dtype=np.int64)
    return Users(users.ids, users.scalars | {"request_time": now}, users.lists)


def user_tensors(
    users: Users, which: NDArray[np.int64], widths: dict[str, int]
) -> dict[str, Tensor]:
    """Padded tensors of some users; `widths` gives a list's full length, cut to the longest present."""
    found = {name: torch.from_numpy(values[which]) for name, values in users.scalars.items()}
    for name, lists in users.lists.items():
        width = min(widths[name], max(1, int(lists.lengths[which].max(initial=0))))
        found[name] = torch.from_numpy(lists.pad(which, width))
    return found


class RetrieverBatches(Dataset[dict[str, Tensor]]):
    """Makes the batch for the users that the sampler chose.

    One generator, seeded at the start, draws negatives and who is forgotten, batch after batch: what a batch
    holds hangs on those made before it, so that they are made in order and by one process.
    """

    def __init__(
        self,
        moments: Sequence[Moment],
        widths: dict[str, int],
        negatives: int,
        unknown: float,
        seed: int,
    ) -> None:
        self.moments, self.widths = moments, widths
        self.negatives, self.unknown = negatives, unknown
        self.random = np.random.default_rng(seed)

    def __getitem__(self, chosen: Chosen) -> dict[str, Tensor]:
        moment, which = self.moments[chosen[0]], chosen[1]
        tensors = user_tensors(moment.users, which, self.widths)
        owned = _dense(moment, tensors["owned_item__row"].numpy() - FIRST_ROW)
        buyers, bought = _purchases(moment.bought, which)
        owned[buyers, bought] = True
        drawn = np.unique(self.random.choice(len(moment.drawn), self.negatives, p=moment.drawn))
        pool = np.union1d(drawn, bought)
        barred = owned[:, pool] | ~np.isin(pool, drawn)
        self._forget(tensors)
        rows = moment.item_rows[pool]
        rows = np.where(self.random.random(len(pool)) < self.unknown, 0, rows)
        log_q = np.log(-np.expm1(self.negatives * np.log1p(-moment.drawn[pool])))
        return tensors | {
            "pool_row": torch.from_numpy(rows),
            "pool_key__row": torch.from_numpy(moment.item_key_rows[pool]),
            "pool_float": torch.from_numpy(moment.item_float[pool]),
            "pool_log_q": torch.from_numpy(log_q.astype(np.float32)),
            "barred": torch.from_numpy(barred),
            "bought_user": torch.from_numpy(buyers),
            "bought_item": torch.from_numpy(np.searchsorted(pool, bought)),
        }

    def _forget(self, tensors: dict[str, Tensor]) -> None:
        """Blanks some users, and some ids in lists, so that the unknown is something learned."""
        count = len(tensors["owned_item__row"])
        unknown = torch.from_numpy(self.random.random(count) < self.unknown)
        for name, values in tensors.items():
            if name != "request_time":
                rows = NULL_ROW if name.endswith("__row") else -1
                values[unknown] = float("nan") if values.is_floating_point() else rows
        for name in ("owned_item__row", "recent_item__row"):
            strange = self.random.random(tensors[name].shape) < self.unknown / 3
            tensors[name][torch.from_numpy(strange) & (tensors[name] != NULL_ROW)] = 0


class RetrieverValidation(Dataset[dict[str, Tensor]]):
    """Users with purchases against the whole catalogue, in fixed batches; nothing is drawn."""

    def __init__(self, moment: Moment, widths: dict[str, int], size: int) -> None:
        buyers = np.flatnonzero(moment.bought.lengths)
        self.moment, self.widths = moment, widths
        self.parts = [buyers[i : i + size] for i in range(0, len(buyers), size)]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        which = self.parts[position]
        tensors = user_tensors(self.moment.users, which, self.widths)
        owned = _dense(self.moment, tensors["owned_item__row"].numpy() - FIRST_ROW)
        buyers, bought = _purchases(self.moment.bought, which)
        return tensors | {
            "barred": torch.from_numpy(owned),
            "bought_user": torch.from_numpy(buyers),
            "bought_item": torch.from_numpy(bought),
        }


class ShuffledUsers(Sampler[Chosen]):
    """Batches of users with purchases, one cut-off a batch, in a new order every epoch."""

    def __init__(self, moments: Sequence[Moment], size: int, seed: int) -> None:
        self.size = size
        self.buyers = [np.flatnonzero(m.bought.lengths) for m in moments]
        self.random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return sum(-(-len(buyers) // self.size) for buyers in self.buyers)

    def __iter__(self) -> Iterator[Chosen]:
        batches: list[Chosen] = []
        for position, buyers in enumerate(self.buyers):
            mixed = self.random.permutation(buyers)
            batches += [
                (position, mixed[i : i + self.size]) for i in range(0, len(mixed), self.size)
            ]
        for k in self.random.permutation(len(batches)):
            yield batches[k]


def _bought(prepared: Prepared, cutoff: datetime, users: Users) -> Ragged:
    """First purchases in the horizon by user; repeats have a candidate source of their own."""
    targets = read_targets(prepared, cutoff)
    positions = dict(zip(users.ids.to_list(), range(len(users.ids)), strict=True))
    new = targets.filter("is_new")
    who = np.array([positions.get(u, -1) for u in new["user_id"].to_list()], dtype=np.int64)
    items = new["item"].to_numpy()[who >= 0]
    who = who[who >= 0]
    order = np.lexsort((items, who))
    offsets = np.zeros(len(users.ids) + 1, dtype=np.int64)
    np.cumsum(np.bincount(who, minlength=len(users.ids)), out=offsets[1:])
    return Ragged(items[order], offsets, -1)


def _purchases(
    bought: Ragged, which: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(position in `which`, item) of every purchase."""
    width = max(1, int(bought.lengths[which].max(initial=0)))
    padded = bought.pad(which, width).astype(np.int64, copy=False)
    users, places = np.nonzero(padded >= 0)
    return users, padded[users, places]


def _dense(moment: Moment, items: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(B, L) positions in the catalogue, negative for none, to (B, I) true where listed."""
    found = np.zeros((len(items), len(moment.drawn)), dtype=np.bool_)
    users, places = np.nonzero(items >= 0)
    found[users, items[users, places]] = True
    return found
