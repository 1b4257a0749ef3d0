"""The bundle's manifest: where it comes from and what was measured."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.bundle.code_version import code_version
from training.bundle.documents import OWNED, VERSION, service_fingerprints
from training.bundle.parity import Parity
from training.data import Prepared
from training.errors import CheckpointError
from training.settings import TrainingSettings

STEPS = ("retriever", "ranker")
PER_RUN = ("seconds", "peak_memory_bytes")  # of the run, not of what it made


def step_figures(models: Path) -> dict[str, dict[str, Any]]:
    """What each training step measured, and each member of the fusion by its own name.

    Raises:
        CheckpointError: a step left no figures.
    """
    missing = [name for name in STEPS if not (models / f"{name}.json").is_file()]
    if missing:
        raise CheckpointError(
            f"{models} has no figures of {', '.join(missing)} ({missing[0]}.json); "
            f"run training.train_{missing[0]} first"
        )
    found = {name: json.loads((models / f"{name}.json").read_text()) for name in STEPS}
    members: dict[str, dict[str, Any]] = found["ranker"].pop("members", {})
    return members | {
        name: {k: v for k, v in figures.items() if k not in PER_RUN}
        for name, figures in found.items()
    }


def manifest(
    settings: TrainingSettings,
    prepared: Prepared,
    metrics: Mapping[str, Any],
    parity: Sequence[Parity],
) -> dict[str, Any]:
    """All but `bundle_id`, which the content decides."""
    features, code = prepared.features, code_version()
    view, name = OWNED.split(".")
    owned = next(f for f in features["views"][view]["fields"] if f["name"] == name)
    return {
        "version": VERSION,
        "project": features["project"],
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "code_commit": code.commit,
        "code_changed": code.changed,
        "feature_services": service_fingerprints(features),
        "training": {
            "now": str(features["now"]),
            "cutoffs": [str(cutoff) for cutoff in features["cutoffs"]],
            "seed": settings.seed,
            "parameters": settings.model_dump(mode="json", exclude={"state", "seed"}),
        },
        "metrics": dict(metrics),
        "parity": {
            p.model: {"onnxruntime": bound(p.onnxruntime), "served": bound(p.served)}
            for p in parity
        },
        "purchase_list_length": owned["max_length"],
        "horizon_days": features["horizon_days"],
    }


def bound(apart: float | None) -> float | None:
    """The next power of ten.

    Exact differences vary with how a run splits its sums; the bundle's name covers the manifest, and
    must not.
    """
    if apart is None or not math.isfinite(apart):
        return apart
    return float(f"1e{math.ceil(math.log10(apart))}") if apart > 0 else 0.0
