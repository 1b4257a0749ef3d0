"""A small shop: a read plan, a bundle, an item snapshot, packed rows and models of plain arithmetic."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.bundle import Bundle, BundlePolicy, SourcePolicy
from serving.features.layout import LENGTH, layout_of
from serving.features.read_plan import ReadPlan, parse_read_plan
from serving.features.redis_keys import row_key
from serving.features.snapshot import Snapshot
from serving.stages.fuse import Fusion, alone
from serving.types import OfferTable, Tensors
from tests.fakes.doors import Arrays
from tests.fakes.time import NOW_S

PROJECT = "shop"
DAY_S = 86_400
ITEMS = 40
KEYS = np.arange(ITEMS, dtype=np.int64) * 10 + 100  # 100, 110, ...
LISTED = 8
NOW_US = NOW_S * 1_000_000
EARLIER_US = NOW_US - 3_600_000_000

USER_VIEWS: dict[str, list[dict[str, Any]]] = {
    "user_profile": [{"name": "age", "dtype": "string"}, {"name": "town", "dtype": "string"}],
    "user_activity": [
        {"name": "visits", "dtype": "int64"},
        {"name": "baskets_7d", "dtype": "float32"},
        {"name": "value_28d", "dtype": "float32"},
    ],
    "user_history": [
        {"name": "owned_score", "dtype": "float32_list", "length": LISTED},
        {"name": "owned_item", "dtype": "int64_list", "length": LISTED},
    ],
}
ITEM_VIEWS: dict[str, list[dict[str, Any]]] = {
    "item_profile": [{"name": "brand", "dtype": "string"}, {"name": "type", "dtype": "string"}],
    "item_activity": [
        {"name": "popularity", "dtype": "float32"},
        {"name": "price", "dtype": "float32"},
    ],
}
USER_INPUTS: list[dict[str, Any]] = [
    {
        "name": "user_float",
        "kind": "user",
        "dtype": "float32",
        "columns": ["user_activity.value_28d", "user_activity.baskets_7d"],
    },
    {
        "name": "user_key",
        "kind": "user",
        "dtype": "int64",
        "columns": ["user_profile.town", "user_activity.visits", "user_profile.age"],
    },
    {
        "name": "owned_item",
        "kind": "user_list",
        "dtype": "int64",
        "columns": ["user_history.owned_item"],
        "length": LISTED,
    },
    {
        "name": "owned_score",
        "kind": "user_list",
        "dtype": "float32",
        "columns": ["user_history.owned_score"],
        "length": 4,
    },
    {"name": "request_time", "kind": "request_time", "dtype": "int64", "columns": []},
]
ELIGIBLE: dict[str, Any] = {
    "name": "eligible",
    "kind": "eligible",
    "dtype": "bool",
    "columns": [],
    "length": ITEMS,
}
ITEM_ID: dict[str, Any] = {"name": "item_id", "kind": "item_id", "dtype": "int64", "columns": []}
ITEM_INPUTS: list[dict[str, Any]] = [
    ITEM_ID,
    {
        "name": "item_key",
        "kind": "item",
        "dtype": "int64",
        "columns": ["item_profile.type", "item_profile.brand"],
    },
    {
        "name": "item_float",
        "kind": "item",
        "dtype": "float32",
        "columns": ["item_activity.price", "item_activity.popularity"],
    },
    {"name": "mask", "kind": "mask", "dtype": "bool", "columns": []},
]


def shop_plan(
    stale_action: str = "serve_marked",
    id_kind: str = "integer",
    members: Sequence[str] = ("ranker",),
) -> ReadPlan:
    """Views are valid for a day; every view has the same stale action."""

    def view(entity: str, columns: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "entity": entity,
            "join_key": f"{entity}_id",
            "max_age_s": DAY_S,
            "stale_action": stale_action,
            "columns": columns,
            "fingerprint": f"{layout_of(columns).fingerprint:016x}",
        }

    def model(inputs: list[dict[str, Any]], outputs: Sequence[str], *pad_to: int) -> dict[str, Any]:
        return {
            "feature_service": "any",
            "triton_model": "any",
            "pad_to": pad_to,
            "inputs": inputs,
            "outputs": [{"name": name, "dtype": "float32"} for name in outputs],
        }

    found = ("candidate_id", "candidate_score")
    ranking = model([*USER_INPUTS, *ITEM_INPUTS], ["probability"], 64, 128, 256, 512, 1024)
    models = dict.fromkeys(members, ranking) | {
        "two_tower": model([*USER_INPUTS, ELIGIBLE], found),
        "similar": model([ITEM_ID], found),
    }
    document = {
        "version": 1,
        "project": PROJECT,
        "id_kind": id_kind,
        "views": {name: view("user", columns) for name, columns in USER_VIEWS.items()}
        | {name: view("item", columns) for name, columns in ITEM_VIEWS.items()},
        "models": {name: one | {"triton_model": name} for name, one in models.items()},
    }
    return parse_read_plan(document, "the shop's plan")


def shop_bundle(plan: ReadPlan | None = None, fusion: Fusion | None = None) -> Bundle:
    fusion = fusion or alone("ranker")
    policy = BundlePolicy(
        surfaces=("SURFACE_PRODUCT",),
        fusion=fusion,
        max_candidates=512,
        sources=(
            SourcePolicy("repeat", 160, None, "user_history.owned_item"),
            SourcePolicy("two_tower", 128, "two_tower", None),
            SourcePolicy("popular", 64, None, None),
        ),
        similar_model="similar",
        classification_threshold=0.2,
    )
    manifest = {"horizon_days": 14}
    plan = plan or shop_plan(members=fusion.members)
    return Bundle(Path("nowhere"), "0123456789abcdef", manifest, plan, policy, KEYS)


def shop_snapshot(
    keys: np.ndarray[Any, np.dtype[np.int64]] = KEYS, offers: OfferTable | None = None
) -> Snapshot:
    """Item n has brand n, type 1000 + n, popularity n and price n / 10; item_profile lacks item 3."""
    n = np.arange(len(keys))
    times = np.full((len(keys), 2), EARLIER_US, dtype=np.int64)
    times[3, 0] = -1
    int64 = np.stack([1000 + n, n], axis=1)
    int64[3] = -1
    return Snapshot(
        version="snapshot-1",
        item_key=keys,
        int64=int64,
        float32=np.stack([n / 10, n], axis=1).astype(np.float32),
        event_time_us=times,
        popular=n[::-1].astype(np.int32),
        oldest_event_time_us=EARLIER_US,
        int64_columns=("item_profile.type", "item_profile.brand"),
        float32_columns=("item_activity.price", "item_activity.popularity"),
        offers=offers,
    )


def packed(plan: ReadPlan, view: str, event_time_us: int = EARLIER_US, **values: Any) -> bytes:
    """One row of a view; columns that aren't given are null."""
    layout = plan.views[view].layout
    row = layout.empty(1)
    row["event_time_us"] = event_time_us
    for name, value in values.items():
        if isinstance(value, list):
            row[name][0, : len(value)] = value
            row[name + LENGTH] = len(value)
        else:
            row[name] = value
    return row.tobytes()


