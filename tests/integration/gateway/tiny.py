"""A whole bundle and item snapshot of a few items, written by hand, for a gateway without models."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.artefacts import digest
from serving.bundle import content_id
from serving.features.snapshot_files import VERSION
from serving.stages.fuse import alone
from tests.fakes.event_views import HISTORY, described
from tests.fakes.policies import described_policy

PROJECT = "tiny"
ITEMS = 40
WIDEST = 1024
OWNED = 32
NOW_US = 1_700_000_000_000_000
VIEWS: dict[str, dict[str, Any]] = {
    "user_activity": {"entity": "user", "columns": [{"name": "baskets_7d", "dtype": "float32"}]},
    "user_history": dict(HISTORY),  # purchases change it
    "item_profile": {"entity": "item", "columns": [{"name": "department", "dtype": "string"}]},
    "item_activity": {"entity": "item", "columns": [{"name": "popularity", "dtype": "float32"}]},
}


def write_bundle(folder: Path, version: str = "") -> Path:
    """A ranker, a two-tower model and a similar model, none of which any Triton serves."""
    folder.mkdir(parents=True)
    plan = read_plan()
    for described_model in plan["models"].values():
        described_model["triton_version"] = version
    write_json(folder / "read_plan.json", plan)
    write_json(folder / "policy.json", POLICY)
    manifest: dict[str, Any] = {
        "version": 1,
        "bundle_id": "",
        "project": PROJECT,
        "created_at": "2026-01-01T00:00:00Z",
        "feature_services": {},
        "horizon_days": 14,
    }
    write_json(folder / "manifest.json", manifest)
    write_json(folder / "manifest.json", manifest | {"bundle_id": content_id(folder)})
    return folder


def write_snapshot(folder: Path, popular: Sequence[int] | None = None) -> Path:
    """`popular` lists rows, best selling first; a version of its own by the folder's name."""
    folder.mkdir(parents=True)
    best = range(ITEMS) if popular is None else popular
    arrays = {
        "item_key": np.arange(100, 100 + ITEMS, dtype=np.int64),
        "int64": np.ones((ITEMS, 1), dtype=np.int64),
        "float32": np.linspace(1, 0, ITEMS, dtype=np.float32)[:, None],
        "event_time_us": np.full((ITEMS, 2), NOW_US, dtype=np.int64),
        "popular": np.array(best, dtype=np.int32),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    item_views = {n: v for n, v in read_plan()["views"].items() if v["entity"] == "item"}
    write_json(
        folder / "manifest.json",
        {
            "version": VERSION,
            "snapshot_version": folder.name,
            "project": PROJECT,
            "built_at": "2026-01-01T00:00:00Z",
            "count": ITEMS,
            "stream_position": "0-0",
            "oldest_event_time_us": NOW_US,
            "int64_columns": ["item_profile.department"],
            "float32_columns": ["item_activity.popularity"],
            "fingerprints": {name: view["fingerprint"] for name, view in item_views.items()},
            "sha256": {f"{name}.npy": digest(folder / f"{name}.npy") for name in arrays},
        },
    )
    return folder


def point(link: Path, target: Path) -> Path:
    """Makes `link` lead to `target`, at once for whoever reads it."""
    beside = link.with_name(f".{link.name}.new")
    beside.symlink_to(target)
    os.replace(beside, link)  # noqa: PTH105 - Path.replace would follow neither
    return link


def write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document))


def read_plan() -> dict[str, Any]:
    return {
        "version": 1,
        "project": PROJECT,
        "id_kind": "integer",
        "views": described(VIEWS),
        "models": {
            "ranker": model("ranker", [64, WIDEST], [*USER, *ITEM], [("probability", "float32")]),
            "two_tower": model("two_tower", [], USER, FOUND),
            "similar": model("similar", [], [ITEM[0]], FOUND),
        },
    }


def model(
    name: str, pad_to: list[int], inputs: list[dict[str, Any]], outputs: list[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "feature_service": name,
        "triton_model": name,
        "pad_to": pad_to,
        "inputs": inputs,
        "outputs": [{"name": output, "dtype": dtype} for output, dtype in outputs],
    }


def tensor(name: str, kind: str, dtype: str, *columns: str, length: int = 0) -> dict[str, Any]:
    return {"name": name, "kind": kind, "dtype": dtype, "columns": columns, "length": length}


FOUND = [("candidate_id", "int64"), ("candidate_score", "float32")]
USER = [
    tensor("user_float", "user", "float32", "user_activity.baskets_7d"),
    tensor("owned_item", "user_list", "int64", "user_history.owned_item", length=OWNED),
    tensor("request_time", "request_time", "int64"),
]
ITEM = [
    tensor("item_id", "item_id", "int64"),
    tensor("item_key", "item", "int64", "item_profile.department"),
    tensor("item_float", "item", "float32", "item_activity.popularity"),
    tensor("mask", "mask", "bool"),
]
SOURCES: dict[str, dict[str, Any]] = {
    "repeat": {"quota": 160, "items": "user_history.owned_item"},
    "two_tower": {"quota": 128, "model": "two_tower"},
    "popular": {"quota": 64},
}
POLICY = described_policy(SOURCES, alone("ranker")) | {"similar": {"model": "similar"}}
