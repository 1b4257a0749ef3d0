"""What goes together with the newest items: item-to-item as it ships, told a history by places."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.leaderboard.next_item import Histories, windows
from training.learning.co_purchase import learn
from training.models.inputs import FeatureConfig
from training.models.item_to_item import ItemToItemConfig
from training.models.top_k import FIRST_ROW

AT_ONCE = 64  # people in memory together


@dataclass(frozen=True, slots=True)
class Together:
    rank: int = 256
    ridge: float = 300.0
    half_life: float = 10.0  # places; the newest is 0


def together(of: Histories, by: Together, seed: int) -> NDArray[np.float64]:
    """(U, I) scores; what was taken long ago says little."""
    once = np.full(len(of.items), np.log1p(1.0))
    shape = (of.users, of.catalogue + FIRST_ROW)
    taken = csr_matrix((once, of.items + FIRST_ROW, of.offsets), shape=shape)
    features = FeatureConfig(of.catalogue + FIRST_ROW, [], [], [], [], [], [])
    model = learn(taken, ItemToItemConfig(features, by.rank, by.ridge), seed)
    longest = int(np.diff(of.offsets).max())
    fading = torch.tensor(0.5) ** (torch.arange(longest) / by.half_life)
    parts = []
    for users in np.array_split(np.arange(of.users), -(-of.users // AT_ONCE)):
        rows = windows(of, users, of.offsets[1:][users], longest)["recent_item__row"]
        scores = fading[: rows.shape[1]].expand(rows.shape)
        person = model.user({"owned_item__row": rows, "owned_score": scores})
        parts.append(person @ model.item(torch.arange(of.catalogue) + FIRST_ROW).T)
    return torch.cat(parts).double().numpy()
