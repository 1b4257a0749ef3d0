"""What a bundle's documents say: read plan, policy and Triton's configuration of each model."""

from collections.abc import Mapping, Sequence
from typing import Any

from serving.bundle import POLICY_VERSION
from serving.features.fields import view_layout
from serving.features.layout import Column, Layout
from serving.stages.fuse import Fusion
from training.bundle.graph import tensor_shape
from training.bundle.shipped import ShippedModel
from training.bundle.triton_config import FREE, TensorForm, config_text
from training.models.retrievers import NAMES
from training.policy import MAX_CANDIDATES, REPEAT
from training.schema import Input, service_fields

VERSION = 1  # of read plan and manifest
STALE_ACTION = "serve_marked"  # of a view that declares none
SIMILAR = "similar"
OWNED = "user_history.owned_item"


def read_plan(
    features: Mapping[str, Any], models: Sequence[ShippedModel], versions: Mapping[str, str]
) -> dict[str, Any]:
    """Every view that a model reads, whole as its rows are stored, and every model's tensors and version."""
    used = {column.split(".")[0] for m in models for i in m.inputs for column in i.columns}
    return {
        "version": VERSION,
        "project": features["project"],
        "id_kind": features["id_kind"],
        "views": {name: _view(name, v) for name, v in features["views"].items() if name in used},
        "models": {model.name: _model(model, versions[model.name]) for model in models},
    }


def _view(name: str, view: Mapping[str, Any]) -> dict[str, Any]:
    layout = view_layout(name, view["fields"])
    return {
        "entity": view["entity"],
        "join_key": f"{view['entity']}_id",
        "max_age_s": view["max_age_s"],
        "stale_action": view.get("stale_action", STALE_ACTION),
        **({"updates": view["updates"]} if "updates" in view else {}),
        "columns": [{"name": c.name, "dtype": c.dtype, "length": c.length} for c in layout.columns],
        "fingerprint": f"{layout.fingerprint:016x}",
    }


def _model(model: ShippedModel, version: str) -> dict[str, Any]:
    return {
        "feature_service": model.service,
        "triton_model": model.name,
        "triton_version": version,
        "pad_to": list(model.pad_to),
        "inputs": [_input(i) for i in model.inputs],
        "outputs": [{"name": o.name, "dtype": o.dtype} for o in model.outputs],
    }


def _input(wanted: Input) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": wanted.name,
        "kind": wanted.kind,
        "dtype": wanted.dtype,
        "columns": list(wanted.columns),
    }
    return described | ({"length": wanted.length} if wanted.length else {})


def service_fingerprints(features: Mapping[str, Any]) -> dict[str, str]:
    """Of each feature service: a layout's fingerprint over its fields by full name, in its order."""
    found: dict[str, str] = {}
    for service in features["services"]:
        fields = service_fields(features, service)
        columns = tuple(Column(f.path, f.dtype, f.length) for f in fields)  # type: ignore[arg-type]
        found[service] = f"{Layout(columns).fingerprint:016x}"
    return found


def policy(
    features: Mapping[str, Any], threshold: float, fusion: Fusion, quotas: Mapping[str, int]
) -> dict[str, Any]:
    """How the gateway answers: on which surface, from which sources, by which models."""
    sources: dict[str, dict[str, Any]] = {name: {"quota": quota} for name, quota in quotas.items()}
    sources[REPEAT]["items"] = OWNED
    for name in sources.keys() & set(NAMES):
        sources[name]["model"] = name
    return {
        "version": POLICY_VERSION,
        "surfaces": [f"SURFACE_{features['surface'].upper()}"],
        "members": list(fusion.members),
        "fusion": [
            {"members": list(b.members), "weights": list(b.weights), "offset": b.offset}
            for b in fusion.blends
        ],
        "max_candidates": MAX_CANDIDATES,
        "sources": sources,
        "similar": {"model": SIMILAR},
        "classification_threshold": threshold,
    }


def triton_config(model: ShippedModel) -> str:
    """config.pbtxt; warm-up runs every planned number of candidates."""
    return config_text(
        model.name,
        model.max_batch,
        [TensorForm(i.name, i.dtype, _dims(model, i)) for i in model.inputs],
        [TensorForm(o.name, o.dtype, (o.width,)) for o in model.outputs],
        {f"{count} candidates": count for count in model.pad_to or (1,)},
    )


def _dims(model: ShippedModel, wanted: Input) -> tuple[int, ...]:
    shape = tensor_shape(wanted, model.candidates)[1:]
    return tuple(FREE if isinstance(d, str) else d for d in shape)
