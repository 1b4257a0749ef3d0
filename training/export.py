"""Makes the bundle that is served: `python -m training.export --state FOLDER`.

Reads `prepared/` and `models/*.ckpt`, writes `bundles/<id>/`, asks a real Triton to serve it, and makes
it `bundles/current` if the gate lets it pass. A refused bundle leaves everything as it was.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from serving.bundle import CATALOGUE, content_id
from serving.errors import RecserveError
from serving.triton.launcher import running
from training import gate
from training.alone import alone
from training.bundle.documents import policy, read_plan, triton_config
from training.bundle.folder import prune, publish, staging, write_document
from training.bundle.golden import golden_inputs
from training.bundle.golden_files import Golden, write_golden
from training.bundle.graph import export_graph
from training.bundle.manifest import manifest, step_figures
from training.bundle.parity import Parity, check_parity
from training.bundle.shipped import Shipped, ShippedModel, load_shipped
from training.bundle.triton_config import GRAPH, version_of
from training.data import Prepared, open_prepared
from training.errors import TrainingError
from training.learning.fit import set_threads
from training.settings import TrainingSettings, read_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        settings = read_settings(given.state)
        set_threads(settings.threads)
        with alone(settings.state, "training.export", console.print):
            prepared = open_prepared(settings.prepared)
            export(settings, prepared, load_shipped(settings, prepared), console)
    except (TrainingError, RecserveError) as error:
        console.print(f"[red]export:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    return 0


def export(
    settings: TrainingSettings,
    prepared: Prepared,
    shipped: Shipped,
    console: Console,
) -> Path:
    """The folder of the new bundle, which is the current one.

    Raises:
        GateRefused: the bundle must not be served.
        TrainingError: it can't be made.
        RecserveError: Triton didn't start or answer.
    """
    figures = step_figures(settings.models)
    with staging(settings.bundles) as folder:
        threshold = float(figures["ranker"].get("threshold", "nan"))
        write_models(folder, prepared, shipped, threshold)
        parity = _parity(settings, folder, shipped.models, console)
        document = manifest(settings, prepared, figures, parity)
        write_document(folder / "manifest.json", document)
        bundle_id = content_id(folder)
        write_document(folder / "manifest.json", {"bundle_id": bundle_id, **document})
        gate.check(folder, prepared.features)
        published = publish(folder, bundle_id)
    for old in prune(settings.bundles, settings.pinned):
        console.print(f"{old} removed: not among the newest", soft_wrap=True)
    for pinned in settings.pinned:
        if not (settings.bundles / pinned).is_dir():
            console.print(f"{pinned}, which is pinned, is not there", soft_wrap=True)
    current = settings.bundles / "current"
    console.print(f"{published} passed the gate and is {current}", soft_wrap=True)
    return published


def write_models(folder: Path, prepared: Prepared, shipped: Shipped, threshold: float) -> None:
    """All of a bundle but its manifest."""
    np.save(folder / CATALOGUE, prepared.item_keys)
    write_document(
        folder / "policy.json", policy(prepared.features, threshold, shipped.fusion, shipped.quotas)
    )
    versions: dict[str, str] = {}
    for model in shipped.models:
        names = [o.name for o in model.outputs]
        graph = export_graph(
            model.module, model.inputs, names, model.vocabularies, model.candidates
        ).SerializeToString(deterministic=True)
        versions[model.name] = version_of(graph)
        path = folder / "models" / model.name / versions[model.name] / GRAPH
        path.parent.mkdir(parents=True)
        path.write_bytes(graph)
        (path.parents[1] / "config.pbtxt").write_text(triton_config(model))
        inputs = golden_inputs(prepared, model)
        write_golden(folder / "golden" / f"{model.name}.npz", Golden(inputs, model.run(inputs)))
    plan = read_plan(prepared.features, shipped.models, versions)
    write_document(folder / "read_plan.json", plan)


def _parity(
    settings: TrainingSettings, folder: Path, models: Sequence[ShippedModel], console: Console
) -> list[Parity]:
    with running(folder / "models", settings.state / "triton" / "parity") as endpoint:
        found = check_parity(models, folder / "models", endpoint)
    for parity in found:
        console.print(
            f"{parity.model}: onnxruntime differs from the framework by {parity.onnxruntime:.1e} at "
            f"most, Triton by {parity.served:.1e}",
            soft_wrap=True,
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
