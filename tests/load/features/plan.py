"""The read plan of the made-up shop: one ranker that takes every feature."""

from typing import Any

from serving.features.read_plan import ReadPlan, parse_read_plan
from tests.load.features import shop

PAD_TO = [64, 128, 256, 512, 1024]
AFFINITY = ("key", "share", "last_s", "interval_days")
LISTS = (
    *shop.OWNED,
    "recent_item",
    *(f"{column}_{part}" for column in ("category", "brand") for part in AFFINITY),
)


def read_plan() -> ReadPlan:
    return parse_read_plan(document(), "the bench's read plan")


def document() -> dict[str, Any]:
    """The JSON, as export writes it."""
    model = {
        "feature_service": "ranker",
        "triton_model": "ranker",
        "pad_to": PAD_TO,
        "inputs": [
            _input("user_float", "user", "float32", shop.columns_of("user", "float32")),
            _input("user_key", "user", "int64", shop.columns_of("user", "int64")),
            *_lists("float32"),
            *_lists("int64"),
            _input("request_time", "request_time", "int64", []),
            _input("item_id", "item_id", "int64", []),
            _input("item_float", "item", "float32", shop.columns_of("item", "float32")),
            _input("item_key", "item", "int64", shop.columns_of("item", "int64")),
            _input("mask", "mask", "bool", []),
        ],
        "outputs": [{"name": "probability", "dtype": "float32"}],
    }
    return {
        "version": 1,
        "project": shop.PROJECT,
        "id_kind": "integer",
        "views": shop.described_views(),
        "models": {"ranker": model},
    }


def _lists(dtype: str) -> list[dict[str, Any]]:
    named = {path.partition(".")[2]: path for path in shop.columns_of("user", dtype, lists=True)}
    lengths = {f["name"]: f.get("max_length", 0) for v in shop.USER_FIELDS.values() for f in v}
    return [
        _input(name, "user_list", dtype, [path], lengths[name])
        for name, path in named.items()
        if name in LISTS
    ]


def _input(name: str, kind: str, dtype: str, columns: Any, length: int = 0) -> dict[str, Any]:
    described = {"name": name, "kind": kind, "dtype": dtype, "columns": list(columns)}
    return described | ({"length": length} if length else {})
