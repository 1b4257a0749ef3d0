"""Bundles for tests, and ways to spoil them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from serving.bundle import content_id
from tests.fakes.policies import blended
from tests.unit.training.bundle.shop import QUOTAS
from training.bundle.folder import write_document
from training.bundle.golden_files import Golden, read_golden, write_golden
from training.bundle.manifest import manifest
from training.bundle.parity import Parity, graph_of, run, session
from training.bundle.shipped import Shipped, ShippedModel
from training.bundle.triton_config import version_of
from training.data import Prepared
from training.export import write_models
from training.models.retrievers import NAMES
from training.settings import read_settings

FIGURES = {"log_loss_calibrated": 0.15, "bought_share": 0.05, "threshold": 0.2}


def write_bundle(folder: Path, prepared: Prepared, models: Sequence[ShippedModel]) -> None:
    """Whole and sound, but for a parity check that was never made."""
    members = [m.name for m in models if m.service == "ranker"]
    absent = set(NAMES) - {m.name for m in models}
    quotas = {name: quota for name, quota in QUOTAS.items() if name not in absent}
    shipped = Shipped(tuple(models), blended(*members), quotas)
    write_models(folder, prepared, shipped, FIGURES["threshold"])
    parity = [Parity(model.name, 1e-7, 1e-7) for model in models]
    settings = read_settings(folder, {})
    document = manifest(
        settings, prepared, {"retriever": {}} | dict.fromkeys(members, FIGURES), parity
    )
    write_document(folder / "manifest.json", document)
    sign(folder)


def sign(folder: Path) -> None:
    """Names the bundle after its content, as if it had been exported so."""
    edit(folder / "manifest.json", lambda m: m | {"bundle_id": content_id(folder)})


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """`change` returns the new document, or changes the one it is given and returns None."""
    document = json.loads(path.read_text())
    changed = change(document)
    write_document(path, document if changed is None else changed)


def edit_graph(bundle: Path, model: str, change: Callable[[onnx.ModelProto], None]) -> None:
    """As an exporter would write it: the version follows the graph."""
    path = graph_of(bundle / "models", model)
    graph = onnx.load_from_string(path.read_bytes())
    change(graph)
    path.write_bytes(graph.SerializeToString())
    version = version_of(path.read_bytes())
    path.parent.rename(path.parent.with_name(version))
    edit(bundle / "read_plan.json", lambda p: p["models"][model].update(triton_version=version))


def set_weight(graph: onnx.ModelProto, name: str, value: float) -> None:
    """Fills the initialiser whose name ends so."""
    tensor = next(t for t in graph.graph.initializer if t.name.endswith(name))
    shape = numpy_helper.to_array(tensor).shape
    tensor.CopyFrom(numpy_helper.from_array(np.full(shape, value, np.float32), tensor.name))


def renew_golden(bundle: Path, model: str) -> None:
    """Takes the graph's own answers as the golden ones."""
    inputs = read_golden(bundle, model).inputs
    outputs = run(session(graph_of(bundle / "models", model)), inputs)
    write_golden(bundle / "golden" / f"{model}.npz", Golden(inputs, outputs))
