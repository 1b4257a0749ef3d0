"""What boosted trees are told of a person and a candidate: a line a pair, of the rankers' inputs and crosses.

Numbers stay raw, NaN where they are not known. A category is its row of the vocabulary, as a category
where there are few and as an integer where there are many. The order of a history has no columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.learning.ranker_examples import Examples
from training.models.inputs import FeatureConfig

MOST_VALUES = 255  # of what is taken as a category
USER, ITEM = ("user_float", "user_key__row"), ("item_float", "item_key__row")


@dataclass(frozen=True, slots=True)
class Lines:
    """R pairs of people and candidates."""

    values: NDArray[np.float32]  # (R, F)
    bought: NDArray[np.float64]  # (R,) 0 or 1
    counts: NDArray[np.int64]  # of those who have any, how many lines; they stand one under another
    negative_share: float = 1.0  # kept of the lines that were not bought


def lines(of: Examples, negative_share: float = 1.0) -> Lines:
    counts = np.diff(of.offsets)
    person = np.repeat(np.arange(len(counts)), counts)
    values = _joined(
        [of.users[name].numpy()[person] for name in USER if name in of.users],
        [of.items[name].numpy()[of.item.numpy()] for name in ITEM if name in of.items],
        of.crosses.numpy(),
    )
    return Lines(values, of.bought.numpy().astype(np.float64), counts[counts > 0], negative_share)


def of_batch(
    inputs: Mapping[str, Tensor], crosses: Tensor, real: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The lines of the batch's candidates that are `real` (B, C): (R, F) in the order of `lines`."""
    person, _ = np.nonzero(real)
    return _joined(
        [inputs[name].numpy()[person] for name in USER if name in inputs],
        [inputs[name].numpy()[real] for name in ITEM if name in inputs],
        crosses.numpy()[real],
    )


def categories(features: FeatureConfig) -> list[int]:
    """Places of the columns that are categories."""
    users, items = len(features.user_statistics), len(features.item_statistics)
    after_users = users + len(features.user_categories) + items
    sizes = dict(enumerate(features.user_categories, users))
    sizes |= dict(enumerate(features.item_categories, after_users))
    return [place for place, size in sizes.items() if size <= MOST_VALUES]


def _joined(
    user: list[NDArray[np.generic]],
    item: list[NDArray[np.generic]],
    crosses: NDArray[np.float32],
) -> NDArray[np.float32]:
    parts = [part.astype(np.float32, copy=False) for part in (*user, *item, crosses)]
    return np.concatenate(parts, axis=1)
