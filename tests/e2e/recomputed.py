"""The score of an answer once more: from the stored rows, in plain PyTorch, without the serving path."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serving.features.read_plan import InputPlan
from tests.e2e.shop import Shop
from training.offline import Models, score_raw

Raw = NDArray[np.generic]


def probabilities(
    models: Models, shop: Shop, user: str | None, item_ids: Sequence[str], at_us: int
) -> NDArray[np.float32]:
    """(n,) of the items, for a user, or a stranger, at a time in microseconds since 1970."""
    keys = np.array([int(item_id) for item_id in item_ids], dtype=np.int64)
    plan = shop.bundle.plan.models[shop.bundle.policy.members[0]]
    inputs = {wanted.name: tensor(wanted, shop, user, keys, at_us) for wanted in plan.inputs}
    return score_raw(models, inputs)[0]


def tensor(
    wanted: InputPlan, shop: Shop, user: str | None, keys: NDArray[np.int64], at_us: int
) -> Raw:
    match wanted.kind:
        case "request_time":
            return np.array([[at_us // 1_000_000]], dtype=np.int64)
        case "item_id":
            return keys[None]
        case "mask":
            return np.ones((1, len(keys)), dtype=bool)
        case "user":
            values = [user_value(shop, user, column) for column in wanted.columns]
            return np.array([values], dtype=wanted.dtype)
        case "user_list":
            return np.array(user_value(shop, user, wanted.columns[0]), dtype=wanted.dtype)[None]
        case "item":
            return item_values(wanted, shop, keys)


def user_value(shop: Shop, user: str | None, column: str) -> Raw | float:
    """As stored; null where there is no row."""
    view, _, name = column.partition(".")
    layout = shop.bundle.plan.views[view].layout
    row = None if user is None else shop.row(user, view)
    value: Raw = (layout.empty(1)[0] if row is None else row)[name]
    return value


def item_values(wanted: InputPlan, shop: Shop, keys: NDArray[np.int64]) -> Raw:
    """(1, C, G) from the snapshot's block, each column found by its name."""
    snapshot = shop.snapshot
    rows = np.searchsorted(snapshot.item_key, keys)
    block = snapshot.int64 if wanted.dtype == "int64" else snapshot.float32
    names = shop.bundle.plan.item_columns("int64" if wanted.dtype == "int64" else "float32")
    return block[rows][:, [names.index(column) for column in wanted.columns]][None]
