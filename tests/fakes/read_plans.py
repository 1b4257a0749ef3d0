"""A read plan by hand, as export writes it."""

from typing import Any

from serving.features.fields import view_layout

FIELDS: dict[str, list[dict[str, Any]]] = {
    "item_profile": [
        {"name": "shelf", "dtype": "string"},
        {"name": "colour", "dtype": "string"},
    ],
    "item_activity": [
        {"name": "popularity", "dtype": "float32"},
        {"name": "price", "dtype": "float32"},
    ],
    "user_history": [{"name": "owned_item", "dtype": "int64_list", "max_length": 4}],
}


def described_view(name: str) -> dict[str, Any]:
    layout = view_layout(name, FIELDS[name])
    entity = name.split("_", maxsplit=1)[0]
    return {
        "entity": entity,
        "join_key": f"{entity}_id",
        "max_age_s": 3600,
        "stale_action": "serve_marked",
        "columns": [{"name": c.name, "dtype": c.dtype, "length": c.length} for c in layout.columns],
        "fingerprint": f"{layout.fingerprint:016x}",
    }


def described_input(name: str, kind: str, dtype: str, *columns: str) -> dict[str, Any]:
    return {"name": name, "kind": kind, "dtype": dtype, "columns": list(columns)}


def described_plan(id_kind: str = "integer") -> dict[str, Any]:
    """The JSON; the ranker reads fewer columns than the views have, in another order."""
    inputs = [
        described_input("owned_item", "user_list", "int64", "user_history.owned_item"),
        described_input("item_key", "item", "int64", "item_profile.colour", "item_profile.shelf"),
        described_input("item_float", "item", "float32", "item_activity.price"),
    ]
    model = {
        "feature_service": "ranker",
        "triton_model": "ranker",
        "pad_to": [64],
        "inputs": inputs,
        "outputs": [{"name": "probability", "dtype": "float32"}],
    }
    return {
        "version": 1,
        "project": "corner_shop",
        "id_kind": id_kind,
        "views": {name: described_view(name) for name in FIELDS},
        "models": {"ranker": model},
    }
