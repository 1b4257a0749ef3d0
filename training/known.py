"""Users and items as known at a cut-off, as the raw tensors of the contract.

What the gateway assembles from feature rows is assembled here from the prepared views. Lists are cut to
the longest that is present, at least 1: null entries change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data import Prepared, Users, Vocabulary, read_items, read_users
from training.schema import Schema, row_vocabularies

Raw = dict[str, NDArray[np.generic]]
ROW = "__row"


@dataclass(frozen=True, slots=True)
class Known:
    """One cut-off; users in the order asked for, items in the order of the catalogue's keys."""

    prepared: Prepared
    schema: Schema
    cutoff: datetime
    users: Users
    items: Raw  # input name: (I, G)

    def user_inputs(self, which: NDArray[np.int64]) -> Raw:
        """Everything but the candidates, for the users `which`: (B, F) and (B, L)."""
        found: Raw = {name: values[which] for name, values in self.users.scalars.items()}
        for name, lists in self.users.lists.items():
            found[name] = lists.pad(which, max(1, int(lists.lengths[which].max(initial=0))))
        now_s = int(self.cutoff.timestamp())
        return found | {"request_time": np.full((len(which), 1), now_s, dtype=np.int64)}

    def item_inputs(self, positions: NDArray[np.int64]) -> Raw:
        """(B, C) positions in the catalogue, -1 for none: ids, features and mask."""
        mask = positions >= 0
        found: Raw = {
            "item_id": np.where(mask, self.prepared.item_keys[positions], -1),
            "mask": mask,
        }
        for name, values in self.items.items():
            found[name] = values[positions]  # a copy
            found[name][~mask] = null(values)
        return found


def known_at(prepared: Prepared, schema: Schema, cutoff: datetime, user_ids: pl.Series) -> Known:
    """Reads the views; a user without a row at the cut-off has nulls and empty lists."""
    users = read_users(prepared, schema.inputs, cutoff, user_ids)
    return Known(prepared, schema, cutoff, users, read_items(prepared, schema.inputs, cutoff))


def forget(inputs: Raw, users: NDArray[np.bool_]) -> None:
    """Makes some of the batch's users unknown, in place: what the gateway sees of a stranger."""
    for name, values in inputs.items():
        if name != "request_time":
            values[users] = null(values)


def null(values: NDArray[np.generic]) -> int | float:
    return -1 if np.issubdtype(values.dtype, np.integer) else float("nan")


def with_rows(
    prepared: Prepared, schema: Schema, raw: Mapping[str, NDArray[np.generic]]
) -> dict[str, Tensor]:
    """Raw tensors, and beside those of keys their vocabulary rows under `<name>__row`."""
    tensors = {name: torch.from_numpy(values) for name, values in raw.items()}
    for name, columns in row_vocabularies(schema).items():
        if name in raw:
            vocabularies = [prepared.vocabularies[column] for column in columns]
            rows = _rows(vocabularies, raw[name].astype(np.int64, copy=False), name)
            tensors[name + ROW] = torch.from_numpy(rows)
    return tensors


def _rows(vocabularies: list[Vocabulary], keys: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Scalars have a column each along the last dimension; lists and ids have one vocabulary."""
    if name not in ("user_key", "item_key"):
        return vocabularies[0].look_up(keys)
    columns = [of.look_up(keys[..., j]) for j, of in enumerate(vocabularies)]
    return np.stack(columns, axis=-1)