def person_rows(
    plan: ReadPlan,
    user_key: int,
    owned: Sequence[int] = (),
    event_time_us: int = EARLIER_US,
    value: float = 1.0,
) -> dict[bytes, bytes]:
    """All rows of a person, by Redis key."""
    scores = [1.0 / (i + 1) for i in range(len(owned))]
    rows = {
        "user_profile": packed(plan, "user_profile", event_time_us, age=7, town=8),
        "user_activity": packed(
            plan, "user_activity", event_time_us, visits=3, baskets_7d=2.0, value_28d=value
        ),
        "user_history": packed(
            plan, "user_history", event_time_us, owned_item=list(owned), owned_score=scores
        ),
    }
    return {row_key(PROJECT, "user_id", user_key, view): row for view, row in rows.items()}


def ranker(inputs: Tensors) -> Arrays:
    """The dearer and the further from what the person spends, the less probable; 0 where masked."""
    price = np.nan_to_num(inputs["item_float"][:, :, 0])
    spent = np.nan_to_num(inputs["user_float"][:, :1])
    probability = 1.0 / (1.0 + np.abs(price - spent))
    return {"probability": np.where(inputs["mask"], probability, 0.0).astype(np.float32)}


def two_tower(inputs: Tensors) -> Arrays:
    """Ten eligible items that aren't owned, from the cheapest."""
    fresh = KEYS[~np.isin(KEYS, inputs["owned_item"]) & inputs["eligible"][0]][:10]
    found = np.append(fresh, np.full(10 - len(fresh), -1))
    return {
        "candidate_id": found[None],
        "candidate_score": np.linspace(1, 0, 10, dtype=np.float32)[None],
    }


def similar(inputs: Tensors) -> Arrays:
    """The next five items; nothing for the last item, which came after the training."""
    key = int(inputs["item_id"][0, 0])
    near = np.full(5, -1) if key == KEYS[-1] else key + 10 * np.arange(1, 6)
    return {
        "candidate_id": near[None].astype(np.int64),
        "candidate_score": np.linspace(0.9, 0.1, 5, dtype=np.float32)[None],
    }


MODELS = {"ranker": ranker, "two_tower": two_tower, "similar": similar}


def shop_offers() -> OfferTable:
    """Promotions for items 1 and 2, 10 and 11, and one for 5 that has just ended; two ads."""
    offers = {
        "cheap": ("SURFACE_PROMOTION", NOW_US + 1, 1.0, [1, 2]),
        "fair": ("SURFACE_PROMOTION", NOW_US + 1, 1.0, [10, 11]),
        "over": ("SURFACE_PROMOTION", NOW_US, 1.0, [5]),
        "paid": ("SURFACE_AD", NOW_US + 1, 10.0, [12]),
        "tiny": ("SURFACE_AD", NOW_US + 1, 1.0, [10]),
    }
    targets = [(at, row) for at, (_, _, _, rows) in enumerate(offers.values()) for row in rows]
    return OfferTable(
        offer_id=tuple(offers),
        surface=tuple(surface for surface, _, _, _ in offers.values()),
        start_us=np.full(len(offers), EARLIER_US, dtype=np.int64),
        end_us=np.array([end for _, end, _, _ in offers.values()], dtype=np.int64),
        weight=np.array([weight for _, _, weight, _ in offers.values()], dtype=np.float32),
        offer=np.array([at for at, _ in targets], dtype=np.int64),
        row=np.array([row for _, row in targets], dtype=np.int64),
    )
